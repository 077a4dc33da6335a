"""Attackers by motion, asked about people never met, and attackers who find the code in a picture.

Three ways to get courses of numbers out of releases, and the same questions to all of them:

moved    Units, by a reader that she trains on releases of people she owns. Her own people are read by readers
         that have not seen them, so that their courses are no better than those of victims.
reread   Codes, by the anonymizer's own encoder, which is published and frozen.
undrawn  Codes, by whoever has the anonymizer and learns its drawings by heart, see `_undraw`.

`coded` asks the same of the code itself, without a picture. Each is kept. Faces are released once and serve
all three.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import anonymize, identity, utility
from ..anonymize_nets import UNITS
from ..anonymize_scores import correlations
from ..cache import cache_dir
from ..preprocess import FaceSequence
from . import _privacy_lab as lab
from . import _privacy_people as crowd
from . import _undraw, _units

FOLDS = 5
RUNGS = ("levels", "courses", "both")
PARTS = {"levels": 72, "courses": 60}  # principal components, as for the code and the true units elsewhere
HIDDEN = "anonymizer, per clip"
_RECIPE = ("experiments/_privacy_motion",)

Courses = Sequence[np.ndarray]  # of each clip (T, C), the first 22 columns are units
Arrays = dict[str, np.ndarray]


# ---------------------------------------------------------------- what is asked of courses


def alike(own: np.ndarray, met: np.ndarray, person: np.ndarray, parts: int) -> np.ndarray:
    """Return how alike clips of people never met are, (N, N), by what sets her own people apart (M,)."""
    embedded = identity.Discriminants(own, person, parts=parts).embed(met)
    return embedded @ embedded.T


def levels(courses: Courses) -> np.ndarray:
    """Return mean, least and greatest of each number over a clip, (N, 3 C).

    Examples
    --------
    >>> levels([np.array([[0.0], [1.0], [5.0]])]).tolist()
    [[2.0, 0.0, 5.0]]
    """
    return np.stack([np.concatenate([c.mean(0), c.min(0), c.max(0)]) for c in courses])


def similarities(own: Courses, met: Courses, mine: crowd.People, them: crowd.People) -> Arrays:
    """Return for each rung how alike victims' clips are, (N, N), learned on her own people."""

    def rows(courses: Courses, group: crowd.People) -> np.ndarray:
        return lab.motion_rows([c[:, :UNITS] for c in courses], group)

    out = {
        "levels": alike(levels(own), levels(met), mine.person, PARTS["levels"]),
        "courses": alike(rows(own, mine), rows(met, them), mine.person, PARTS["courses"]),
    }
    return out | {"both": (out["levels"] + out["courses"]) / 2}


def scores(met: Courses, them: crowd.People) -> Arrays:
    """Return for each rung log-scores (probes, P) of an attacker who knows the victims from two sessions."""
    gallery, probe = np.isin(them.session, crowd.KNOWN), them.session == crowd.MET
    rows = levels(met)
    model = identity.Discriminants(rows[gallery], them.person[gallery], parts=PARTS["levels"])
    out = {
        "levels": model.scores(rows[probe]),
        "courses": lab.by_motion([c[:, :UNITS] for c in met], them),
    }
    return out | {"both": out["levels"] + out["courses"]}


def answers(named: Arrays, pairs: Arrays, them: crowd.People) -> Arrays:
    """Return `parrot/<rung>` (probes,), `linked/<rung>` (people,) and `eer/<rung>` (value, low, high)."""
    people, probes = np.unique(them.person), them.person[them.session == crowd.MET]
    out: Arrays = {}
    for rung, table in named.items():
        out[f"parrot/{rung}"] = identity.hits(table, people, probes)
        sums, who = identity.linked(table, probes)
        out[f"linked/{rung}"] = identity.hits(sums, people, who)
    for rung, table in pairs.items():
        found = identity.verification(table, them.person, them.session)
        out[f"eer/{rung}"] = np.array([found.value, found.low, found.high])
    return out


def asked(own: Courses, met: Courses, split: str) -> Arrays:
    """Ask all questions about courses of her own people and of the victims."""
    mine, them = crowd.owned(), crowd.victims(split)
    return answers(scores(met, them), similarities(own, met, mine, them), them)


# ---------------------------------------------------------------- codes and releases


def recipe(*names: str, modules: Sequence[str] = ()) -> str:
    """Hash of all that decides a measurement: those of the methods that take part, and this code."""
    parts = [lab.recipe(lab.methods()[name]) for name in names]
    return _units.recipe(*parts, modules=(*_RECIPE, *modules))


