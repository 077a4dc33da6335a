"""From probabilities over time to stretches of one label."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .labels import LABELS

SHORTEST = 0.25  # seconds; shorter segments within a clip are joined to a neighbor


def named(probabilities: np.ndarray | None) -> dict[str, float] | None:
    """Write probabilities (7,) as label to number; None stays None.

    Examples
    --------
    >>> named(np.eye(7)[4])["happiness"]
    1.0
    """
    if probabilities is None:
        return None
    return {label: round(float(p), 6) for label, p in zip(LABELS, probabilities, strict=True)}


def segments(ticks: np.ndarray, course: np.ndarray, *, seconds: float) -> list[dict[str, Any]]:
    """Merge probabilities over time into stretches of one label.

    Parameters
    ----------
    ticks : (K,) array of seconds
    course : (K, 7) array of probabilities, NaN where there is no face
    seconds : float, end of the clip

    Returns
    -------
    list of {"start", "end", "label", "probabilities"}; label and probabilities None without a face.

    Examples
    --------
    >>> happy = np.eye(7)[[0, 0, 0, 4, 4, 4, 0, 0, 0]]
    >>> [(s["start"], s["end"], s["label"]) for s in segments(np.arange(9) / 2, happy, seconds=4.5)]
    [(0.0, 1.25, 'neutral'), (1.25, 2.75, 'happiness'), (2.75, 4.5, 'neutral')]
    """
    if not len(ticks):
        return []
    seen = np.isfinite(course).all(1)
    smooth = course.copy()
    for k in np.flatnonzero(seen):  # mean over three neighbors that have a face
        near = [j for j in (k - 1, k, k + 1) if 0 <= j < len(ticks) and seen[j]]
        smooth[k] = course[near].mean(0)
    names = np.where(seen, np.nan_to_num(smooth).argmax(1), -1)  # (K,), -1: no face
    edges = np.concatenate([[0.0], (ticks[1:] + ticks[:-1]) / 2, [seconds]])
    runs = _runs(names)
    while len(runs) > 1:  # join the shortest run that is too short to be an expression
        lengths = [edges[b] - edges[a] for a, b in runs]
        inner = range(1, len(runs) - 1)  # the first and the last may be cut off by the clip
        short = [i for i in np.argsort(lengths) if i in inner and lengths[i] < SHORTEST]
        short = [i for i in short if names[runs[i][0]] >= 0]
        short = [i for i in short if _neighbors(i, runs, names)]
        if not short:
            break
        i = short[0]
        a, b = runs[i]
        names[a:b] = max(_neighbors(i, runs, names), key=lambda n: smooth[a:b, n].mean())
        runs = _runs(names)
    return [
        {
            "start": round(float(edges[a]), 3),
            "end": round(float(edges[b]), 3),
            "label": LABELS[names[a]] if names[a] >= 0 else None,
            "probabilities": named(course[a:b].mean(0)) if names[a] >= 0 else None,
        }
        for a, b in runs
    ]


def _runs(names: np.ndarray) -> list[tuple[int, int]]:
    cuts = [0, *(np.flatnonzero(np.diff(names)) + 1), len(names)]
    return [(int(a), int(b)) for a, b in pairwise(cuts)]


def _neighbors(i: int, runs: list[tuple[int, int]], names: np.ndarray) -> list[int]:
    """Labels of the runs beside run `i`, stretches without a face left out."""
    beside = [names[runs[j][0]] for j in (i - 1, i + 1) if 0 <= j < len(runs)]
    return [int(n) for n in beside if n >= 0]
