"""Who was in the training set? Shadow models, a score for each person, and a curve that starts at the left.

A network is surer of what it was trained on. How sure it would be without, other networks tell: shadow
models, trained by the same recipe on other people. What the target is surer of than its shadows are, it
has probably seen. The attacker of chapter 11 knows the recipe, owns people of the same population, and reads
the target's outputs.

An attack that names one person in a hundred, and is right, is worse than one that is right about everybody
a little more often than a coin. So the share found is read off where almost nobody is accused falsely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .errors import BadInput
from .evaluation import Interval

Train = Callable[[np.ndarray, int], nn.Module]  # row numbers of people, seed -> trained model


# ---------------------------------------------------------------- from answers to a score for each person


def log_odds(logits: Tensor, y: Tensor) -> Tensor:
    """Return how sure a model is of the true class: log p - log(1 - p), (N,).

    It is nearly normal over trainings, which probabilities near 1 are not.

    Parameters
    ----------
    logits : Tensor (N, C)
    y : Tensor (N,), true classes

    Source: Carlini et al. (2022), "Membership inference attacks from first principles", S&P.

    Examples
    --------
    >>> log_odds(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 0])).tolist()
    [0.0, 2.0]
    """
    own = F.one_hot(y, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)


def ask(model: nn.Module, x: Tensor) -> Tensor:
    """Return a model's logits for pictures (N, ...), (N, C), a batch at a time and without gradients.

    Raises
    ------
    BadInput
        If an answer is not finite.

    Examples
    --------
    >>> log_odds(ask(nn.Flatten(), torch.eye(2)), torch.tensor([0, 0])).tolist()
    [1.0, -1.0]
    """
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(part) for part in x.split(256)])
    if not torch.isfinite(logits).all():
        raise BadInput("membership: the model answers with NaN or infinity: train it again, more slowly")
    return logits


def surprise(target: np.ndarray, shadows: np.ndarray) -> np.ndarray:
    """Return how much surer the target is than models that have not seen the pictures, (N,).

    With few shadows one spread for all pictures is better than one for each; it then drops out.

    Parameters
    ----------
    target : (N,) log odds
    shadows : (K, N) log odds of K shadow models

    Source: the offline attack of Carlini et al. (2022), with one spread for all.

    Examples
    --------
    >>> surprise(np.array([3.0, 1.0]), np.array([[2.0, 1.0], [0.0, 1.0]])).tolist()
    [2.0, 0.0]
    """
    shadows = np.asarray(shadows, float)
    if shadows.ndim != 2 or shadows.shape[1:] != np.shape(target) or not len(shadows):
        raise BadInput(f"membership: shadows have shape {shadows.shape}: give (K, {len(target)}), K >= 1")
    return np.asarray(target, float) - shadows.mean(0)


def by_person(scores: np.ndarray, found: np.ndarray | None = None) -> np.ndarray:
    """Average the scores of each person's pictures, (P, S) to (P,); those without a face do not count.

    Raises
    ------
    BadInput
        If a person has no picture with a face.

    Examples
    --------
    >>> by_person(np.array([[1.0, 3.0], [5.0, 0.0]]), np.array([[True, True], [True, False]])).tolist()
    [2.0, 5.0]
    """
    seen = np.ones(scores.shape, bool) if found is None else np.asarray(found, bool)
    if not seen.any(1).all():
        raise BadInput("membership: a person has no picture with a face: leave that person out")
    return np.where(seen, scores, 0).sum(1) / seen.sum(1)


def shadow_people(people: int, each: int, count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Draw the people of each shadow model, without looking: `count` arrays of `each` row numbers.

    Raises
    ------
    BadInput
        If there are fewer people than a model needs.

    Examples
    --------
    >>> [len(rows) for rows in shadow_people(10, 4, 3)]
    [4, 4, 4]
    """
    if not 1 <= each <= people:
        raise BadInput(f"membership: {each} of {people} people for a shadow model: own more people")
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(people)[:each]) for _ in range(count)]


# ---------------------------------------------------------------- from scores to a verdict


