"""Two opinions into one: rules on scores, on votes, on ranks, and the mix of ranks and scores.

Every rule maps opinions (M, ..., C), the class probabilities of M branches, to one score per class (..., C);
the highest wins. Scores carry how sure a branch is, which helps only if both mean the same by it. Ranks do
not know how sure a branch is, so no branch can shout the other down. The mix takes from both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.stats import rankdata

from .errors import BadInput

Rule = Callable[[np.ndarray], np.ndarray]
_TINY = 1e-12


def opinions(*branches: np.ndarray) -> np.ndarray:
    """Stack the probabilities of branches, (..., C) each, to (M, ..., C) float64.

    Raises
    ------
    BadInput
        If there is none, shapes differ, or a row is not made of probabilities that sum to 1.

    Examples
    --------
    >>> opinions(np.array([0.8, 0.2]), np.array([0.4, 0.6])).shape
    (2, 2)
    """
    if not branches:
        raise BadInput("fusion: neither branch has an answer: give the probabilities of at least one")
    arrays = [np.asarray(p, dtype=np.float64) for p in branches]
    for other in arrays[1:]:
        if other.shape != arrays[0].shape:
            raise BadInput(f"fusion: shapes {arrays[0].shape} and {other.shape} differ: give the same")
    p = np.stack(arrays)
    if not ((p >= 0).all() and np.allclose(p.sum(-1), 1, atol=1e-4)):
        raise BadInput("fusion: rows must be probabilities, non-negative and summing to 1: apply softmax")
    return p


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
        If both are None, their shapes differ, or they are no probabilities.

    Examples
    --------
    >>> mean(np.array([0.8, 0.2]), np.array([0.4, 0.6])).round(2).tolist()
    [0.6, 0.4]
    >>> mean(None, np.array([0.4, 0.6])).tolist()
    [0.4, 0.6]
    """
    return weighted_sum(opinions(*(p for p in (temporal, spatial) if p is not None)))


def _weights(p: np.ndarray, weights: Sequence[float] | None) -> np.ndarray:
    """Return the weights of the branches, summing to 1, shaped to multiply opinions."""
    w = np.ones(len(p)) if weights is None else np.asarray(weights, float)
    if w.shape != (len(p),) or (w < 0).any() or w.sum() <= 0:
        raise BadInput(f"fusion: weights {w.tolist()}: give one non-negative number for each of {len(p)}")
    return (w / w.sum()).reshape(-1, *[1] * (p.ndim - 1))


