"""Units of work on released pictures: what each method releases of a still, and two ways back from it.

A released picture is a code like any other: pixels are numbers. So the same fresh decoders, and the same
ridge, are trained from the attacker's own releases to her own originals, and are told the same as elsewhere:
the expression as the plain recognizer predicts it, the pose, the light. Pictures are attacked at 32 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from .. import checkpoints, features, mime, redact
from ..cache import cache_dir
from ..crops import SIZE, in_crop, upright
from ..mime.template import MIRROR
from ..preprocess import FaceSequence, face_sequences
from ..reconstruct import shrink, similarity
from ..spatial import to_input
from . import _privacy_people as crowd
from . import _reconstruction_lab as lab
from . import _reconstruction_other as other
from . import _reconstruction_units as units
from . import _units
from . import reconstruction_linear as linear

SIDE, SEED = 32, 0
BLUR, K, STRENGTH = 3.0, 5, 1.0  # one setting of each dial: those that a figure of chapter 09 shows
_RECIPE = ("features", "crops", "preprocess", "redact", "experiments/_privacy_people",
           "experiments/_images_lab")  # fmt: skip
Arrays = units.Arrays
_MADE: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}


# ---------------------------------------------------------------- what is released


def as_clip(people: lab.Stills) -> FaceSequence:
    """Return stills as the frames of one clip, for methods that look at the crop of each frame alone."""
    count = len(people)
    return FaceSequence(
        crops=people.crops, points=np.broadcast_to(np.float32(np.nan), (count, 478, 3)),
        found=np.ones(count, bool), fps=25.0, label=None, subject=None, source="stills", apex=0,
        neutral=np.zeros((478, 3)), motion=np.zeros((count, len(features.NAMES)), np.float32),
    )  # fmt: skip


def by(release: redact.Release, people: lab.Stills) -> Tensor:
    """Release stills by a method of `redact` that works frame by frame, (N, 1024)."""
    shown = release(as_clip(people), np.random.default_rng(SEED))
    return shrink(to_input(shown), SIDE).flatten(1)


def original(people: lab.Stills) -> Tensor:
    """Return the stills as they are, (N, 1024): nothing is hidden."""
    return people.pictures(SIDE).flatten(1)


def blur(people: lab.Stills) -> Tensor:
    """Return blurred stills, (N, 1024)."""
    return by(redact.blur(BLUR), people)


def k_same(people: lab.Stills) -> Tensor:
    """Return each still averaged with its nearest donors of the class that is read, (N, 1024)."""
    return by(redact.k_same(K, crowd.lent()), people)


def label_only(people: lab.Stills) -> Tensor:
    """Return the stock face of the class that is read, (N, 1024)."""
    return by(redact.label_only(crowd.lent()), people)


METHODS: dict[str, Callable[[lab.Stills], Tensor]] = {
    "original": original, "squares": other.pixelated, "blur": blur, "k_same": k_same,
    "label_only": label_only, "anonymized": other.anonymized,
}  # fmt: skip
NAMES = ("original", "squares", "blur", "k_same", "landmarks", "label_only", "anonymized")
_KEPT_AS = {"squares": "pixelated", "anonymized": "anonymized"}  # attacked by a medium decoder before


def line_shapes(points: np.ndarray, rest: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the shape to draw of a face and of its mirror image, each (478, 2), on the mean resting shape.

    Parameters
    ----------
    points, rest : (478, 2) the face now and at rest, pixels of the crop
    mean : (478, 2) everybody's resting shape

    Examples
    --------
    >>> mean = np.full((478, 2), 31.5)
    >>> both = line_shapes(mean + [2, 1], mean, mean)
    >>> [shape[0].tolist() for shape in both]
    [[33.5, 32.5], [29.5, 32.5]]
    """
    turn = np.array([SIZE - 1.0, 0.0]), np.array([-1.0, 1.0])
    there, resting = (turn[0] + turn[1] * shape[MIRROR] for shape in (points, rest))
    return points + STRENGTH * (mean - rest), there + STRENGTH * (mean - resting)


def drawn(block: str, people: int | None, sessions: tuple[int, ...]) -> Arrays:
    """Draw the landmarks of each still of a block, in the order of `_reconstruction_lab.gather`.

    Returns
    -------
    dict of `clip` (N,), `apex` (N,), and `seen`, `mirrored` (N, 64, 64) uint8
    """

    def make() -> Arrays:
        folder = f"{block}-{people}" if block == "attacker" else block
        clips = mime.block(block, people=people, sessions=sessions)
        faces, mean = face_sequences(clips, key=f"{mime.VERSION}/{folder}"), crowd.lent().shape
        rows = []
        for number, face in enumerate(faces):
            if face is not None:
                rest = redact.resting(face)
                for k, t in enumerate(lab.rows_of(face)):
                    now = in_crop(face.points[t], upright(face.points[t]))
                    rows.append((number, k == 0, *map(redact.draw, line_shapes(now, rest, mean))))
        names = ("clip", "apex", "seen", "mirrored")
        return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}

    return kept(f"lines-{block}-{people or 'all'}-{''.join(map(str, sessions))}", make)