@dataclass(frozen=True)
class Roc:
    """Shares accused, falsely (of non-members) and rightly (of members), as the threshold falls."""

    fpr: np.ndarray
    tpr: np.ndarray

    @property
    def area(self) -> float:
        """Area under the curve: the chance that a member scores above a non-member."""
        return float(((self.tpr[1:] + self.tpr[:-1]) / 2 * np.diff(self.fpr)).sum())

    @property
    def accuracy(self) -> float:
        """Share right at the best threshold, when half of the people are members."""
        return float(((self.tpr + 1 - self.fpr) / 2).max())

    def found_at(self, fpr: float) -> float:
        """Largest share of the members found while at most `fpr` of the others are accused."""
        return float(self.tpr[self.fpr <= fpr + 1e-12].max())


def roc(members: np.ndarray, others: np.ndarray) -> Roc:
    """Return the curve of scores of members (M,) and non-members (N,); equal scores fall together.

    Raises
    ------
    BadInput
        If a side is empty or holds NaN.

    Examples
    --------
    >>> curve = roc(np.array([2.0, 0.5]), np.array([1.0, 0.0]))
    >>> curve.area, curve.found_at(0.0), curve.accuracy
    (0.75, 0.5, 0.75)
    """
    if not len(members) or not len(others) or np.isnan([*members, *others]).any():
        raise BadInput("membership: scores are missing or NaN: give some of members and of others")
    levels = np.unique(np.concatenate([members, others]))[::-1]
    shares = [
        1 - np.searchsorted(np.sort(side), levels, side="left") / len(side) for side in (others, members)
    ]
    fpr, tpr = (np.concatenate([[0.0], share]) for share in shares)
    return Roc(fpr, tpr)


Side = Sequence[np.ndarray]  # for each target the scores of the same people


def judged(
    verdict: Callable[[Roc], float],
    members: Side,
    others: Side,
    *,
    resamples: int = 500,
    seed: int = 0,
) -> Interval:
    """Return a verdict, the mean over several targets, with its interval when the people are drawn anew.

    Parameters
    ----------
    verdict : callable, such as `lambda curve: curve.found_at(0.01)`
    members, others : for each target the scores of the same M members and N non-members
    resamples, seed : int

    Examples
    --------
    >>> judged(lambda curve: curve.area, [np.array([2.0, 3.0])], [np.array([0.0, 1.0])], resamples=20)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    return _drawn(_mean(verdict, members, others), len(members[0]), len(others[0]), resamples, seed)


def compared(
    verdict: Callable[[Roc], float],
    one: tuple[Side, Side],
    other: tuple[Side, Side],
    *,
    resamples: int = 500,
    seed: int = 0,
) -> Interval:
    """Return how much larger a verdict is for one attack than for another on the same people.

    Both attacks are judged on the same people in every draw, so what makes a draw of people easy for both
    falls out. Two intervals that overlap do not say that a difference is uncertain; this one does.

    Parameters
    ----------
    verdict : callable, such as `lambda curve: curve.area`
    one, other : members and non-members of an attack, as for `judged`; targets may differ in number
    resamples, seed : int

    Raises
    ------
    BadInput
        If the two were not asked about as many people.

    Examples
    --------
    >>> sharp, blind = [np.array([2.0, 3.0])], [np.array([0.5, 0.5])]
    >>> nobody = [np.array([0.0, 1.0])]
    >>> compared(lambda curve: curve.area, (sharp, nobody), (blind, nobody), resamples=20).value
    0.5
    """
    counts = [(len(members[0]), len(others[0])) for members, others in (one, other)]
    if counts[0] != counts[1]:
        raise BadInput(f"membership: {counts[0]} and {counts[1]} people: compare attacks on the same people")
    first, second = _mean(verdict, *one), _mean(verdict, *other)
    return _drawn(
        lambda rows, columns: first(rows, columns) - second(rows, columns), *counts[0], resamples, seed
    )


def _mean(verdict: Callable[[Roc], float], members: Side, others: Side) -> Callable[..., float]:
    """Return a function from rows of members and of others to the mean verdict over the targets."""
    m, n = np.stack(members), np.stack(others)  # (T, M), (T, N)
    return lambda rows, columns: float(
        np.mean([verdict(roc(a[rows], b[columns])) for a, b in zip(m, n, strict=True)])
    )


def _drawn(
    value: Callable[[np.ndarray, np.ndarray], float], m: int, n: int, resamples: int, seed: int
) -> Interval:
    """Return the value of all M members and N others, and its interval when both are drawn anew."""
    rng = np.random.default_rng(seed)
    draws = [value(rng.integers(0, m, m), rng.integers(0, n, n)) for _ in range(resamples)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(value(np.arange(m), np.arange(n)), float(low), float(high))
