"""Keep the smile, lose the person: a face is read as a code and drawn again on a donor's face.

The code is all that passes from the person to the released picture: how strong each of the 22 action units
is, as the shipped spatial branch reads it, and where the head turns. A conditional generator draws the code
on one of the faces that it learned from, the donors. Reading is done by frozen weights, so nothing that the
generator learns can smuggle the person through.

Source: Chen, Konrad and Ishwar (2018), "VGAN-based image representation learning for privacy-preserving
facial expression recognition", CVPR Workshops. There the picture itself is encoded, by weights that are
trained along; here only what a frozen expression network reads passes through.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from . import checkpoints, spatial
from .anonymize_nets import CODE, UNITS, Anonymizer
from .errors import BadInput
from .preprocess import FaceSequence

TURN = 0.12  # a released head turns and nods no further than this from its usual pose
STEADY = 0.06  # seconds, spread of the smoothing of codes over time
_REMEDY = "run `python -m fer_nb.experiments.anonymizer` to make them again"


@dataclass(frozen=True)
class Models:
    """What a release needs: the frozen reader, which is the shipped spatial branch, and the anonymizer.

    `gain` and `offset` (22,) make units as lively as they truly are, see `liven`; None leaves them as read.
    """

    reader: spatial.SpatialNet
    anonymizer: Anonymizer
    gain: np.ndarray | None = None
    offset: np.ndarray | None = None

    @property
    def donors(self) -> int:
        """How many donors there are; they are numbered from 0."""
        return self.anonymizer.donors.num_embeddings


def read(crops: np.ndarray, models: Models) -> np.ndarray:
    """Read crops: action units as the mean over a face and its mirror image, and the pose as it is.

    Parameters
    ----------
    crops : (T, 64, 64) uint8 array
    models : Models

    Returns
    -------
    (T, 24) float32 array: 22 units in [0, 1], two sines
    """
    rows = [np.zeros((0, CODE), np.float32)]
    with torch.no_grad():
        for part in spatial.to_input(crops).split(256):
            seen, mirrored = (models.reader.maps(x) for x in (part, part.flip(-1)))  # (B, C, 4, 4)
            units = (models.reader.units(seen).sigmoid() + models.reader.units(mirrored).sigmoid()) / 2
            rows.append(torch.cat([units, models.anonymizer.pose(seen.flatten(1))], 1).numpy())
    return np.concatenate(rows)


def liven(
    read_units: np.ndarray, true_units: np.ndarray, *, most: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return gain and offset (U,) that give units, as they are read, the mean and spread of the true ones.

    A reader that is unsure says something near the mean, so what it reads is flatter than life. Where it
    reads badly, a large gain would only make noise louder; therefore no gain is above `most`.

    Parameters
    ----------
    read_units, true_units : (N, U) arrays

    Examples
    --------
    >>> truth = np.array([[0.0], [0.4], [0.8]])
    >>> gain, offset = liven(0.1 + truth / 1.6, truth)
    >>> gain.round(2).tolist(), offset.round(2).tolist()
    ([1.6], [-0.16])
    """
    gain = np.clip(true_units.std(0) / np.maximum(read_units.std(0), 1e-6), 1.0, most)
    return gain, true_units.mean(0) - gain * read_units.mean(0)