def weighted_sum(p: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """Sum rule: the weighted mean of the probabilities (Kittler et al. 1998).

    Examples
    --------
    >>> weighted_sum(np.array([[0.8, 0.2], [0.4, 0.6]]), [3, 1]).round(2).tolist()
    [0.7, 0.3]
    """
    return (_weights(p, weights) * p).sum(0)


def product(p: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """Product rule: the weighted geometric mean, made to sum to 1. One "never" is a veto.

    Examples
    --------
    >>> product(np.array([[0.8, 0.2], [0.2, 0.8]])).round(2).tolist()
    [0.5, 0.5]
    """
    raw = np.exp((_weights(p, weights) * np.log(np.maximum(p, _TINY))).sum(0))
    return raw / raw.sum(-1, keepdims=True)


def maximum(p: np.ndarray) -> np.ndarray:
    """Max rule: the more confident branch decides.

    Examples
    --------
    >>> maximum(np.array([[0.8, 0.2], [0.1, 0.9]])).tolist()
    [0.8, 0.9]
    """
    return p.max(0)


def vote(p: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """Decision level: each branch gives its whole weight to its first choice.

    Examples
    --------
    >>> vote(np.array([[0.8, 0.2], [0.4, 0.6]])).tolist()
    [0.5, 0.5]
    """
    first = (p == p.max(-1, keepdims=True)).astype(float)
    return (_weights(p, weights) * first / first.sum(-1, keepdims=True)).sum(0)


def ranks(p: np.ndarray) -> np.ndarray:
    """Return each branch's ranking of the classes: 1 for its first choice, C for its last.

    Equal scores share their mean rank, so the order of the classes never decides.

    Examples
    --------
    >>> ranks(np.array([0.5, 0.2, 0.2, 0.1])).tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    return np.asarray(rankdata(-np.asarray(p), axis=-1, method="average"))


def sorting_scores(p: np.ndarray) -> np.ndarray:
    """Return rank scores in [0, 1], evenly spaced: 1 for the first choice, 0 for the last.

    Examples
    --------
    >>> sorting_scores(np.array([0.97, 0.02, 0.01])).tolist()
    [1.0, 0.5, 0.0]
    """
    classes = np.shape(p)[-1]
    return (classes - ranks(p)) / (classes - 1)


def borda(p: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """Borda count: the weighted mean of the sorting scores (Ho, Hull and Srihari 1994).

    Examples
    --------
    >>> borda(np.array([[0.90, 0.08, 0.02], [0.3, 0.4, 0.3]])).tolist()
    [0.625, 0.75, 0.125]
    """
    return (_weights(p, weights) * sorting_scores(p)).sum(0)


def highest_rank(p: np.ndarray) -> np.ndarray:
    """Highest rank: a class is as good as its best ranking by any branch (Ho, Hull and Srihari 1994).

    Examples
    --------
    >>> highest_rank(np.array([[0.90, 0.08, 0.02], [0.3, 0.45, 0.25]])).tolist()
    [1.0, 1.0, 0.0]
    """
    return sorting_scores(p).max(0)


def mix(p: np.ndarray, lam: float = 0.5, weights: Sequence[float] | None = None) -> np.ndarray:
    """Mix fusion, reading M1: `lam` parts sorting score and `1 - lam` parts probability, summed.

    At lam = 0 it is the weighted sum, at 1 the Borda count. Divided by its sum it is a distribution.
    This is our reading of fusion with sorting scores; the original equation is not public.

    Raises
    ------
    BadInput
        If lam is not in [0, 1].

    Examples
    --------
    >>> sure, mild = [1.0, 0.0, 0.0], [0.30, 0.36, 0.34]
    >>> mix(np.array([sure, mild]), lam=0.5).argmax().item()
    0
    """
    if not 0 <= lam <= 1:
        raise BadInput(f"mix fusion: lam is {lam}: give a number in [0, 1]")
    return lam * borda(p, weights) + (1 - lam) * weighted_sum(p, weights)


def discounted(p: np.ndarray, beta: float = 0.5, weights: Sequence[float] | None = None) -> np.ndarray:
    """Mix fusion, reading M2: probabilities discounted by beta for each rank below the first.

    At beta = 1 it is the weighted sum; toward 0 it becomes a vote weighted by confidence.

    Examples
    --------
    >>> discounted(np.array([[0.6, 0.4], [0.5, 0.5]]), beta=1.0).round(2).tolist()
    [0.55, 0.45]
    """
    if not 0 < beta <= 1:
        raise BadInput(f"mix fusion: beta is {beta}: give a number in (0, 1]")
    return (_weights(p, weights) * beta ** (ranks(p) - 1) * p).sum(0)


def shortlist(p: np.ndarray, keep: int = 2, epsilon: float = 1e-3) -> np.ndarray:
    """Mix fusion, reading M3: only classes that some branch ranks among its first `keep` may win.

    Among them the Borda count decides, and the mean probability where it ties. Others score -1.

    Examples
    --------
    >>> shortlist(np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]]), keep=1).argmax().item()
    0
    """
    listed = ranks(p).min(0) <= keep
    return np.where(listed, borda(p) + epsilon * p.mean(0), -1.0)


def standardized(logits: np.ndarray) -> np.ndarray:
    """Sum of logits, each branch's standardized over the classes of the sample: scale and shift drop out.

    Examples
    --------
    >>> z = np.array([[2.0, 0.0, -2.0], [0.1, 0.2, 0.0]])
    >>> np.allclose(standardized(z), standardized(z * [[10.0], [0.1]] + 3))
    True
    """
    z = np.asarray(logits, float)
    z = z - z.mean(-1, keepdims=True)
    return (z / np.maximum(z.std(-1, keepdims=True), _TINY)).sum(0)


def overrules(rank_gap: int, score_rank_gap: int, classes: int) -> float:
    """Return the lam above which ranks overrule certainty in the mix of two equal branches.

    A one-hot branch puts class a first and ranks b `score_rank_gap` below it. A flat branch ranks b
    `rank_gap` above a and gives both the same probability. With lam (g - h) / (C - 1) > 1 - lam, b wins.

    Returns
    -------
    float in (0, 1], or inf where ranks never overrule.

    Examples
    --------
    >>> round(overrules(6, 1, 7), 4) == round(6 / 11, 4)
    True
    """
    gain = (rank_gap - score_rank_gap) / (classes - 1)
    return 1 / (1 + gain) if gain > 0 else float("inf")


def among(p: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Keep only the classes that can occur, (..., K), and let them sum to 1 again.

    Do this before ranking: a class that cannot occur would push the others apart.

    Examples
    --------
    >>> among(np.array([0.5, 0.3, 0.2]), (1, 2)).round(2).tolist()
    [0.6, 0.4]
    """
    kept = np.maximum(np.asarray(p, float)[..., list(classes)], _TINY)
    return kept / kept.sum(-1, keepdims=True)


def decide(scores: np.ndarray, tie: np.ndarray | None = None, better: np.ndarray | None = None) -> np.ndarray:
    """Return the winning class, (...) int. Ties go to the higher `tie`, then to the `better` branch.

    Parameters
    ----------
    scores : (..., C) from a rule
    tie : (..., C), calibrated scores that settle ties
    better : (..., C), the branch that was better on validation, which settles what is left

    Examples
    --------
    >>> decide(np.array([0.5, 0.5]), tie=np.array([0.1, 0.9])).item()
    1
    """
    left = _top(scores, np.ones_like(scores, dtype=bool))
    for judge in (tie, better):
        if judge is not None:
            left = _top(judge, left)
    return left.argmax(-1)


def _top(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Mark the classes with the highest score among those still in the running."""
    masked = np.where(among, scores, -np.inf)
    return masked >= masked.max(-1, keepdims=True) - 1e-9


RULES: dict[str, Rule] = {
    "sum": weighted_sum, "product": product, "maximum": maximum, "vote": vote, "Borda": borda,
    "highest rank": highest_rank, "mix M1": partial(mix, lam=0.5), "mix M2": partial(discounted, beta=0.5),
    "mix M3": partial(shortlist, keep=2),
}  # fmt: skip
