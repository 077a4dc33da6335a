"""Batches for short trainings on few people: only stills whose label is sure, lightly augmented.

The shipped branch learns from every still and from faces changed almost beyond recognition, which takes
hundreds of thousands of stills before it pays. Where networks are compared on a small budget, this is the
better teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from . import own_neutral, spatial
from .augment import mirror, move, noise, relight
from .errors import BadInput
from .labels import index
from .preprocess import FaceSequence

QUIET_SHARE = 0.15  # of the stills of an expressive clip: its quiet frames, called neutral
Picture = Callable[[FaceSequence, int], np.ndarray]  # frame number to (64, 64) in [0, 1]
Steps = tuple[Callable[[Tensor], Tensor], ...]


def crop(sequence: FaceSequence, row: int) -> np.ndarray:
    """Return one crop of a clip, (64, 64) float32 in [0, 1]."""
    return sequence.crops[row].astype(np.float32) / 255


# How a picture may be changed. A difference has no light of its own.
CHANGES: dict[Picture, Steps] = {
    crop: (mirror, move, relight, noise),
    own_neutral.difference: (mirror, move, noise),
}


def batches(
    sequences: Sequence[FaceSequence],
    rng: np.random.Generator,
    *,
    picture: Picture = crop,
    size: int = 16,
    repeats: int = 2,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield one epoch: of every clip `repeats` stills, near its peak or, called neutral, at rest.

    Parameters
    ----------
    sequences : faces of Mime, whose action units are known
    rng : numpy Generator; augmentation draws from torch's
    picture : `crop`, or `own_neutral.difference`
    size, repeats : stills in a batch, stills of each clip

    Yields
    ------
    x (B, 1, 64, 64) in [0, 1], labels (B,), units (B, U)

    Raises
    ------
    BadInput
        If a clip has no true action units.
    """
    clips = rng.permutation(np.repeat(np.arange(len(sequences)), repeats))
    for start in range(0, len(clips), size):
        drawn = [_draw(sequences[i], rng, picture) for i in clips[start : start + size]]
        pictures, labels, units = zip(*drawn, strict=True)
        x = torch.from_numpy(np.stack(pictures)).unsqueeze(1)  # (B, 1, 64, 64)
        for step in CHANGES[picture]:
            x = step(x)
        yield x, torch.tensor(labels), torch.from_numpy(np.stack(units))


def _draw(
    sequence: FaceSequence, rng: np.random.Generator, picture: Picture
) -> tuple[np.ndarray, int, np.ndarray]:
    """Draw a still: picture, label, true action units."""
    if sequence.units is None:
        raise BadInput(f"{sequence.source}: has no true action units: train on Mime")
    peaks, quiet = spatial.stills(sequence)
    rest = rng.random() < QUIET_SHARE
    row = int(rng.choice(quiet if rest else peaks))
    label = 0 if rest else index(sequence.label or "neutral")
    return picture(sequence, row), label, sequence.units[row].astype(np.float32)
