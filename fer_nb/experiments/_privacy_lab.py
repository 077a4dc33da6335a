"""The methods that the privacy experiments compare, and one kept measurement for each of them.

A method releases the clips of the attacker's own people and of the victims. From these the attackers learn
to see and to recognize, and a recipient learns to read. What they get out of a method is kept, so that
`privacy_identity` and `privacy_utility` measure each method once.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import checkpoints, identity, mime, redact, utility
from ..cache import cache_dir
from ..labels import LABELS
from ..preprocess import FaceSequence
from . import _privacy_people as crowd
from . import _units
from .mime_identity import motion_features

RUNGS = (*identity.LADDER, "motion", "everything")
TREES = 400  # of the forest that knows people by how they move
_RECIPE = ("features", "crops", "preprocess", "redact", "identity", "utility", "experiments/mime_identity",
           "experiments/_privacy_people", "experiments/_privacy_lab")  # fmt: skip
_ANONYMIZER = ("anonymize", "anonymize_nets", "head_pose")


@dataclass(frozen=True)
class Method:
    """One way to release faces at one strength. Methods of a family are swept from weak to strong."""

    name: str
    family: str
    strength: float
    make: Callable[[], redact.Release]


def anonymizer(*, pseudonym: bool) -> redact.Release:
    """Return the trained anonymizer; its donor is drawn for each clip, or fixed for each person."""
    from .. import anonymize

    models = anonymize.load()

    def release(face: FaceSequence, rng: np.random.Generator) -> np.ndarray:
        return anonymize.release(face, donor_of(face, rng, models.donors, pseudonym), models=models)

    return release


def donor_of(face: FaceSequence, rng: np.random.Generator, donors: int, pseudonym: bool) -> int:
    """Draw a donor: from the generator of the clip, or from the person's name."""
    from .. import anonymize

    if pseudonym:
        return int(anonymize.per_person([str(face.subject)], donors, secret="book")[0])
    return int(rng.integers(donors))


def methods() -> dict[str, Method]:
    """All methods by name, from weak to strong within each family."""

    def k_same(k: int) -> redact.Release:
        return redact.k_same(k, crowd.lent(), crowd.read)

    def landmarks(strength: float) -> redact.Release:
        return redact.landmarks_only(strength, crowd.lent())

    found = [
        Method("original", "original", 0, lambda: redact.original),
        Method("control", "control", 0, redact.shuffled),
        *(Method(f"blur {s:g}", "blur", s, functools.partial(redact.blur, s)) for s in (1.5, 3, 5, 8)),
        *(Method(f"pixels {n}", "pixels", n, functools.partial(redact.pixelate, n)) for n in (24, 16, 10, 6)),
        *(Method(f"k-same {k}", "k-same", k, functools.partial(k_same, k)) for k in (2, 5, 10, 20)),
        *(Method(f"landmarks {s:g}", "landmarks", s, functools.partial(landmarks, s)) for s in (0, 0.5, 1)),
        Method("label only", "label only", 0, lambda: redact.label_only(crowd.lent(), crowd.read)),
        Method("logits only", "logits only", 0, lambda: redact.logits_only(crowd.read)),
        *(
            Method(
                f"anonymizer, {word}",
                f"anonymizer, {word}",
                0,
                functools.partial(anonymizer, pseudonym=fixed),
            )
            for word, fixed in (("per clip", False), ("per person", True))
        ),
    ]
    return {method.name: method for method in found}


def trained() -> bool:
    """Tell whether the anonymizer's weights are there."""
    return checkpoints._path("anonymizer").exists()


def released(method: Method, group: crowd.People) -> list[np.ndarray]:
    """Release every clip of a group, each (T, 64, 64) uint8, with a random generator of its own."""
    make = method.make()
    return [make(face, crowd.generator(face)) for face in group.faces]


