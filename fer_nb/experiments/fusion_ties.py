"""What ranks do on the pooled folds: how often they tie, and from which lambda on they overrule certainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from .. import fusion, fusion_fit
from ..labels import LABELS
from .fusion_data import Pooled, cross_fit

CLASSES = (2, 3, 5, 7)
SUBSETS = 8  # of the classes, for each count, at most
LAMBDAS = np.linspace(0, 1, 21)


def ties(pooled: Pooled) -> tuple[np.ndarray, dict[str, float]]:
    """Count Borda's ties by class pair.

    Returns
    -------
    (7, 7) int array, symmetric, of ties between two classes at the top, summed over pairs of seeds; and
    shares: "all", of clips; "disagreeing", of those in which the branches disagree; and the accuracy on tied
    clips by how a tie is settled: "class order", "calibrated score", "better branch"
    """
    counts = np.zeros((len(LABELS), len(LABELS)), int)
    seen: dict[str, list[float]] = {name: [] for name in ("all", "disagreeing")}
    right: dict[str, list[np.ndarray]] = {"class order": [], "calibrated score": [], "better branch": []}
    for pair in pooled.pairs():
        z = pooled.of(pair)
        found = np.isfinite(z).all((0, 2))
        z, truth = z[:, found], pooled.truth[found]
        scores = fusion.borda(softmax(z, axis=-1))
        top = np.isclose(scores, scores.max(-1, keepdims=True))
        tied = top.sum(-1) > 1
        apart = z[0].argmax(-1) != z[1].argmax(-1)
        np.add.at(counts, tuple(np.stack([np.flatnonzero(row)[:2] for row in top[tied]], 1)), 1)
        seen["all"].append(float(tied.mean()))
        seen["disagreeing"].append(float(tied.sum() / max(1, apart.sum())))
        settled = {
            "class order": scores.argmax(-1),
            "calibrated score": cross_fit(z, z, pooled.rows(found), rules=["Borda"])["Borda"],
            "better branch": fusion.decide(scores, tie=z[0]),
        }
        for name, answer in settled.items():
            right[name].append((answer == truth)[tied])
    shares = {name: float(np.mean(values)) for name, values in seen.items()}
    return counts + counts.T, shares | {n: float(np.concatenate(v).mean()) for n, v in right.items()}


def sweep(pooled: Pooled, pair: Sequence[str]) -> list[dict[str, Any]]:
    """Sweep lambda and the number of classes, absent classes masked before ranking.

    Each row has the accuracy of the mix on raw and on calibrated probabilities, and of all clips on which a
    branch made certain and one made flat disagree, the share in which the flat one gets its way.
    """
    z = pooled.of(pair)
    z = z[:, np.isfinite(z).all((0, 2))]
    truth = pooled.truth[np.isfinite(pooled.of(pair)).all((0, 2))]
    scales = fusion_fit.temperatures(z, truth)
    rng, rows = np.random.default_rng(0), []
    for count in CLASSES:
        draws = (rng.choice(len(LABELS), count, replace=False) for _ in range(4 * SUBSETS))
        chosen = list(dict.fromkeys(tuple(sorted(int(k) for k in draw)) for draw in draws))[:SUBSETS]
        sums = np.zeros((3, len(LAMBDAS)))
        total = np.zeros(3)
        for subset in chosen:
            mine = np.isin(truth, subset)
            y = np.searchsorted(subset, truth[mine])
            p = fusion.among(fusion_fit.calibrated(z[:, mine], scales), subset)
            raw = fusion.among(softmax(z[:, mine], axis=-1), subset)
            sure, flat = certain_and_flat(p)
            apart = sure.argmax(-1) != flat.argmax(-1)
            for k, lam in enumerate(LAMBDAS):
                for which, scores in enumerate((raw, p)):
                    sums[which, k] += (
                        fusion.decide(fusion.mix(scores, lam), tie=fusion.product(p)) == y
                    ).sum()
                mixed = fusion.mix(np.stack([sure, flat])[:, apart], lam)
                won = fusion.decide(mixed, tie=sure[apart])
                sums[2, k] += (won != sure[apart].argmax(-1)).sum()
            total += [len(y), len(y), max(1, apart.sum())]
        for lam, values in zip(LAMBDAS, (sums / total[:, None]).T, strict=True):
            names = ("accuracy", "accuracy_calibrated", "overruled")
            rows.append(
                {"classes": count, "lam": round(float(lam), 4), **dict(zip(names, values, strict=True))}
            )
    return rows


def certain_and_flat(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first branch made all but one-hot and the second all but flat, in their own rankings."""
    classes = p.shape[-1]
    order = fusion.sorting_scores(p) * 1e-9  # keeps the ranking, adds nothing that counts
    sure = np.eye(classes)[p[0].argmax(-1)] + order[0]
    flat = 1 / classes + order[1]
    return sure / sure.sum(-1, keepdims=True), flat / flat.sum(-1, keepdims=True)
