"""What the reconstruction experiment shares: stills of people, who is recognized in them, units of work.

Three populations that share nobody: people on whom a recognizer is trained (*fit*), people whom the attacker
owns (*attacker*), and victims. Of each clip two stills are taken, the apex and one half way to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from .. import checkpoints, mime
from ..bottleneck import UNSURE
from ..cache import cache_dir
from ..errors import BadInput
from ..labels import index
from ..preprocess import FaceSequence, face_sequences
from ..reconstruct import oval, pose, shrink
from ..spatial import Normalize, to_input
from . import _units

SPLIT = "validate"  # the test block is looked at once, at the end of the project
FIT, ATTACKER = 400, 100  # people: of the recognizer (session 0), of the attacker (sessions 0 and 1)
MIRRORED = 10_000  # added to a person's number: no face is symmetrical
_RECIPE = ("crops", "preprocess", "spatial", "augment", "dependence", "bottleneck", "reconstruct",
           "inversion", "experiments/_reconstruction_lab", "experiments/_reconstruction_units",
           "experiments/_reconstruction_other")  # fmt: skip


@dataclass(frozen=True)
class Stills:
    """Pictures of N faces and what is known of them.

    Attributes
    ----------
    crops : (N, 64, 64) uint8
    ovals : (N, 64, 64) bool, where the face is
    units : (N, U) float32, true action units
    labels : (N,) int, `UNSURE` for a still half way to an apex
    apex : (N,) bool
    person, session, clip : (N,) int
    poses : (N, 3) float32, radians
    """

    crops: np.ndarray
    ovals: np.ndarray
    units: np.ndarray
    labels: np.ndarray
    apex: np.ndarray
    person: np.ndarray
    session: np.ndarray
    clip: np.ndarray
    poses: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)

    def of(self, rows: np.ndarray) -> Stills:
        """Return some of the stills: numbers or a mask."""
        return Stills(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def pictures(self, side: int) -> Tensor:
        """Return the crops (N, 1, side, side) in [0, 1]."""
        return shrink(to_input(self.crops), side)

    def masks(self, side: int) -> Tensor:
        """Return the share of each pixel that lies in the face, (N, 1, side, side)."""
        return shrink(torch.from_numpy(self.ovals).float()[:, None], side)

    def light(self) -> Tensor:
        """Return the mean gray of each face, (N, 1)."""
        inside = self.ovals.sum((1, 2))
        return torch.from_numpy((self.crops * self.ovals).sum((1, 2)) / inside / 255).float()[:, None]

    def mirrored(self) -> Stills:
        """Return the faces seen in a mirror, as other people's; units are means of both sides and stay."""
        poses = self.poses * np.array([1, -1, -1], np.float32)
        turned = {"crops": self.crops[..., ::-1].copy(), "ovals": self.ovals[..., ::-1].copy()}
        return Stills(**{**vars(self), **turned, "poses": poses, "person": self.person + MIRRORED})

    def joined(self, other: Stills) -> Stills:
        """Return these stills and then the others."""
        both = ((f.name, (getattr(self, f.name), getattr(other, f.name))) for f in fields(self))
        return Stills(**{name: np.concatenate(parts) for name, parts in both})


def rows_of(face: FaceSequence) -> tuple[int, int]:
    """Return the apex frame of a clip, and the frame that has moved half as far."""
    seen = np.flatnonzero(face.found)
    away = np.abs(face.displacement[seen] - face.displacement[face.apex] / 2)
    return face.apex, int(seen[away.argmin()])


def gather(faces: Sequence[FaceSequence | None], people: Sequence[int], sessions: Sequence[int]) -> Stills:
    """Take two stills of each clip in which a face was found.

    Raises
    ------
    BadInput
        If no clip has a face, or one has no true action units.
    """
    rows: list[dict[str, object]] = []
    for number, face in enumerate(faces):
        if face is None:
            continue
        if face.units is None:
            raise BadInput(f"{face.source}: has no true action units: use Mime")
        label = index(face.label or "neutral")
        for k, t in enumerate(rows_of(face)):
            sure = k == 0 or face.label == "neutral"
            rows.append({
                "crops": face.crops[t], "ovals": oval(face.points[t]), "units": face.units[t],
                "labels": label if sure else UNSURE, "apex": k == 0, "person": people[number],
                "session": sessions[number], "clip": number, "poses": pose(face.points[t]).astype(np.float32),
            })  # fmt: skip
    if not rows:
        raise BadInput("stills: no clip shows a face: give clips in which one is seen")
    return Stills(**{f.name: np.array([row[f.name] for row in rows]) for f in fields(Stills)})


def stills(block: str, people: int | None, sessions: Sequence[int]) -> Stills:
    """Make or read the stills of a block."""

    def make() -> dict[str, np.ndarray]:
        clips = mime.block(block, people=people, sessions=sessions)
        folder = f"{block}-{people}" if block == "attacker" else block  # as chapter 09 keeps them
        faces = face_sequences(clips, key=f"{mime.VERSION}/{folder}")
        about = [clip.conditions or {} for clip in clips]
        return vars(gather(faces, [a["person"] for a in about], [a["session"] for a in about]))

    name = f"stills-{block}-{people or 'all'}-{''.join(map(str, sessions))}"
    return Stills(**kept(name, make))