def picked(frames: Sequence[np.ndarray], group: crowd.People) -> np.ndarray:
    """Return the chosen frames of releases, (N, F, 64, 64)."""
    return np.stack([shown[rows] for shown, rows in zip(frames, group.frames, strict=True)])


# ---------------------------------------------------------------- one measurement for each method


def recipe(method: Method) -> str:
    """Hash of all that decides a measurement: data, weights and code."""
    drawn = method.family.startswith("anonymizer")
    names = ("spatial", *(("anonymizer",) if drawn else ()))
    weights = [(_units.PACKAGE / "weights" / f"{name}.safetensors").read_bytes() for name in names]
    digests = [hashlib.sha256(numbers).hexdigest() for numbers in weights]
    modules = (*_RECIPE, *(_ANONYMIZER if drawn else ()))
    return _units.recipe(mime.fingerprint(), method.name, *digests, modules=modules)


def measured(name: str, split: str = crowd.SPLIT) -> dict[str, np.ndarray]:
    """Return what attackers and readers get out of a method: kept, or made and kept.

    Returns
    -------
    dict
        `<way>/<rung>` (probes,) log-scores' hits, `linked/<rung>` (people,), `eer/<rung>` (value, low, high),
        `units` (N, 22) read at the apex, `label` (N,) read there, `timing` (N,) in frames, `donor` (probes,).
    """
    method = methods()[name]
    path = cache_dir() / "experiments" / "privacy" / split / f"{name.replace(' ', '-')}-{recipe(method)}.npz"
    return _units.kept(path, lambda: measure(method, split))


@dataclass(frozen=True)
class Seen:
    """Releases of one method as attackers see them: features and movement of the owned and the victims."""

    sight: identity.Sight
    owned: dict[str, np.ndarray]
    victims: dict[str, np.ndarray]
    units: tuple[np.ndarray, ...]  # of each victim's clip, (T, 22) as read
    them: crowd.People

    @functools.cached_property
    def recognizer(self) -> identity.Recognizer:
        """The attacker that learned the victims' known sessions, and its own people with other numbers."""
        gallery = np.isin(self.them.session, crowd.KNOWN)
        person = np.concatenate(
            [self.them.person[gallery], crowd.owned().person + 1 + self.them.person.max()]
        )
        features = {k: np.concatenate([v[gallery], self.owned[k]]) for k, v in self.victims.items()}
        return identity.learn(features, person)


def look(method: Method, split: str) -> tuple[Seen, dict[str, np.ndarray]]:
    """Release all faces by a method, learn to see them, and read the victims."""
    mine, them = crowd.owned(), crowd.victims(split)
    crops = picked(released(method, mine), mine)  # (N, F, 64, 64)
    sight = identity.learn_sight(crops[:, ::2].reshape(-1, 64, 64), mine.points()[:, ::2].reshape(-1, 478, 2))
    reader = utility.learn_reader(crops, mine.truth, mine.label)
    frames = released(method, them)
    units = tuple(reader.read_units(identity.edges(shown)) for shown in frames)
    apexes = np.stack([shown[face.apex] for shown, face in zip(frames, them.faces, strict=True)])
    read = {
        "units": np.stack([u[face.apex] for u, face in zip(units, them.faces, strict=True)]),
        "label": reader.read_label(identity.edges(apexes)),
        "timing": np.array(
            [utility.timing_error(u, crowd.units_of(face)) for u, face in zip(units, them.faces, strict=True)]
        ),
    }
    seen = Seen(sight, sight.features(crops), sight.features(picked(frames, them)), units, them)
    return seen, read


@functools.lru_cache(maxsize=2)
def originals(split: str) -> Seen:
    """The originals, as attackers see them."""
    return look(methods()["original"], split)[0]


