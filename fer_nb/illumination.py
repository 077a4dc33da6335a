"""Evening out light: ways to make a grey crop depend less on lamp, camera and skin tone.

Every function takes grey crops and returns crops of the same shape in [0, 1], float32, so that they can be
compared, shown and trained on alike. OpenCV does the work where it can. What the spatial branch uses,
`spatial.Normalize`, is `local_contrast` inside the network, where gradients can pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType

import cv2
import numpy as np

from .errors import BadInput

Even = Callable[[np.ndarray], np.ndarray]
_REACH = 3.0  # standard deviations that fit into half of the range


def _to_unit(crops: np.ndarray) -> np.ndarray:
    """Return crops as float32 in [0, 1]: integers are divided by 255."""
    x = np.asarray(crops)
    if x.ndim not in (2, 3) or not x.size:
        raise BadInput(f"illumination: crops have shape {x.shape}: give (H, W) or (N, H, W), grey")
    if x.dtype == np.uint8:
        return x.astype(np.float32) / 255
    if not np.issubdtype(x.dtype, np.floating) or not np.isfinite(x).all() or x.min() < 0 or x.max() > 1:
        raise BadInput("illumination: give uint8 crops, or floats in [0, 1]")
    return x.astype(np.float32)


def _each(even: Even) -> Even:
    """Let a function of one float crop (H, W) take one crop or many, uint8 or float."""

    @wraps(even)
    def over(crops: np.ndarray) -> np.ndarray:
        x = _to_unit(crops)
        done = even(x) if x.ndim == 2 else np.stack([even(one) for one in x])
        return np.clip(done, 0, 1).astype(np.float32)

    return over


def _bytes(x: np.ndarray) -> np.ndarray:
    """Return a float crop as uint8, which OpenCV's histograms want."""
    return np.round(x * 255).astype(np.uint8)


def _mean(x: np.ndarray, window: int) -> np.ndarray:
    """Mean of the neighborhood of each pixel, a square of `window`; at the border of what there is."""
    size, edge = (window, window), cv2.BORDER_CONSTANT
    total = cv2.boxFilter(x, -1, size, normalize=False, borderType=edge)
    count = cv2.boxFilter(np.ones_like(x), -1, size, normalize=False, borderType=edge)
    return total / count


@_each
def none(x: np.ndarray) -> np.ndarray:
    """Leave the crop as it is."""
    return x


@_each
def z_score(x: np.ndarray) -> np.ndarray:
    """Subtract the crop's own mean and divide by its own spread: undoes brightness and contrast.

    Three standard deviations on either side fill [0, 1].

    Examples
    --------
    >>> ramp = np.linspace(0.2, 0.4, 64).reshape(8, 8)
    >>> bool(np.allclose(z_score(ramp), z_score(0.5 * ramp + 0.1), atol=1e-5))
    True
    """
    return 0.5 + (x - x.mean()) / (2 * _REACH * max(float(x.std()), 1e-4))


@_each
def equalize(x: np.ndarray) -> np.ndarray:
    """Equalize the histogram: every gray level becomes about equally frequent (OpenCV).

    Undoes any change of tone that keeps the order of the gray levels.
    """
    return cv2.equalizeHist(_bytes(x)).astype(np.float32) / 255


@_each
def clahe(x: np.ndarray) -> np.ndarray:
    """Equalize the histogram tile by tile, with a limit on how much contrast may grow (OpenCV, 4x4 tiles).

    Source: Zuiderveld (1994), "Contrast limited adaptive histogram equalization", Graphics Gems IV.
    """
    return cv2.createCLAHE(clipLimit=2.0, tileGridSize=(4, 4)).apply(_bytes(x)).astype(np.float32) / 255


@_each
def gamma(x: np.ndarray) -> np.ndarray:
    """Raise to the power that brings the median to the middle of the range.

    Examples
    --------
    >>> float(np.median(gamma(np.linspace(0.0, 0.4, 63).reshape(7, 9)))).__round__(3)
    0.5
    """
    middle = float(np.clip(np.median(x), 0.02, 0.98))
    return x ** (np.log(0.5) / np.log(middle))


@_each
def self_quotient(x: np.ndarray) -> np.ndarray:
    """Divide by a blurred copy: light varies slowly over a face, so the quotient keeps the skin's pattern.

    Source: Wang, Li and Wang (2004), "Face recognition under varying lighting conditions using self quotient
    image", IEEE Conference on Automatic Face and Gesture Recognition.
    """
    blurred = cv2.GaussianBlur(x, (0, 0), 4.0, borderType=cv2.BORDER_REPLICATE)
    return 0.5 * (x + 0.02) / (blurred + 0.02)


@_each
def local_contrast(x: np.ndarray) -> np.ndarray:
    """Subtract the mean of the neighborhood and divide by its spread, as `spatial.Normalize` does.

    Three units on either side fill [0, 1]. The floor under the spread keeps noise in flat places small.

    Examples
    --------
    >>> float(local_contrast(np.full((9, 9), 0.7)).mean())
    0.5
    """
    window, floor = 13, 0.04
    centered = x - _mean(x, window)
    return 0.5 + centered / np.sqrt(_mean(centered**2, window) + floor**2) / (2 * _REACH)


METHODS: Mapping[str, Even] = MappingProxyType(
    {
        "none": none,
        "z-score": z_score,
        "equalize": equalize,
        "CLAHE": clahe,
        "gamma": gamma,
        "self-quotient": self_quotient,
        "local contrast": local_contrast,
    }
)
