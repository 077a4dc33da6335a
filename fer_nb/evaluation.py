"""How good is it, and how sure are we: metrics with intervals drawn over people, and a confusion matrix.

Clips of one person resemble each other, so intervals resample people, not clips. A clip in which no face
was found has no prediction (None) and counts as an error: leaving it out would flatter the detector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .errors import BadInput
from .labels import LABELS, index


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Scores:
    """Accuracy, unweighted average recall, macro F1, who was confused with whom, and how many had a face."""

    accuracy: Interval
    recall: Interval
    f1: Interval
    confusion: np.ndarray  # (7, 8): rows truth, columns answer, the last one "no face"
    coverage: float
    n: int


def confusion_matrix(truth: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Count answers: rows are the truth, columns the answer, the last column is "no face" (-1).

    Parameters
    ----------
    truth, answer : (N,) int arrays of label positions; answer may hold -1

    Returns
    -------
    (7, 8) int array

    Raises
    ------
    BadInput
        If the two do not fit together, or hold what is no label.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 4]), np.array([0, 4, -1])).sum()
    3
    """
    truth, answer = np.asarray(truth), np.asarray(answer)
    if truth.shape != answer.shape:
        raise BadInput(f"evaluation: {truth.shape} true labels and {answer.shape} answers: align them")
    if truth.size and not (truth.min() >= 0 and max(truth.max(), answer.max()) < len(LABELS)):
        raise BadInput(
            f"evaluation: labels run to {max(truth.max(), answer.max())}: give 0 to {len(LABELS) - 1}"
        )
    table = np.zeros((len(LABELS), len(LABELS) + 1), int)
    np.add.at(table, (truth, np.where(answer < 0, len(LABELS), answer)), 1)
    return table


def accuracy_of(table: np.ndarray) -> float:
    """Share of right answers in a confusion matrix."""
    return float(np.trace(table) / max(1, table.sum()))


def recall_of(table: np.ndarray) -> float:
    """Mean over the classes that occur of the share found (UAR)."""
    seen = table.sum(1) > 0
    return float((np.diag(table)[seen] / table.sum(1)[seen]).mean()) if seen.any() else 0.0


def f1_of(table: np.ndarray) -> float:
    """Mean over the classes that occur of F1."""
    right, asked, said = np.diag(table), table.sum(1), table[:, : len(LABELS)].sum(0)
    seen = asked > 0
    return float((2 * right[seen] / np.maximum(1, asked + said)[seen]).mean()) if seen.any() else 0.0


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    subjects: Sequence[str | None],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Interval of a statistic when the people are drawn anew.

    Parameters
    ----------
    statistic : callable, from row numbers (with repeats) to a value
    subjects : sequence, who each row belongs to; None counts as a person of its own
    resamples, seed : int

    Returns
    -------
    Interval of 2.5 to 97.5 %

    Examples
    --------
    >>> right = np.array([1.0, 1.0, 0.0, 0.0])
    >>> bootstrap(lambda rows: right[rows].mean(), ["a", "a", "b", "b"], resamples=200)
    Interval(value=0.5, low=0.0, high=1.0)
    """
    if not len(subjects):
        raise BadInput("evaluation: nothing to score: give at least one clip")
    names = [f"#{i}" if s is None else str(s) for i, s in enumerate(subjects)]
    groups = [np.flatnonzero(np.array(names) == name) for name in sorted(set(names))]
    rng = np.random.default_rng(seed)
    draws = [
        statistic(np.concatenate([groups[g] for g in rng.integers(0, len(groups), len(groups))]))
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(statistic(np.arange(len(subjects)))), float(low), float(high))


def _mean_of(values: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda rows: float(values[rows].mean())


def by_group(
    hits: Sequence[bool], groups: Sequence[str], subjects: Sequence[str | None], *, resamples: int = 1000
) -> dict[str, tuple[Interval, int]]:
    """Share of right answers within each group, with its interval over people and the number of people.

    Small groups have wide intervals. A difference between two groups means something only where they part.

    Parameters
    ----------
    hits : (N,) bool, was the answer right
    groups : (N,) names, such as "female" or "30 to 39"
    subjects : (N,) people, as in `bootstrap`

    Examples
    --------
    >>> found = by_group([True, False, True], ["a", "a", "b"], ["p", "q", "r"], resamples=50)
    >>> {name: (share.value, people) for name, (share, people) in found.items()}
    {'a': (0.5, 2), 'b': (1.0, 1)}
    """
    if not len(hits) == len(groups) == len(subjects):
        raise BadInput(
            f"evaluation: {len(hits)} hits, {len(groups)} groups, {len(subjects)} people: align them"
        )
    right, out = np.asarray(hits, float), {}
    for name in sorted(set(groups)):
        rows = np.flatnonzero(np.asarray(groups) == name)
        share = bootstrap(_mean_of(right[rows]), [subjects[i] for i in rows], resamples=resamples)
        people = {f"#{i}" if subjects[i] is None else subjects[i] for i in rows}
        out[name] = share, len(people)
    return out


def evaluate(
    truth: Sequence[str],
    answers: Sequence[str | None],
    subjects: Sequence[str | None],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score answers against the truth, with intervals over people.

    Parameters
    ----------
    truth : sequence of labels
    answers : sequence of labels, None where no face was found (counts as an error)
    subjects : sequence of people

    Raises
    ------
    BadInput
        If the lengths differ, nothing is given, or a label is unknown.

    Examples
    --------
    >>> evaluate(["anger", "fear"], ["anger", None], ["p", "q"], resamples=50).coverage
    0.5
    """
    if not len(truth) == len(answers) == len(subjects):
        counts = f"{len(truth)} truths, {len(answers)} answers, {len(subjects)} people"
        raise BadInput(f"evaluation: {counts}: align them")
    t = np.array([index(label) for label in truth], int)
    a = np.array([-1 if label is None else index(label) for label in answers], int)

    def interval(of: Callable[[np.ndarray], float]) -> Interval:
        return bootstrap(
            lambda rows: of(confusion_matrix(t[rows], a[rows])), subjects, resamples=resamples, seed=seed
        )

    table = confusion_matrix(t, a)
    return Scores(
        interval(accuracy_of), interval(recall_of), interval(f1_of), table, float((a >= 0).mean()), len(t)
    )