@dataclass(frozen=True)
class World:
    """Who is who: stills of the recognizer's people, of the attacker's, and of the victims.

    `judge` holds originals that teach our own identity measure: fit people in two sessions.
    """

    split: str
    own: Stills
    judge: Stills
    attacker: Stills
    victims: Stills

    @property
    def people(self) -> int:
        """How many victims there are."""
        return len(np.unique(self.victims.person))

    @property
    def probes(self) -> np.ndarray:
        """Which stills of the victims are to be recognized: those of the last session, (N,) bool."""
        return self.victims.session == self.victims.session.max()


@functools.cache
def world(split: str = SPLIT) -> World:
    """Gather the populations; the attacker's faces also in a mirror, since she owns the encoder.

    The split `fit` is a rehearsal among parts of *fit* that share nobody, with two sessions: all is smaller,
    and no other block is made or looked at.
    """
    judge = stills("fit", FIT, (0, 1))
    if split == "fit":
        own, theirs, mine = (judge.of(_among(judge, *ends)) for ends in ((0, 200), (200, 300), (350, 400)))
        others = judge.of(judge.person < 350)
        return World(split, own.of(own.session == 0), others, theirs.joined(theirs.mirrored()), mine)
    attacker = stills("attacker", ATTACKER, (0, 1))
    own = judge.of(judge.session == 0)
    return World(split, own, judge, attacker.joined(attacker.mirrored()), stills(split, None, (0, 1, 2)))


def _among(people: Stills, first: int, stop: int) -> np.ndarray:
    return (people.person >= first) & (people.person < stop)


# ---------------------------------------------------------------- who is it


class Identity:
    """Directions that tell people apart and sessions not: linear discriminants of principal components.

    Learned from a background of people who are never asked about, so that new people can be compared by
    angle. On pictures it is the book's own identity measure; on a code, a probe of what the code gives away.
    """

    def __init__(self, background: np.ndarray, person: np.ndarray, *, parts: int = 300) -> None:
        from sklearn.decomposition import PCA
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        if len(background) != len(person) or len(np.unique(person)) < 2:
            raise BadInput(f"identity: {len(background)} rows, {len(person)} names: align two people or more")
        most = min(parts, background.shape[1], len(background) - len(np.unique(person)))
        solver = "randomized" if background.shape[1] > 400 else "full"
        self.components = PCA(max(1, most), svd_solver=solver, random_state=0).fit(background)
        reduced = self.components.transform(background)
        self.directions = LinearDiscriminantAnalysis(solver="eigen", shrinkage=1e-3).fit(reduced, person)
        self.center = self.directions.transform(reduced).mean(0)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the place of each row, (N, P)."""
        return self.directions.transform(self.components.transform(features)) - self.center


def fine(x: Tensor) -> np.ndarray:
    """Return pictures (N, 1, S, S) with light evened out, as rows (N, S * S)."""
    window = 13 if x.shape[-1] == 64 else 7
    with torch.no_grad():
        return torch.cat([Normalize(window=window)(p)[:, :1] for p in x.split(512)]).flatten(1).numpy()


def recognized(
    gallery: np.ndarray, names: np.ndarray, probes: np.ndarray, truth: np.ndarray, clips: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ask of each probe clip who it is: the person of the gallery at the smallest angle.

    Parameters
    ----------
    gallery : (G, P) places of known faces, names (G,)
    probes : (N, P) places, of people `truth` (N,), in clips `clips` (N,); the stills of a clip are averaged

    Returns
    -------
    hits (C,) float and the person (C,) of each clip

    Examples
    --------
    >>> places = np.eye(2)
    >>> recognized(places, np.array([5, 6]), places, np.array([5, 5]), np.array([0, 1]))[0].tolist()
    [1.0, 0.0]
    """
    people = np.unique(names)
    means = np.stack([gallery[names == who].mean(0) for who in people])
    which, first, group = np.unique(clips, return_index=True, return_inverse=True)
    pooled = np.zeros((len(which), probes.shape[1]))
    np.add.at(pooled, group, probes)
    said = people[(unit(pooled) @ unit(means).T).argmax(1)]
    return (said == truth[first]).astype(float), truth[first]


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return 1 minus the cosine of each pair of places, (N,): the perceptual distance."""
    return 1 - (unit(a) * unit(b)).sum(1)


# ---------------------------------------------------------------- kept work


@functools.cache
def recipe() -> str:
    """Hash of the data, the shipped weights that are attacked, and the code of the units of work."""
    weights = checkpoints.read_card("spatial").recipe
    return _units.recipe(mime.VERSION, mime.fingerprint(), FIT, ATTACKER, weights, modules=_RECIPE)


def kept(name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a unit of work: read where it is kept, else made and kept. `name` says all that decides it."""
    return _units.kept(cache_dir() / "experiments" / "reconstruction" / recipe() / f"{name}.npz", make)