def steady(codes: np.ndarray, fps: float, *, seconds: float = STEADY) -> np.ndarray:
    """Smooth codes over time with a Gaussian, so that the released face does not flicker.

    Parameters
    ----------
    codes : (T, C) array
    fps : float, frames per second
    seconds : float, spread of the Gaussian; 0 leaves the codes as they are

    Examples
    --------
    >>> jump = np.array([[0.0]] * 5 + [[1.0]] * 5)
    >>> steady(jump, 10.0, seconds=0.1)[:, 0].round(1).tolist()
    [0.0, 0.0, 0.0, 0.1, 0.3, 0.7, 0.9, 1.0, 1.0, 1.0]
    """
    if seconds <= 0 or len(codes) < 2:
        return codes
    reach = max(1, math.ceil(3 * seconds * fps))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * fps)) ** 2)
    padded = np.pad(codes, ((reach, reach), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(weight), axis=0)  # (T, C, W)
    return (windows @ (weight / weight.sum())).astype(codes.dtype)


def check_donor(donor: int, models: Models) -> None:
    """Refuse a donor that the model does not know.

    Raises
    ------
    BadInput
        If it is no number from 0 to the number of donors less one.
    """
    if not (isinstance(donor, int | np.integer) and 0 <= donor < models.donors):
        raise BadInput(f"unknown donor {donor!r}: give a number from 0 to {models.donors - 1}")


def draw(codes: np.ndarray, donor: int, models: Models) -> np.ndarray:
    """Draw codes on a donor's face.

    Parameters
    ----------
    codes : (T, 24) array
    donor : int, from 0
    models : Models

    Returns
    -------
    (T, 64, 64) uint8 array

    Raises
    ------
    BadInput
        For a donor that the model does not know.
    """
    check_donor(donor, models)
    rows = [np.zeros((0, 64, 64), np.uint8)]
    with torch.no_grad():
        for part in torch.from_numpy(np.asarray(codes, np.float32)).split(256):
            faces = models.anonymizer(part, torch.full((len(part),), int(donor)))  # (B, 1, 64, 64)
            rows.append(faces[:, 0].mul(255).round().byte().numpy())
    return np.concatenate(rows)


def encode(clip: FaceSequence | np.ndarray, models: Models, *, fps: float = 25.0) -> np.ndarray:
    """Return what passes from a clip to its release: codes, steadied, the pose relative to the usual one.

    The head keeps its movements and loses its posture: how somebody holds the head belongs to a sitting, and
    each donor has a posture of its own.

    Parameters
    ----------
    clip : FaceSequence, or its crops (T, 64, 64) uint8
    models : Models
    fps : float, frames per second where only crops are given

    Returns
    -------
    (T, 24) float32 array; zeros where the clip has no face

    Raises
    ------
    BadInput
        If the crops have another shape or type.
    """
    crops, fps = (clip.crops, clip.fps) if isinstance(clip, FaceSequence) else (np.asarray(clip), fps)
    if crops.ndim != 3 or crops.shape[1:] != (64, 64) or crops.dtype != np.uint8:
        raise BadInput(f"release: crops are {crops.dtype} of shape {crops.shape}: give (T, 64, 64) uint8")
    out, found = np.zeros((len(crops), CODE), np.float32), crops.any((1, 2))
    if found.any():
        codes = steady(read(crops[found], models), fps)
        if models.gain is not None and models.offset is not None:
            codes[:, :UNITS] = (models.gain * codes[:, :UNITS] + models.offset).clip(0, 1)
        usual = np.median(codes[:, UNITS:], axis=0)
        codes[:, UNITS:] = (codes[:, UNITS:] - usual).clip(-TURN, TURN)
        out[found] = codes
    return out


def release(
    clip: FaceSequence | np.ndarray, donor: int, *, fps: float = 25.0, models: Models | None = None
) -> np.ndarray:
    """Draw a clip again with a donor's face: the same moments, the same muscles, another person.

    No label, landmark or true unit is used, only the crops.

    Parameters
    ----------
    clip : FaceSequence, or its crops (T, 64, 64) uint8
    donor : int, from 0; see `per_clip` and `per_person`
    fps : float, frames per second where only crops are given
    models : Models, the shipped ones by default

    Returns
    -------
    (T, 64, 64) uint8 array; black where the clip has no face, as in `FaceSequence.crops`.

    Raises
    ------
    BadInput
        If the crops have another shape or type, or the donor is unknown.
    """
    models = models or load()
    codes = encode(clip, models, fps=fps)
    crops = clip.crops if isinstance(clip, FaceSequence) else clip
    out, found = np.zeros_like(crops), crops.any((1, 2))
    out[found] = draw(codes[found], donor, models)
    return out


def per_clip(clips: int, donors: int, *, seed: int = 0) -> np.ndarray:
    """Draw a donor for each clip, whoever is seen in it: two releases of a person are not linked.

    Examples
    --------
    >>> per_clip(4, donors=100).tolist()
    [85, 63, 51, 26]
    """
    return np.random.default_rng(seed).integers(0, donors, clips)


def per_person(subjects: Sequence[str], donors: int, *, secret: str) -> np.ndarray:
    """Give each person a donor for good, a pseudonym: releases of a person are linked by design.

    The donor follows from the name and a secret; without the secret nobody can tell which it is. Two people
    may share a donor.

    Examples
    --------
    >>> a, b, c = per_person(["ann", "ben", "ann"], donors=1000, secret="x")
    >>> bool(a == c), bool(a == b)
    (True, False)
    """
    digests = [hashlib.sha256(f"{secret}\\0{name}".encode()).digest() for name in subjects]
    return np.array([int.from_bytes(digest[:8], "big") % donors for digest in digests])


@lru_cache(maxsize=2)
def load(name: str | Path = "anonymizer") -> Models:
    """Load the shipped anonymizer, or another from its path, and the reader that it was trained for.

    Raises
    ------
    BadInput
        If weights or card are missing or damaged, or do not belong together, or to this reader.
    """
    path = checkpoints._path(name)
    if not path.exists():
        raise BadInput(f"{path}: no such weights: {_REMEDY}")
    card = checkpoints.read_card(name)
    for what, file, stated in (
        ("weights are", path, card.input.get("weights_sha256")),
        ("spatial branch is", checkpoints._path("spatial"), card.input.get("reader_sha256")),
    ):
        if hashlib.sha256(file.read_bytes()).hexdigest() != stated:
            raise BadInput(f"{path.with_suffix('.json')}: the {what} not the one of this card: {_REMEDY}")
    model, _ = checkpoints.load(name, Anonymizer)
    if not {"gain", "offset"} <= set(card.input):
        raise BadInput(f"{path.with_suffix('.json')}: has no gain and offset of the units: {_REMEDY}")
    gain, offset = (np.array(card.input[what], np.float32) for what in ("gain", "offset"))
    return Models(spatial.load(), model.float(), gain, offset)
