"""Rules that learn: temperatures, weights, lambda, stacking, and what a rank is worth.

All of them are fitted on answers about people that neither branch was trained on, and must be scored on yet
others. A rule here takes logits (M, N, C) of M branches and labels (N,), and returns a function from logits
to scores. Rules that learn nothing take part as well, so that one table can hold them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import log_softmax, softmax

from . import calibration, fusion
from .errors import BadInput

Scorer = Callable[[np.ndarray], np.ndarray]  # logits (M, N, C) to scores (N, C)
Fit = Callable[[np.ndarray, np.ndarray], Scorer]
GRID = np.linspace(0, 1, 11)  # weights and lambdas that are tried
BETAS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0])
_NEVER = -1e9  # score of a class that cannot win


@dataclass(frozen=True)
class LearnedRule:
    """A rule with a name, the level it works on, and whether it learns from labels.

    `level` is "score", "decision", "rank" or "mix".
    """

    name: str
    level: str
    fit: Fit
    learns: bool = True


def checked(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return logits (M, N, C) as float64 and labels (N,), or say what does not fit.

    Raises
    ------
    BadInput
        If shapes differ, there is no example, a value is not finite, or a label is out of range.
    """
    z, y = np.asarray(logits, float), np.asarray(labels)
    if z.ndim != 3 or y.shape != z.shape[1:2] or not len(y):
        raise BadInput(f"fusion: logits {z.shape} and labels {y.shape}: give (M, N, C) and (N,), N >= 1")
    if not np.isfinite(z).all() or y.min() < 0 or y.max() >= z.shape[2]:
        raise BadInput("fusion: leave out clips without a face, and give labels from 0 to C - 1")
    return z, y


def temperatures(logits: np.ndarray, labels: np.ndarray) -> tuple[float, ...]:
    """Return one temperature for each branch.

    Examples
    --------
    >>> z = 4 * np.random.default_rng(0).normal(size=(2, 300, 7))
    >>> len(temperatures(z, z[0].argmax(1)))
    2
    """
    z, y = checked(logits, labels)
    return tuple(calibration.fit_temperature(branch, y) for branch in z)


def calibrated(logits: np.ndarray, by: Sequence[float]) -> np.ndarray:
    """Return probabilities (M, N, C) of logits divided by one temperature for each branch."""
    return np.stack([calibration.scale(z, t) for z, t in zip(logits, by, strict=True)])


def choose(scores: Sequence[np.ndarray], labels: np.ndarray, tie: np.ndarray) -> int:
    """Return the number of the setting with the most right answers; of equals, the most likely one.

    Parameters
    ----------
    scores : sequence of (N, C), of one rule at several settings, not negative
    labels : (N,) int
    tie : (N, C), scores that settle ties within a setting
    """
    keys = []
    for score in scores:
        p = np.maximum(score / score.sum(-1, keepdims=True), 1e-12)
        right = float((fusion.decide(score, tie=tie) == labels).mean())
        keys.append((round(right, 9), float(np.log(p[np.arange(len(labels)), labels]).mean())))
    return max(range(len(keys)), key=keys.__getitem__)


def _searched(
    logits: np.ndarray,
    labels: np.ndarray,
    rule: Callable[..., np.ndarray],
    grid: np.ndarray,
    *,
    calibrate: bool = False,
) -> Scorer:
    """Fit one setting of a rule by trying a grid, on raw or on calibrated probabilities."""
    z, y = checked(logits, labels)
    scales = temperatures(z, y)
    tie = fusion.product(calibrated(z, scales))
    used = scales if calibrate else (1.0,) * len(z)
    best = grid[choose([rule(calibrated(z, used), value) for value in grid], y, tie)]
    return lambda new: rule(calibrated(new, used), best)


def _pair(rule: Callable[..., np.ndarray], p: np.ndarray, first: float) -> np.ndarray:
    """Apply a rule with weight `first` for the first of two branches."""
    return rule(p, [first, 1 - first])


fit_weighted_sum = partial(_searched, rule=partial(_pair, fusion.weighted_sum), grid=GRID)
fit_weighted_borda = partial(_searched, rule=partial(_pair, fusion.borda), grid=GRID)
fit_mix = partial(_searched, rule=fusion.mix, grid=GRID)
fit_calibrated_mix = partial(_searched, rule=fusion.mix, grid=GRID, calibrate=True)
fit_discounted = partial(_searched, rule=fusion.discounted, grid=BETAS)


def fit_calibrated(logits: np.ndarray, labels: np.ndarray, *, rule: fusion.Rule) -> Scorer:
    """Fit one temperature for each branch, then apply a rule that learns nothing.

    Source: Guo et al. (2017), "On calibration of modern neural networks", ICML.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(2, 50, 7))
    >>> fit_calibrated(z, z[0].argmax(1), rule=fusion.product)(z).shape
    (50, 7)
    """
    scales = temperatures(logits, labels)
    return lambda new: rule(calibrated(new, scales))