def kept(what: str, split: str, name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Return a measurement that is kept under its kind, block, method and recipe, or make it."""
    folder: Path = cache_dir() / "experiments" / "privacy_motion" / what / split
    return _units.kept(folder / f"{name.replace(' ', '-')}-{key}.npz", make)


@functools.lru_cache(maxsize=2)
def codes(split: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the codes (T, 24) that pass from each clip of her own people, and of the victims."""
    models = anonymize.load()

    def made(group: crowd.People) -> Arrays:
        return {"codes": np.concatenate([anonymize.encode(face, models) for face in group.faces])}

    out = []
    for block, group in (("attacker", crowd.owned()), (split, crowd.victims(split))):
        key = lab.recipe(lab.methods()[HIDDEN])
        table = kept("codes", block, HIDDEN, key, functools.partial(made, group))["codes"]
        out.append(np.split(table, np.cumsum([len(face) for face in group.faces])[:-1]))
    return out[0], out[1]


def drawn(face: FaceSequence, code: np.ndarray, method: lab.Method) -> np.ndarray:
    """Return what the anonymizer releases of a clip whose code (T, 24) is known, (T, 64, 64) uint8."""
    models, pseudonym = anonymize.load(), method.name.endswith("person")
    donor = lab.donor_of(face, crowd.generator(face), models.donors, pseudonym)
    out, found = np.zeros_like(face.crops), face.crops.any((1, 2))
    out[found] = anonymize.draw(code[found], donor, models)
    return out


@functools.lru_cache(maxsize=1)
def shown(name: str, split: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Release all clips of her own people and of the victims by a method, each (T, 64, 64) uint8."""
    method, groups = lab.methods()[name], (crowd.owned(), crowd.victims(split))
    if not method.family.startswith("anonymizer"):
        return lab.released(method, groups[0]), lab.released(method, groups[1])
    own, met = (
        [drawn(face, code, method) for face, code in zip(group.faces, part, strict=True)]
        for group, part in zip(groups, codes(split), strict=True)
    )
    return own, met


# ---------------------------------------------------------------- the attackers


def own_courses(frames: Sequence[np.ndarray], crops: np.ndarray, mine: crowd.People) -> list[np.ndarray]:
    """Return units (T, 22) of her own clips, each read by a reader that has not seen this person.

    Parameters
    ----------
    frames : of each clip, (T, 64, 64) as released
    crops : (N, F, 64, 64), the chosen ones
    mine : her own people
    """
    fold, out = np.unique(mine.person, return_inverse=True)[1] % FOLDS, [np.zeros((0, UNITS))] * len(frames)
    for k in np.unique(fold):
        learn = fold != k
        reader = utility.learn_reader(crops[learn], mine.truth[learn], mine.label[learn])
        for i in np.flatnonzero(~learn):
            out[i] = reader.read_units(identity.edges(frames[i]))
    return out


def moved(name: str, split: str) -> Arrays:
    """Return the answers of who reads units from releases herself; `eer/everything` counts looks, too."""

    def make() -> Arrays:
        mine, them = crowd.owned(), crowd.victims(split)
        own, met = shown(name, split)
        crops = lab.picked(own, mine)
        reader = utility.learn_reader(crops, mine.truth, mine.label)
        read = [reader.read_units(identity.edges(frames)) for frames in met]
        pairs = similarities(own_courses(own, crops, mine), read, mine, them)
        points = mine.points()[:, ::2].reshape(-1, 478, 2)
        sight = identity.learn_sight(crops[:, ::2].reshape(-1, 64, 64), points)
        looks = [sight.features(c) for c in (crops, lab.picked(met, them))]
        tables = [
            alike(looks[0][part], looks[1][part], mine.person, identity.PARTS[part])
            for part in identity.LADDER["mesh"]
        ]
        pairs["everything"] = np.mean([*tables, pairs["courses"]], axis=0)
        return answers(scores(read, them), pairs, them)

    return kept("moved", split, name, recipe(name), make)


def reread(name: str, split: str) -> Arrays:
    """Return the answers of who reads releases by the anonymizer's own encoder, frozen.

    What is drawn is livened already, so she takes what is read as it is: a second gain would only clip it.
    """

    def make() -> Arrays:
        plain = replace(anonymize.load(), gain=None, offset=None)
        own, met = (
            [anonymize.encode(x, plain, fps=f.fps) for x, f in zip(frames, group.faces, strict=True)]
            for frames, group in zip(shown(name, split), (crowd.owned(), crowd.victims(split)), strict=True)
        )
        return asked(own, met, split)

    return kept("reread", split, name, recipe(name, HIDDEN), make)


def undrawn(split: str) -> Arrays:
    """Return the answers of who learned the published drawings by heart, on releases with a donor per clip.

    Besides: `donor` (N,), 1.0 where she names the donor of a victim's clip; `found` (24,), the correlations
    of her codes with those that were drawn; `learned` (2,), her penalty and the fit on drawings kept out.
    """

    def make() -> Arrays:
        passed, them, models = codes(split), crowd.victims(split), anonymize.load()
        way = _undraw.learn(np.concatenate(passed[0]), models)
        named = [[way.donor(frames) for frames in part] for part in shown(HIDDEN, split)]
        own, met = (
            [way.read(frames, donor) for frames, donor in zip(part, donors, strict=True)]
            for part, donors in zip(shown(HIDDEN, split), named, strict=True)
        )
        truth = [lab.donor_of(face, crowd.generator(face), models.donors, False) for face in them.faces]
        return asked(own, met, split) | {
            "donor": (np.array(named[1]) == truth).astype(float),
            "found": correlations(np.concatenate(met), np.concatenate(passed[1])),
            "learned": np.array([way.penalty, way.fit]),
        }

    return kept("undrawn", split, HIDDEN, recipe(HIDDEN, modules=["experiments/_undraw"]), make)


def coded(split: str) -> Arrays:
    """Return the answers of an attacker who is given the code itself, and no picture."""
    return kept("coded", split, HIDDEN, recipe(HIDDEN), lambda: asked(*codes(split), split))
