"""What the fusion experiments share: pooled logits as arrays, and fitting on people that nobody has seen.

`crossfit` keeps logits of each fold's networks on that fold's people. Here rules are fitted on some of those
people and answer about the others, fold by fold. Neither a branch nor a rule ever meets who is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import evaluation, fusion_fit, splits
from ..errors import BadInput
from ..labels import LABELS

INNER = 4  # parts of a fold's people; each is scored by rules fitted on the other three


@dataclass(frozen=True)
class Pooled:
    """Logits of several networks on the same clips, in the same order.

    Attributes
    ----------
    clip, person : (N,) str arrays; truth, fold : (N,) int arrays
    logits : mapping from "temporal-0" and the like (branch, seed) to (N, 7); NaN where no face was found
    """

    clip: np.ndarray
    person: np.ndarray
    truth: np.ndarray
    fold: np.ndarray
    logits: Mapping[str, np.ndarray]

    def seeds(self, branch: str) -> list[int]:
        """List the seeds of a branch."""
        names = (name.rpartition("-") for name in self.logits)
        return sorted(int(seed) for kind, _, seed in names if kind == branch)

    def pairs(self) -> list[tuple[str, str]]:
        """Return one pair of branches for each temporal seed; spatial seeds that are missing become 0."""
        known = self.seeds("spatial")
        return [(f"temporal-{s}", f"spatial-{s if s in known else 0}") for s in self.seeds("temporal")]

    def of(self, pair: Sequence[str]) -> np.ndarray:
        """Return the logits (M, N, 7) of the named networks."""
        return np.stack([self.logits[name] for name in pair]).astype(float)

    def rows(self, chosen: np.ndarray) -> Pooled:
        """Keep some clips."""
        kept = {name: z[chosen] for name, z in self.logits.items()}
        about = {name: getattr(self, name)[chosen] for name in ("clip", "person", "truth", "fold")}
        return replace(self, logits=kept, **about)


def gather(table: Any, *, shifted: bool | None = None) -> Pooled:
    """Turn a table of `crossfit.read` into arrays.

    Parameters
    ----------
    table : data frame
    shifted : bool or None, keep only clips of the shifted twin, or only the others

    Raises
    ------
    BadInput
        If the networks of the table were not asked about the same clips.
    """
    if shifted is not None:
        table = table[table["clip"].str.endswith("/shift") == shifted]
    table = table.sort_values(["fold", "clip"], kind="stable")
    logits, about = {}, None
    for (branch, seed), rows in table.groupby(["branch", "seed"], sort=True):
        logits[f"{branch}-{seed}"] = rows[list(LABELS)].to_numpy(np.float32)
        mine = [rows[name].to_numpy() for name in ("clip", "person", "truth", "fold")]
        if about is not None and not all(np.array_equal(a, b) for a, b in zip(about, mine, strict=True)):
            raise BadInput(f"crossfit: {branch}-{seed} misses clips that others have: finish the run")
        about = mine
    if about is None:
        raise BadInput("crossfit: the table is empty: run `python -m fer_nb.experiments.crossfit`")
    clip, person, truth, fold = about
    return Pooled(clip.astype(str), person.astype(str), truth.astype(int), fold.astype(int), logits)


def cross_fit(
    fitting: np.ndarray,
    asked: np.ndarray,
    pooled: Pooled,
    *,
    rules: Sequence[str] | None = None,
    examples: int | None = None,
    inner: int = INNER,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Fit rules on part of each fold's people and answer about the rest of that fold.

    Parameters
    ----------
    fitting : (M, N, 7), logits that rules learn from
    asked : (M, N, 7), logits that they answer about: the same, or distorted ones, NaN where nothing is asked
    pooled : Pooled, whose clips and people these are
    rules : names of `fusion_fit.RULES`; all of them by default
    examples : int or None, how many clips a rule learns from; all there are by default

    Returns
    -------
    dict from rule to (N,) int; -1 where nothing was asked or no face was found
    """
    names = list(fusion_fit.RULES if rules is None else rules)
    out = {name: np.full(len(pooled.truth), -1) for name in names}
    known, wanted = (np.isfinite(z).all((0, 2)) for z in (fitting, asked))
    rng = np.random.default_rng(seed)
    for fold in np.unique(pooled.fold):
        mine = np.flatnonzero(pooled.fold == fold)
        for rest, part in splits.subject_disjoint_folds(pooled.person[mine].tolist(), folds=inner, seed=seed):
            learn, test = mine[rest][known[mine[rest]]], mine[part][wanted[mine[part]]]
            if examples is not None:
                learn = rng.choice(learn, min(examples, len(learn)), replace=False)
            if len(test):
                said = fusion_fit.answers(fitting[:, learn], pooled.truth[learn], asked[:, test], rules=names)
                for name, answer in said.items():
                    out[name][test] = answer
    return out


def transfer(
    source: Pooled,
    target: Pooled,
    pair: Sequence[str],
    *,
    rules: Sequence[str] | None = None,
) -> dict[str, np.ndarray]:
    """Fit rules on each fold's held-out people and answer about other clips seen by the same networks.

    Returns
    -------
    dict from rule to (K,) int, for the K rows of `target`; -1 where no face was found
    """
    names = list(fusion_fit.RULES if rules is None else rules)
    z, new = source.of(pair), target.of(pair)
    out = {name: np.full(len(target.truth), -1) for name in names}
    known, wanted = (np.isfinite(x).all((0, 2)) for x in (z, new))
    for fold in np.unique(source.fold):
        learn, test = known & (source.fold == fold), np.flatnonzero(wanted & (target.fold == fold))
        said = fusion_fit.answers(z[:, learn], source.truth[learn], new[:, test], rules=names)
        for name, answer in said.items():
            out[name][test] = answer
    return out


def over_people(values: np.ndarray, person: np.ndarray, *, resamples: int = 1000) -> evaluation.Interval:
    """Return the mean of values (N,) with its bootstrap interval over people.

    Examples
    --------
    >>> over_people(np.array([1.0, 1.0, 0.0, 0.0]), np.array(["a", "a", "b", "b"]), resamples=200)
    Interval(value=0.5, low=0.0, high=1.0)
    """
    names, which = np.unique(person, return_inverse=True)
    total, count = np.bincount(which, values), np.bincount(which)
    return evaluation.bootstrap(
        lambda rows: float(total[rows].sum() / count[rows].sum()), names.tolist(), resamples=resamples
    )


def mean_right(said: Sequence[np.ndarray], truth: np.ndarray) -> np.ndarray:
    """Return for each clip the share of several answers (seeds, draws) that are right, (N,)."""
    return np.mean([answer == truth for answer in said], axis=0)
