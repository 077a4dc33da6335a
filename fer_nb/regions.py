"""Motion of each part of the face as principal components: the rival of the named measures in `features`.

Landmarks are aligned as there. What is left of their movement is summed up region by region, so that a mouth
that opens wide cannot hide a brow that hardly moves. The components are fitted on training people elsewhere;
here they are plain arrays that are applied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import features
from .errors import BadInput
from .mime.template import (
    BROW_BOTTOM,
    BROW_TOP,
    LIP_ROWS_LOWER,
    LIP_ROWS_UPPER,
    LOWER_LID,
    MIRROR,
    UPPER_LID,
)
from .preprocess import FaceSequence

_NOSE = (1, 2, 4, 5, 6, 19, 48, 49, 64, 94, 97, 98, 129, 131, 168, 195, 197, 198, 203, 209)
_JAW = (32, 136, 140, 148, 149, 150, 152, 169, 170, 171, 175, 176, 199, 200, 201, 202, 204, 208, 210, 211)
_CHEEK_SIDES = (50, 101, 117, 118, 119, 205, 206)


def _whole(half: Sequence[int]) -> tuple[int, ...]:
    """Points of one half and their mirror images, each once."""
    return tuple(sorted({*half, *(int(MIRROR[i]) for i in half)}))


# region -> landmarks of both halves
REGIONS: dict[str, tuple[int, ...]] = {
    "brows": _whole((*BROW_TOP, *BROW_BOTTOM, 9, 8, 104, 108)),
    "eyes": _whole((*UPPER_LID, *LOWER_LID)),
    "nose": _whole((*_NOSE, *_CHEEK_SIDES)),
    "mouth": _whole([i for row in (*LIP_ROWS_UPPER, *LIP_ROWS_LOWER) for i in row]),
    "jaw": _whole(_JAW),
}
# Components of each region. Their sum is the number of named measures, so that networks stay equally large.
PARTS: dict[str, int] = {"brows": 12, "eyes": 10, "nose": 10, "mouth": 18, "jaw": 8}


@dataclass(frozen=True)
class RegionCodes:
    """Means and components of each region: region -> (2 N,) and (K, 2 N) arrays, inter-ocular units.

    Examples
    --------
    >>> flat = {name: np.zeros(2 * len(points)) for name, points in REGIONS.items()}
    >>> axes = {name: np.eye(PARTS[name], len(mean)) for name, mean in flat.items()}
    >>> RegionCodes(flat, axes).width == len(features.NAMES)
    True
    """

    means: dict[str, np.ndarray]
    axes: dict[str, np.ndarray]

    @property
    def width(self) -> int:
        """How many numbers describe a frame."""
        return sum(len(a) for a in self.axes.values())

    def apply(self, moved: np.ndarray) -> np.ndarray:
        """Sum up movements.

        Parameters
        ----------
        moved : (T, 478, 2) array, aligned landmarks minus neutral; NaN where no face

        Returns
        -------
        (T, K) float32 array, the regions one after another; NaN where no face.
        """
        parts = []
        for name, points in REGIONS.items():
            flat = moved[:, list(points)].reshape(len(moved), -1)  # (T, 2 N)
            parts.append((flat - self.means[name]) @ self.axes[name].T)
        return np.concatenate(parts, 1).astype(np.float32)


def movement(sequence: FaceSequence) -> np.ndarray:
    """Return how far each aligned landmark is from its place in the clip's neutral face.

    Returns
    -------
    (T, 478, 2) float array, inter-ocular units, x to the image's right, y down; NaN where no face.
    """
    return (features.align(sequence.points, sequence.neutral) - sequence.neutral)[..., :2]


def mirrored(moved: np.ndarray) -> np.ndarray:
    """Return the movement of the mirror image of a face, (T, 478, 2).

    Examples
    --------
    >>> moved = np.random.default_rng(0).normal(size=(3, 478, 2))
    >>> bool(np.allclose(mirrored(mirrored(moved)), moved))
    True
    """
    return moved[:, MIRROR] * [-1.0, 1.0]


def fit_codes(
    sequences: Sequence[FaceSequence], components: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
) -> RegionCodes:
    """Fit the components of each region on training people, and on their mirror images.

    Parameters
    ----------
    sequences : of training people only
    components : callable, from rows (R, D) and a number K to their mean (D,) and axes (K, D), such as
        scikit-learn's `PCA` gives

    Raises
    ------
    BadInput
        If there is no frame with a face.
    """
    kept = [movement(s)[s.found] for s in sequences]
    if not sum(map(len, kept)):
        raise BadInput("regions: no frame with a face: give training clips in which faces are found")
    rows = np.concatenate([m for part in kept for m in (part, mirrored(part))])  # (R, 478, 2)
    means, axes = {}, {}
    for name, points in REGIONS.items():
        flat = rows[:, list(points)].reshape(len(rows), -1)
        means[name], axes[name] = components(flat, PARTS[name])
    return RegionCodes(means, axes)


def coded(sequence: FaceSequence, codes: RegionCodes, *, mirror: bool = False) -> FaceSequence:
    """Return the sequence with region codes (T, K) in place of named measures as its motion."""
    moved = movement(sequence)
    return replace(sequence, motion=codes.apply(mirrored(moved) if mirror else moved))
