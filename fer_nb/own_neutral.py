"""A second look at the same network: the strongest frame minus the clip's own neutral face.

The difference cancels what stays: skin, light, the renderer. What is left is what the face did. It needs a
video that holds a quiet moment, so it is no longer a reading of one frame, and is always a row of its own.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import features
from .errors import BadInput
from .preprocess import FaceSequence

ZERO = 0.5  # value of a pixel that did not change


def quiet_rows(sequence: FaceSequence) -> np.ndarray:
    """Number the early quiet frames of a clip: those from which its neutral face is made, without a label."""
    return features.quiet_frames(sequence.points, sequence.found, sequence.fps)


def neutral_crop(sequence: FaceSequence) -> np.ndarray:
    """Return the median of the quiet crops, (64, 64) float32 in [0, 255]."""
    return np.median(sequence.crops[quiet_rows(sequence)], axis=0).astype(np.float32)


def minus(crop: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Subtract the neutral crop; from [-255, 255] to [0, 1], where 0.5 is no change.

    Examples
    --------
    >>> minus(np.array([0, 90, 255], np.uint8), np.array([255.0, 90.0, 0.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return (ZERO + (crop.astype(np.float32) - neutral) / 510).astype(np.float32)


def difference(sequence: FaceSequence, row: int) -> np.ndarray:
    """Return a crop minus the clip's neutral one, (64, 64) float32 in [0, 1].

    Raises
    ------
    BadInput
        If no face was found in that frame.
    """
    if not sequence.found[row]:
        raise BadInput(f"{sequence.source}: no face in frame {row}: choose a frame in which one was found")
    return minus(sequence.crops[row], neutral_crop(sequence))


def clip_input(sequence: FaceSequence, *, row: int | None = None) -> Tensor:
    """Return the difference at the apex (or at a given frame) as the model's input, (1, 1, 64, 64)."""
    return torch.from_numpy(difference(sequence, sequence.apex if row is None else row))[None, None]