def lines(people: lab.Stills, of: Arrays) -> Tensor:
    """Return the drawn landmarks of stills, (N, 1024): one row of a block's drawings for each."""
    place = {(int(c), bool(a)): row for row, (c, a) in enumerate(zip(of["clip"], of["apex"], strict=True))}
    rows = [place[int(c), bool(a)] for c, a in zip(people.clip, people.apex, strict=True)]
    turned = (people.person >= lab.MIRRORED)[:, None, None]
    return shrink(to_input(np.where(turned, of["mirrored"][rows], of["seen"][rows])), SIDE).flatten(1)


def blocks(split: str) -> tuple[tuple[str, int | None, tuple[int, ...]], ...]:
    """Say where the attacker's people and the victims come from; the split `fit` is a rehearsal within it."""
    if split == "fit":
        return (("fit", lab.FIT, (0, 1)),) * 2
    return ("attacker", lab.ATTACKER, (0, 1)), (split, None, (0, 1, 2))


def released(who: lab.World, name: str) -> tuple[Tensor, Tensor]:
    """Return what a method releases of the attacker's stills and of the victims', (N, D) each; made once."""
    if (who.split, name) not in _MADE:
        if name == "landmarks":
            pairs = zip(units.pair(who), blocks(who.split), strict=True)
            mine, theirs = (lines(people, drawn(*where)) for people, where in pairs)
        else:
            mine, theirs = (METHODS[name](people) for people in units.pair(who))
        _MADE[who.split, name] = mine, theirs
    return _MADE[who.split, name]


def picture(code: Tensor) -> Tensor:
    """Return a release (N, D) as it is looked at, (N, 1, 32, 32): coarse squares are enlarged."""
    side = round(code.shape[1] ** 0.5)
    return code.view(-1, 1, side, side).repeat_interleave(SIDE // side, 2).repeat_interleave(SIDE // side, 3)


# ---------------------------------------------------------------- two ways back


def with_facts(who: lab.World, name: str) -> tuple[Tensor, Tensor]:
    """Return releases of both groups, and beside them what the floor is told."""
    logits = units.features(who, units.train(who, "plain", SIDE, SEED), SEED)[1]
    return other.beside(who, released(who, name), logits)


def decoder(who: lab.World, name: str, size: str) -> Arrays:
    """Attack a release by a fresh decoder of some size: `ssim`, `naive`, `parrot`, `shown` and more."""
    if name in _KEPT_AS and size == "medium":
        return other.picture(who, _KEPT_AS[name], SIDE, SEED)

    def make() -> Arrays:
        judge = units.judged(who, SIDE)
        found, guess = units.attacked(who, with_facts(who, name), SIDE, SEED, size=size, judge=judge)
        return {**found, "shown": units.shown(who, guess)}

    return kept(f"{who.split}-{_stamped(name)}-{size}", make)


def ridge(who: lab.World, name: str) -> Arrays:
    """Attack a release by ridge, and keep what was released: `as_is`, `released`, `probe` besides.

    Returns
    -------
    dict
        As `decoder`, and `as_is` (N,) the similarity of the release itself, `released` (SHOWN, 32, 32)
        uint8, `probe` (C,) hits of discriminants on the release, `price` ().
    """

    def make() -> Arrays:
        h, codes = with_facts(who, name), released(who, name)
        x, price = who.attacker.pictures(SIDE), linear.best_price(who, h[0], SIDE)
        mine, theirs = (linear.ridge(h[0], x, part, price) for part in h)
        shown, them = picture(codes[1]), who.victims
        return {
            **units.seen_again(who, theirs, mine, units.judged(who, SIDE), SIDE),
            "as_is": similarity(shown, them.pictures(SIDE), them.masks(SIDE)),
            "probe": units.probe_code(who, codes)[0], "price": np.array(price),
            "shown": units.shown(who, theirs), "released": units.shown(who, shown),
        }  # fmt: skip

    return kept(f"{who.split}-{_stamped(name)}-ridge", make)


def _stamped(name: str) -> str:
    """Return a method's name, and of the anonymizer the weights that draw."""
    about = checkpoints.read_card("anonymizer").input if name == "anonymized" else {}
    return name + str(about.get("weights_sha256", ""))[:12]


def recipe() -> str:
    """Hash of the data, of all that reconstruction units rest on, and of the code of these."""
    return _units.recipe(lab.recipe(), BLUR, K, STRENGTH, modules=_RECIPE)


def kept(name: str, make: Callable[[], Arrays]) -> Arrays:
    """Return a unit of work: read where it is kept, else made and kept."""
    return _units.kept(cache_dir() / "experiments" / "reconstruction_images" / recipe() / f"{name}.npz", make)