def fit_stacking(logits: np.ndarray, labels: np.ndarray, *, strength: float = 0.1) -> Scorer:
    """Fit a multinomial logistic regression on the log-probabilities of all branches (scikit-learn).

    A class without an example cannot win. `strength` is the inverse of the ridge penalty.

    Source: Wolpert (1992), "Stacked generalization", Neural Networks.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(2, 60, 3))
    >>> (fit_stacking(z, z[0].argmax(1))(z).argmax(1) == z[0].argmax(1)).mean() > 0.9
    True
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    z, y = checked(logits, labels)
    present = np.unique(y)

    def features(new: np.ndarray) -> np.ndarray:
        return np.concatenate(list(log_softmax(np.asarray(new, float), axis=-1)), axis=-1)  # (N, M C)

    if len(present) == 1:  # nothing to learn from
        return lambda new: np.where(np.arange(z.shape[2]) == y[0], 0.0, _NEVER) + 0 * new[0]
    regression = LogisticRegression(C=strength, max_iter=500)
    model = make_pipeline(StandardScaler(), regression).fit(features(z), y)

    def scores(new: np.ndarray) -> np.ndarray:
        out = np.full(new.shape[1:], _NEVER)
        out[:, present] = model.predict_log_proba(features(new))
        return out

    return scores


def fit_rank_posterior(logits: np.ndarray, labels: np.ndarray, *, prior: float = 1.0) -> Scorer:
    """Count how often the true class has each rank; score a class by the sum of the log-probabilities.

    C - 1 numbers for each branch are learned; `prior` is added to each count. Ranks in between, as equal
    scores have, take the value in between.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(2, 60, 3))
    >>> fit_rank_posterior(z, z[0].argmax(1))(z).shape
    (60, 3)
    """
    z, y = checked(logits, labels)
    classes = z.shape[2]
    tables = []
    for branch in z:
        true_rank = fusion.ranks(branch)[np.arange(len(y)), y]
        counts = np.bincount(np.round(true_rank).astype(int) - 1, minlength=classes) + prior
        tables.append(np.log(counts / counts.sum()))
    places = np.arange(1, classes + 1)
    return lambda new: np.sum(
        [np.interp(fusion.ranks(b), places, t) for b, t in zip(new, tables, strict=True)], axis=0
    )


def _plain(rule: fusion.Rule) -> Fit:
    """Let a rule on probabilities take part: it learns nothing."""
    return lambda logits, labels: lambda new: rule(softmax(np.asarray(new, float), axis=-1))


_LEVELS = {"sum": "score", "product": "score", "maximum": "score", "vote": "decision", "Borda": "rank",
           "highest rank": "rank", "mix M1": "mix", "mix M2": "mix", "mix M3": "mix"}  # fmt: skip
RULES: dict[str, LearnedRule] = {
    rule.name: rule
    for rule in (
        *(LearnedRule(name, _LEVELS[name], _plain(rule), False) for name, rule in fusion.RULES.items()),
        LearnedRule("standardized logits", "score", lambda logits, labels: fusion.standardized, False),
        LearnedRule("calibrated sum", "score", partial(fit_calibrated, rule=fusion.weighted_sum)),
        LearnedRule("calibrated product", "score", partial(fit_calibrated, rule=fusion.product)),
        LearnedRule("weighted sum", "score", fit_weighted_sum),
        LearnedRule("stacking", "score", fit_stacking),
        LearnedRule("weighted Borda", "rank", fit_weighted_borda),
        LearnedRule("rank posterior", "rank", fit_rank_posterior),
        LearnedRule("mix M1, lambda fitted", "mix", fit_mix),
        LearnedRule("calibrated mix M1", "mix", fit_calibrated_mix),
        LearnedRule("mix M2, beta fitted", "mix", fit_discounted),
    )
}


def answers(
    logits: np.ndarray,
    labels: np.ndarray,
    new: np.ndarray,
    *,
    rules: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Fit rules on some clips and answer about others, ties settled by calibrated score, then branch.

    Parameters
    ----------
    logits, labels : (M, N, C) and (N,), of people that no branch was trained on
    new : (M, K, C), logits of others
    rules : names in `RULES`; all of them by default

    Returns
    -------
    dict from name to (K,) int

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(2, 60, 7))
    >>> answers(z, z[0].argmax(1), z, rules=["sum", "stacking"])["sum"].shape
    (60,)
    """
    z, y = checked(logits, labels)
    fresh = np.asarray(new, float)
    tie = fusion.product(calibrated(fresh, temperatures(z, y)))
    better = fresh[int((z.argmax(-1) == y).mean(1).argmax())]
    chosen = RULES if rules is None else {name: RULES[name] for name in rules}
    return {
        name: fusion.decide(rule.fit(z, y)(fresh), tie=tie, better=better) for name, rule in chosen.items()
    }