def measure(method: Method, split: str) -> dict[str, np.ndarray]:
    """Attack and read one method in every way."""
    seen, out = look(method, split)
    plain = seen if method.name == "original" else originals(split)
    them = crowd.victims(split)
    people, probes = np.unique(them.person), _probes(them)
    parrot = recognized(seen, seen)
    moves = by_motion(seen.units, them)
    tables = {"parrot": parrot | {"motion": moves, "everything": _norm(parrot["mesh"]) + moves},
              "naive": recognized(plain, seen), "reverse": recognized(seen, plain)}  # fmt: skip
    for way, rungs in tables.items():
        out |= {f"{way}/{rung}": identity.hits(table, people, probes) for rung, table in rungs.items()}
    for rung, table in tables["parrot"].items():
        out[f"linked/{rung}"] = identity.hits(identity.linked(table, probes)[0], people, np.unique(probes))
    alike = identity.learn(seen.owned, crowd.owned().person).similarity(seen.victims)
    for rung, table in alike.items():
        found = identity.verification(table, them.person, them.session)
        out[f"eer/{rung}"] = np.array([found.value, found.low, found.high])
    if method.family.startswith("anonymizer"):
        out["donor"] = exposed(method, seen, split)
    return out


def _probes(them: crowd.People) -> np.ndarray:
    return them.person[them.session == crowd.MET]


def recognized(known: Seen, met: Seen) -> dict[str, np.ndarray]:
    """Learn people from clips as `known`, meet them as in `met`: log-scores (probes, P) of each rung.

    Every clip is seen by the eyes that fit it: those trained on releases for releases.
    """
    probe, count = met.them.session == crowd.MET, len(np.unique(met.them.person))
    scores = known.recognizer.scores({k: v[probe] for k, v in met.victims.items()})
    return {rung: table[:, :count] for rung, table in scores.items()}  # its own people come after the victims


def _norm(scores: np.ndarray) -> np.ndarray:
    from scipy.special import log_softmax

    return np.asarray(log_softmax(scores, axis=1))


def by_motion(units: Sequence[np.ndarray], them: crowd.People, *, seed: int = 0) -> np.ndarray:
    """Recognize people by courses of units, each (T, 22), and nothing else: log-scores (probes, P)."""
    from sklearn.ensemble import RandomForestClassifier

    rows = motion_rows(units, them)
    gallery, probe = np.isin(them.session, crowd.KNOWN), them.session == crowd.MET
    forest = RandomForestClassifier(TREES, max_features="sqrt", random_state=seed)
    forest.fit(rows[gallery], them.person[gallery])
    return np.log(forest.predict_proba(rows[probe]) + 1e-3)


def motion_rows(units: Sequence[np.ndarray], them: crowd.People) -> np.ndarray:
    """Return style features of clips with their class, (N, 3 U + 7); a class is easy to read in a release."""
    clips: list[Any] = [replace(f, units=u) for f, u in zip(them.faces, units, strict=True)]
    return np.concatenate([np.array([motion_features(c) for c in clips]), np.eye(len(LABELS))[them.label]], 1)


def style(split: str = crowd.SPLIT) -> np.ndarray:
    """Return the hits (probes,) of the style-only attacker: true units, no picture. It is the floor."""
    them = crowd.victims(split)
    return identity.hits(
        by_motion([crowd.units_of(f) for f in them.faces], them), np.unique(them.person), _probes(them)
    )


def exposed(method: Method, seen: Seen, split: str) -> np.ndarray:
    """Return 1.0 for each probe whose donor an attacker with the donors' originals names, else 0.0."""
    from .. import anonymize

    plain, lending, them = originals(split), crowd.lenders(), crowd.victims(split)
    shown = picked([f.crops for f in lending.faces], lending)
    model = identity.learn(plain.sight.features(shown), lending.person)
    probe = them.session == crowd.MET
    count, pseudonym = anonymize.load().donors, method.name.endswith("person")
    truth = [
        donor_of(f, crowd.generator(f), count, pseudonym) for f, p in zip(them.faces, probe, strict=True) if p
    ]
    scores = model.scores({k: v[probe] for k, v in seen.victims.items()})["mesh"]
    return identity.hits(scores, np.unique(lending.person), np.array(truth))
