"""Whose faces the privacy experiments use: victims, people of the attacker, and people who lend theirs.

Victims are the people of a block, three sessions each: the attacker knows them from two and meets them in
the third. The attacker owns other people, of whom it has originals and releases. Donors and stock faces are
*fit* people. A crop holds the grey oval of the face only, so hair, backdrop and color give nothing away.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import mime, redact
from ..labels import index
from ..preprocess import FaceSequence, face_sequences

SPLIT = "validate"  # the test block is looked at once, at the end of the project
FRAMES = 6  # frames of a clip that an appearance attacker looks at; the first is the apex
OWNED, DONORS = 100, 100  # people of the attacker, and of *fit*, session 0, who lend their faces
KNOWN, MET = (0, 1), 2  # sessions of the victims that the attacker knows, and the one it is tested on


@dataclass(frozen=True, eq=False)  # one is itself only: what is read from it can be kept
class People:
    """Clips with a face, and how many have none; `frames` are the six rows of each that attackers see."""

    faces: tuple[FaceSequence, ...]
    missed: int = 0

    @functools.cached_property
    def frames(self) -> tuple[np.ndarray, ...]:
        return tuple(rows_of(face) for face in self.faces)

    @functools.cached_property
    def label(self) -> np.ndarray:
        return np.array([index(str(face.label)) for face in self.faces])

    @functools.cached_property
    def person(self) -> np.ndarray:
        return np.array([int(face.conditions["person"]) for face in self.faces])

    @functools.cached_property
    def session(self) -> np.ndarray:
        return np.array([int(face.conditions["session"]) for face in self.faces])

    @functools.cached_property
    def truth(self) -> np.ndarray:
        """True units (N, F, 22) of the chosen frames."""
        return np.stack([units_of(f)[rows] for f, rows in zip(self.faces, self.frames, strict=True)])

    def points(self) -> np.ndarray:
        """Landmarks (N, F, 478, 2) of the chosen frames, in pixels of the crop."""
        return np.stack([redact.shapes(f)[rows] for f, rows in zip(self.faces, self.frames, strict=True)])


def units_of(face: FaceSequence) -> np.ndarray:
    """Return the true units (T, 22) of a clip of Mime."""
    assert face.units is not None
    return face.units


def rows_of(face: FaceSequence) -> np.ndarray:
    """Return the frames of a clip that an attacker looks at: the apex, then some evenly over the clip."""
    found = np.flatnonzero(face.found)
    even = found[np.round(np.linspace(0, len(found) - 1, FRAMES - 1)).astype(int)]
    return np.concatenate([[face.apex], even])


def people(block: str, count: int | None, sessions: Sequence[int], key: str) -> People:
    """Make or read the clips of people of a block and trace their faces."""
    faces = face_sequences(mime.block(block, people=count, sessions=sessions), key=f"{mime.VERSION}/{key}")
    seen = tuple(face for face in faces if face is not None)
    return People(seen, len(faces) - len(seen))


@functools.cache
def victims(split: str = SPLIT) -> People:
    """People who are attacked: all of a block, three sessions."""
    return people(split, None, (*KNOWN, MET), split)


@functools.cache
def owned() -> People:
    """People of the attacker, two sessions."""
    return people("attacker", OWNED, (0, 1), f"attacker-{OWNED}")


@functools.cache
def lenders() -> People:
    """People of *fit* who lend their faces, one session."""
    return people("fit", DONORS, (0,), "fit")


@functools.cache
def lent() -> redact.Donors:
    """What they lend."""
    return redact.donors(lenders().faces)


def generator(face: FaceSequence) -> np.random.Generator:
    """Return the random generator of a clip; it says nothing of who is seen."""
    digest = hashlib.sha256(f"release {face.source}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


_READ: dict[str, np.ndarray] = {}


def read(face: FaceSequence) -> np.ndarray:
    """Return what `redact.read` says of a clip (T, 7), and remember it by the clip's source."""
    if face.source not in _READ:
        _READ[face.source] = redact.read(face)
    return _READ[face.source]
