"""Does 0.9 mean right nine times in ten? Temperature scaling, and how far a model is from meaning it.

A temperature divides the logits: above 1 it softens, below 1 it sharpens. It never changes which class comes
first, so accuracy stays and only the meaning of the probabilities changes.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from .errors import BadInput

_RANGE = (np.log(0.02), np.log(50.0))  # of temperatures that are tried, as logarithms


def scale(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (..., C) from logits divided by a temperature.

    Raises
    ------
    BadInput
        If the temperature is not positive.

    Examples
    --------
    >>> scale(np.array([2.0, 0.0]), 2.0).round(3).tolist()
    [0.731, 0.269]
    """
    if not temperature > 0:
        raise BadInput(f"temperature is {temperature}: give a positive number")
    return np.asarray(softmax(np.asarray(logits, float) / temperature, axis=-1))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature with the lowest negative log-likelihood.

    Parameters
    ----------
    logits : (N, C) of examples that the model was not trained on
    labels : (N,) int, the true classes

    Returns
    -------
    float in [0.02, 50]

    Raises
    ------
    BadInput
        If there is no example, or shapes do not fit.

    Source: Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks", ICML.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z = 3 * rng.normal(size=(4000, 7))
    >>> y = np.array([rng.choice(7, p=p) for p in scale(z, 3.0)])
    >>> abs(fit_temperature(z, y) - 3) < 0.3
    True
    """
    z, y = np.asarray(logits, float), np.asarray(labels)
    if z.ndim != 2 or not len(z) or y.shape != (len(z),):
        raise BadInput(f"calibration: logits {z.shape} and labels {y.shape}: give (N, C) and (N,), N >= 1")

    def cost(log_temperature: float) -> float:
        return float(-log_softmax(z / np.exp(log_temperature), axis=1)[np.arange(len(y)), y].mean())

    return float(np.exp(minimize_scalar(cost, bounds=_RANGE, method="bounded").x))
