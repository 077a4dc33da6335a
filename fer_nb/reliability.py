"""Is the model as sure as it is right? Reliability in bins, expected calibration error, honest temperatures.

A temperature is fitted on people whose answers it does not scale: otherwise it would be graded on its own
examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .calibration import fit_temperature, scale
from .errors import BadInput

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Answers sorted into bins by confidence; each field is (bins,), NaN where a bin is empty.

    Attributes
    ----------
    confidence : mean probability of the answer
    accuracy : share of right answers
    count : (bins,) int, answers in the bin
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray


def _checked(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p, y = np.asarray(probabilities, float), np.asarray(labels)
    if p.ndim != 2 or not len(p) or y.shape != (len(p),):
        raise BadInput(
            f"reliability: probabilities {p.shape}, labels {y.shape}: give (N, C) and (N,), N >= 1"
        )
    return p, y


def reliability(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = BINS) -> Reliability:
    """Sort answers by confidence into equal bins and compare confidence with accuracy in each.

    Parameters
    ----------
    probabilities : (N, C), rows sum to 1
    labels : (N,) int, the true classes

    Raises
    ------
    BadInput
        If there is no example, or shapes do not fit.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45]])
    >>> r = reliability(p, np.array([0, 1, 0]))
    >>> r.count[[5, 9]].tolist(), r.accuracy[[5, 9]].tolist()
    ([1, 2], [1.0, 0.5])
    """
    p, y = _checked(probabilities, labels)
    sure, right = p.max(1), p.argmax(1) == y
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, sure, side="right") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        total = [np.bincount(place, weights=w, minlength=bins) / count for w in (sure, right.astype(float))]
    return Reliability(total[0], total[1], count)


def ece(probabilities: np.ndarray, labels: np.ndarray, *, bins: int = BINS) -> float:
    """Expected calibration error, by torchmetrics: distance of confidence and accuracy, mean over answers.

    Source: Naeini, Cooper and Hauskrecht (2015), AAAI; Guo et al. (2017), ICML.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1]])
    >>> round(ece(p, np.array([0, 1])), 3)  # sure 0.9, right half the time
    0.4
    """
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    p, y = _checked(probabilities, labels)
    found = multiclass_calibration_error(
        torch.from_numpy(p), torch.from_numpy(y), num_classes=p.shape[1], n_bins=bins
    )
    return float(found)


def cross_fitted(
    logits: np.ndarray, labels: np.ndarray, subjects: Sequence[str], *, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Fit a temperature for each person on other people only.

    Parameters
    ----------
    logits : (N, C)
    labels : (N,) int
    subjects : (N,) people
    folds : groups of people; each group gets the temperature of all the others

    Returns
    -------
    (N,) float array, the temperature for each row; divide its logits by it.

    Raises
    ------
    BadInput
        If there are fewer people than folds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> z, who = rng.normal(size=(60, 3)), [str(i // 6) for i in range(60)]
    >>> cross_fitted(4 * z, z.argmax(1), who).shape
    (60,)
    """
    z, y = _checked(logits, labels)
    people = np.unique(subjects)
    if len(people) < folds:
        raise BadInput(f"cross_fitted: {len(people)} people for {folds} folds: give as many people as folds")
    group = dict(
        zip(np.random.default_rng(seed).permutation(people), np.arange(len(people)) % folds, strict=True)
    )
    fold = np.array([group[s] for s in subjects])
    out = np.empty(len(z))
    for k in range(folds):
        out[fold == k] = fit_temperature(z[fold != k], y[fold != k])
    return out


def scaled(logits: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    """Return probabilities (N, C) of logits, each row divided by a temperature of its own (N,)."""
    return scale(np.asarray(logits, float) / np.asarray(temperatures, float)[:, None], 1.0)
