"""Pictures of the anonymizer as plain arrays: who becomes whom, and each donor with each expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from . import anonymize
from .anonymize import Models
from .anonymize_nets import CODE
from .errors import BadInput
from .mime.units import INDEX
from .preprocess import FaceSequence

# Expressions by their action units, after EMFACS (Friesen and Ekman 1983).
EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "anger": {"AU4": 0.9, "AU5": 0.4, "AU7": 0.6, "AU23": 0.5, "AU24": 0.4},
    "disgust": {"AU9": 0.9, "AU10": 0.6, "AU17": 0.5, "AU25": 0.4},
    "fear": {"AU1": 0.8, "AU2": 0.5, "AU4": 0.5, "AU5": 0.8, "AU20": 0.6, "AU25": 0.6},
    "happiness": {"AU6": 0.7, "AU12": 0.9, "AU25": 0.7},
    "sadness": {"AU1": 0.8, "AU4": 0.6, "AU15": 0.8, "AU17": 0.5},
    "surprise": {"AU1": 0.8, "AU2": 0.8, "AU5": 0.7, "AU25": 0.8, "AU26": 0.6, "AU27": 0.4},
}


def code_of(units: Mapping[str, float]) -> np.ndarray:
    """Return the code (24,) of named action units in [0, 1], the head in its usual pose.

    Raises
    ------
    BadInput
        For a unit that is not one of Mime's.

    Examples
    --------
    >>> code_of({"AU12": 0.5}).sum()
    0.5
    """
    code = np.zeros(CODE, np.float32)
    for name, value in units.items():
        if name not in INDEX:
            raise BadInput(f"unknown action unit {name!r}: use one of {', '.join(INDEX)}")
        code[INDEX[name]] = value
    return code


def expression_grid(
    donors: Sequence[int],
    expressions: Mapping[str, Mapping[str, float]] = EXPRESSIONS,
    *,
    models: Models | None = None,
) -> np.ndarray:
    """Draw each donor with each expression.

    Returns
    -------
    (D, E, 64, 64) uint8 array: a row for each donor, a column for each expression
    """
    models = models or anonymize.load()
    codes = np.stack([code_of(units) for units in expressions.values()])  # (E, 24)
    return np.stack([anonymize.draw(codes, int(donor), models) for donor in donors])


def strength_strip(
    units: Mapping[str, float], donor: int, steps: int = 7, *, models: Models | None = None
) -> np.ndarray:
    """Draw one expression from nothing to its full strength, (steps, 64, 64) uint8."""
    codes = np.linspace(0, 1, steps, dtype=np.float32)[:, None] * code_of(units)  # (steps, 24)
    return anonymize.draw(codes, donor, models or anonymize.load())


def sample_sheet(
    clips: Sequence[FaceSequence], donors: Sequence[int], *, models: Models | None = None
) -> np.ndarray:
    """Show apex frames, their releases, and the donors at rest.

    Parameters
    ----------
    clips : N clips
    donors : N donor numbers

    Returns
    -------
    (3, N, 64, 64) uint8 array: originals, released, donors with a neutral face

    Raises
    ------
    BadInput
        If there is not one donor for each clip.
    """
    if len(clips) != len(donors) or not len(clips):
        raise BadInput(f"sample sheet: {len(clips)} clips and {len(donors)} donors: give one donor for each")
    models = models or anonymize.load()
    released = [
        anonymize.release(s, int(d), models=models)[s.apex] for s, d in zip(clips, donors, strict=True)
    ]
    rest = np.zeros((1, CODE), np.float32)
    faces = [anonymize.draw(rest, int(d), models)[0] for d in donors]
    return np.stack([np.stack([s.crops[s.apex] for s in clips]), np.stack(released), np.stack(faces)])


def tiled(grid: np.ndarray) -> np.ndarray:
    """Lay a grid of pictures (R, C, H, W) side by side: (R H, C W).

    Examples
    --------
    >>> tiled(np.zeros((2, 3, 64, 64), np.uint8)).shape
    (128, 192)
    """
    rows, columns, height, width = grid.shape
    return grid.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
