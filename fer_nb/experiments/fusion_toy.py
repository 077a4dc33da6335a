"""Distortions of logits, and the toy from which the hypotheses of `fusion_regimes` were read.

The toy has two branches with independent Gaussian errors, perfectly calibrated before they are distorted.
Real branches share their hard clips, so the toy says what may happen and not what does.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid
from scipy.optimize import brentq
from scipy.stats import norm

from ..labels import LABELS
from .fusion_data import Pooled


def tempered(z: np.ndarray, branch: int, temperature: float) -> np.ndarray:
    """Divide one branch's logits (of M, N, C) by a temperature: below 1 it is too sure, above 1 too timid.

    Examples
    --------
    >>> tempered(np.ones((2, 1, 2)), 1, 0.5).tolist()
    [[[1.0, 1.0]], [[2.0, 2.0]]]
    """
    out = np.array(z, float)
    out[branch] /= temperature
    return out


def spread(z: np.ndarray, sd: float, *, seed: int = 0) -> np.ndarray:
    """Give every sample and branch a log-normal scale of its own; `sd` is that of the logarithm.

    Examples
    --------
    >>> z = np.ones((2, 3, 7))
    >>> np.array_equal(spread(z, 0.0), z)
    True
    """
    rng = np.random.default_rng(seed)
    return np.asarray(z) * np.exp(rng.normal(0, sd, np.shape(z)[:2]))[..., None]


def toy(
    clips: int, *, accuracy: float = 0.9, branches: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated logits (M, N, 7) and labels (N,) of branches with independent Gaussian errors.

    A branch sees `a` for the true class, 0 for the others, plus noise; `a` follows from the accuracy.

    Examples
    --------
    >>> z, y = toy(7000)
    >>> round(float((z[0].argmax(1) == y).mean()), 1)
    0.9
    """
    x = np.linspace(-8, 14, 4001)

    def share(a: float) -> float:
        return float(trapezoid(norm.pdf(x - a) * norm.cdf(x) ** (len(LABELS) - 1), x))

    a = float(brentq(lambda value: share(value) - accuracy, 0.1, 8.0))
    rng = np.random.default_rng(seed)
    y = np.arange(clips) % len(LABELS)
    return a * (a * np.eye(len(LABELS))[y] + rng.normal(size=(branches, clips, len(LABELS)))), y


def toy_pooled(clips: int = 2800, *, folds: int = 2) -> Pooled:
    """Return the toy in the form of the pooled folds, seven clips a person."""
    z, y = toy(clips)
    person = np.array([f"toy{k // len(LABELS):04d}" for k in range(clips)])
    logits = {"temporal-0": z[0], "spatial-0": z[1]}
    return Pooled(person, person, y, np.arange(clips) // len(LABELS) % folds, logits)
