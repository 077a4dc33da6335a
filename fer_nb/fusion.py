"""Two opinions into one. Here the plain mean; ranks and calibrated rivals come with the fusion chapter."""

from __future__ import annotations

import numpy as np

from .errors import BadInput


def mean(temporal: np.ndarray | None, spatial: np.ndarray | None) -> np.ndarray:
    """Average the probabilities of the two branches; where one cannot run, the other speaks alone.

    Parameters
    ----------
    temporal, spatial : (..., C) array of probabilities, or None

    Returns
    -------
    (..., C) array of probabilities

    Raises
    ------
    BadInput
        If both are None, or their shapes differ.

    Examples
    --------
    >>> mean(np.array([0.8, 0.2]), np.array([0.4, 0.6])).round(2).tolist()
    [0.6, 0.4]
    >>> mean(None, np.array([0.4, 0.6])).tolist()
    [0.4, 0.6]
    """
    opinions = [np.asarray(p, dtype=np.float64) for p in (temporal, spatial) if p is not None]
    if not opinions:
        raise BadInput("fusion: neither branch has an answer: give the probabilities of at least one")
    if len({p.shape for p in opinions}) > 1:
        raise BadInput(f"fusion: shapes {opinions[0].shape} and {opinions[1].shape} differ: give the same")
    return sum(opinions[1:], opinions[0]) / len(opinions)
