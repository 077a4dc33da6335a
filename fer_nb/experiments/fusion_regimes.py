"""Which rule wins where: `python -m fer_nb.experiments.fusion_regimes`.

The logits of `crossfit` are distorted on purpose: one branch too sure or too timid, every sample at a scale
of its own, other conditions than at fitting, one branch under attack. The hypotheses below were written
before the first run, from a toy (`fusion_toy`). Writes `results/fusion.regimes.csv`, `fusion.hypotheses.csv`,
`results/predictions/fusion_pgd.parquet` and two records.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import evaluation, fusion_fit, mime, results
from .._parallel import bar
from ..cache import cache_dir
from ..labels import LABELS
from ..mime.populations import bare
from . import _units
from .crossfit import read
from .fusion_data import Pooled, cross_fit, gather, mean_right, over_people, transfer
from .fusion_pgd import attacked_logits
from .fusion_rules import write_csv
from .fusion_ties import ties
from .fusion_toy import spread, tempered, toy_pooled

RECORDS = ("fusion.hypotheses_held", "fusion.mix_rank")
TEMPERATURES = (0.05, 0.1, 0.3, 3.0, 10.0)
SPREADS = (0.5, 1.0, 1.5)
FEW, DRAWS = 20, 5  # clips to learn from, and how often they are drawn
SEEDS = 2  # pairs of branches, each with seeds of its own
BRANCHES = ("temporal", "spatial")
TIES_EXPECTED = (0.03, 0.07)  # the last hypothesis: in this share of all clips two voters tie


@dataclass(frozen=True)
class Hypothesis:
    """What we expect in a regime: `better` reads more clips than each rule of `worse`.

    It has held when the lower end of the interval of every difference, over people, is above zero.
    `toy` is what the toy showed.
    """

    name: str
    regime: str
    better: str
    worse: tuple[str, ...]
    toy: str


_RANKS = ("Borda", "highest rank", "weighted Borda", "rank posterior")
_SURE, _VARIED = "spatial at 0.05", "spread 1.5"
HYPOTHESES = tuple(
    Hypothesis(*fields)
    for fields in (
        ("nothing distorted: scores beat ranks",
         "plain", "product", ("Borda",), "98.7 against 97.5"),
        ("one branch too sure: ranks beat the plain sum",
         _SURE, "Borda", ("sum",), "96.3 against 90.5"),
        ("one branch too sure: calibration beats ranks",
         _SURE, "calibrated product", ("Borda",), "98.6 against 96.3"),
        ("one branch too sure: calibration beats every rank rule",
         _SURE, "calibrated product", _RANKS, "one temperature beats every rank rule"),
        ("one branch too sure: adding ranks beats multiplying by them",
         _SURE, "mix M1, lambda fitted", ("mix M2", "mix M2, beta fitted"), "96.9 against 90.2"),
        ("one branch too sure: standardized logits beat ranks",
         _SURE, "standardized logits", ("Borda",), "98.4 against 96.3"),
        ("weak branch too timid: the mix beats pure ranks",
         "spatial at 10", "mix M1", ("Borda",), "94.8 against 91.0"),
        ("scale varies by sample: ranks beat calibration",
         _VARIED, "Borda", ("calibrated product",), "97.1 against 96.4"),
        ("scale varies by sample: standardized logits beat ranks",
         _VARIED, "standardized logits", ("Borda",), "98.4 against 97.1"),
        ("calibrated on Mime, tested on the shifted twin: ranks beat calibration",
         "shift", "Borda", ("calibrated product",), "96.6 against 93.6"),
        ("one branch attacked: ranks beat calibration",
         "PGD 2/255", "Borda", ("calibrated product",), "83.0 against 67.9"),
        (f"{FEW} clips to learn from: a fixed lambda beats a fitted one",
         f"{FEW} clips", "mix M1", ("mix M1, lambda fitted",), "with little data a fixed one can win"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the rules said in one regime: answers by rule, one array for each pair of seeds or draw."""

    regime: str
    said: dict[str, list[np.ndarray]]
    truth: np.ndarray
    person: np.ndarray

    def right(self, rule: str) -> np.ndarray:
        """Share of right answers for each clip, (N,)."""
        return mean_right(self.said[rule], self.truth)

    def gain(self, better: str, worse: str) -> evaluation.Interval:
        """Difference of two rules in points, over people."""
        return over_people(100 * (self.right(better) - self.right(worse)), self.person)


# ---------------------------------------------------------------- regimes


def changes() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the distortions of logits (2, N, 7) by name."""
    out: dict[str, Callable[[np.ndarray], np.ndarray]] = {"plain": lambda z: z}
    for k, branch in enumerate(BRANCHES):
        for t in TEMPERATURES:
            out[f"{branch} at {t:g}"] = lambda z, k=k, t=t: tempered(z, k, t)  # type: ignore[misc]
    return out | {f"spread {sd:g}": lambda z, sd=sd: spread(z, sd) for sd in SPREADS}  # type: ignore[misc]


def kept(pooled: Pooled, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the answers of a unit of work, from the cache where the same logits and rules made them."""
    digest = hashlib.sha256(name.encode())
    mine = sorted(key for key in pooled.logits if key.startswith(BRANCHES))
    for array in (pooled.truth, *(pooled.logits[key] for key in mine)):
        digest.update(np.ascontiguousarray(array).tobytes())
    here = Path(__file__).resolve().parent
    for path in (here.parent / "fusion.py", here.parent / "fusion_fit.py", here / "fusion_data.py"):
        digest.update(bare(path.read_text(encoding="utf-8")).encode())
    path = cache_dir() / "experiments" / "fusion_regimes" / f"{digest.hexdigest()[:20]}.npz"
    return _units.kept(path, lambda: {rule: said.astype(np.int8) for rule, said in make().items()})


def _listed(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, list[np.ndarray]]:
    return {name: [part[name] for part in parts] for name in parts[0]}


def distorted(pooled: Pooled, step: Callable[[], None]) -> list[Outcome]:
    """Run the regimes in which the distortion is there when rules are fitted, too."""
    out = []
    for regime, change in changes().items():
        parts = []
        for pair in pooled.pairs()[:SEEDS]:
            z = change(pooled.of(pair))
            parts.append(kept(pooled, f"{regime} {pair}", lambda z=z: cross_fit(z, z, pooled)))  # type: ignore[misc]
        out.append(Outcome(regime, _listed(parts), pooled.truth, pooled.person))
        step()
    return out


def few(pooled: Pooled) -> Outcome:
    """Run the regime of few clips to learn from."""
    parts = []
    for pair in pooled.pairs()[:SEEDS]:
        z = pooled.of(pair)
        for draw in range(DRAWS):
            parts.append(
                kept(pooled, f"{FEW} clips, draw {draw}, {pair}",
                     lambda z=z, draw=draw: cross_fit(z, z, pooled, examples=FEW, seed=draw))  # type: ignore[misc]
            )  # fmt: skip
    return Outcome(f"{FEW} clips", _listed(parts), pooled.truth, pooled.person)


def moved(pooled: Pooled, target: Pooled, regime: str) -> Outcome:
    """Run a regime of other people (and conditions): fitted on the folds, asked on *validate*."""
    parts = [transfer(pooled, target, pair) for pair in pooled.pairs()[:SEEDS]]
    return Outcome(regime, _listed(parts), target.truth, target.person)


def attacked(pooled: Pooled, table: Any) -> list[Outcome]:
    """Run the regimes in which the spatial branch sees attacked (or noisy) crops, and rules do not know."""
    out = []
    z = pooled.of(("temporal-0", "spatial-0"))
    where = {clip: k for k, clip in enumerate(pooled.clip)}
    for name, rows in table.groupby("change", sort=False):
        at = np.array([where[clip] for clip in rows["clip"]])
        asked = np.full_like(z, np.nan)
        asked[0, at], asked[1, at] = z[0, at], rows[list(LABELS)].to_numpy()
        said = {rule: [answer[at]] for rule, answer in cross_fit(z, asked, pooled).items()}
        said |= {f"{b} alone": [asked[k, at].argmax(-1)] for k, b in enumerate(BRANCHES)}
        out.append(Outcome(str(name), said, pooled.truth[at], pooled.person[at]))
    return out


# ---------------------------------------------------------------- verdicts


def verdicts(outcomes: Sequence[Outcome], tie_share: float) -> list[dict[str, Any]]:
    """Say of each hypothesis whether it held, with the smallest difference and its interval in points."""
    by_name = {outcome.regime: outcome for outcome in outcomes}
    rows: list[dict[str, Any]] = []
    for h in HYPOTHESES:
        least = min((by_name[h.regime].gain(h.better, rival) for rival in h.worse), key=lambda g: g.low)
        about = {"hypothesis": h.name, "regime": h.regime, "better": h.better, "worse": ", ".join(h.worse)}
        numbers = {"difference": least.value, "low": least.low, "high": least.high}
        rows.append({**about, "toy": h.toy, **numbers, "held": bool(least.low > 0)})
    low, high = TIES_EXPECTED
    name = f"two voters tie in {100 * low:.0f} to {100 * high:.0f} % of all clips"
    about = {"hypothesis": name, "regime": "plain", "better": "Borda", "worse": ""}
    numbers = {"difference": 100 * tie_share, "low": np.nan, "high": np.nan}
    rows.append({**about, "toy": "4 % of all", **numbers, "held": bool(low <= tie_share <= high)})
    return rows


def best_regime_of_mix(outcomes: Sequence[Outcome]) -> tuple[Outcome, str, str, int]:
    """Find the regime in which a mix is farthest ahead; return it, the mix, its best rival, its place."""
    level = {name: rule.level for name, rule in fusion_fit.RULES.items()}

    def ahead(outcome: Outcome) -> tuple[float, str, str, int]:
        score = {name: float(outcome.right(name).mean()) for name in level}
        mix = max((n for n in level if level[n] == "mix"), key=score.__getitem__)
        rival = max((n for n in level if level[n] != "mix"), key=score.__getitem__)
        place = 1 + sum(score[n] > score[mix] for n in level if level[n] != "mix")
        return score[mix] - score[rival], mix, rival, place

    best = max(outcomes, key=lambda outcome: ahead(outcome)[0])
    return (best, *ahead(best)[1:])


def table(outcomes: Sequence[Outcome], source: str) -> list[dict[str, Any]]:
    """Return accuracy by regime and rule."""
    level = {name: rule.level for name, rule in fusion_fit.RULES.items()}
    return [
        {"source": source, "regime": o.regime, "rule": name, "level": level.get(name, "branch"),
         "accuracy": float(o.right(name).mean()), "n": len(o.truth)}
        for o in outcomes for name in o.said
    ]  # fmt: skip


def run() -> None:
    """Run all regimes, judge the hypotheses, write tables and records."""
    began = time.perf_counter()
    pooled, checked = gather(read("fit")), read("validate")
    pgd = attacked_logits(pooled)
    with bar("regimes", 2 * len(changes())) as step:
        outcomes, toys = distorted(pooled, step), distorted(toy_pooled(), step)
    outcomes += [few(pooled), moved(pooled, gather(checked, shifted=False), "validate")]
    outcomes += [moved(pooled, gather(checked, shifted=True), "shift"), *attacked(pooled, pgd)]
    write_csv("regimes", table(outcomes, "mime") + table(toys, "toy"))
    rows = verdicts(outcomes, ties(pooled)[1]["all"])
    write_csv("hypotheses", rows)
    failed = "; ".join(row["hypothesis"] for row in rows if not row["held"]) or "none"
    about: dict[str, Any] = {"dataset": "mime", "data_version": mime.VERSION}
    about |= {"seeds": tuple(range(SEEDS)), "split": "fit, pooled folds; validate and its shifted twin"}
    about["seconds"] = round(time.perf_counter() - began, 1)
    note = f"of {len(rows)} hypotheses written before the run; failed: {failed}"
    results.write(results.record(RECORDS[0], sum(r["held"] for r in rows), n=len(rows), note=note, **about))
    best, mix, rival, place = best_regime_of_mix(outcomes)
    gain = best.gain(mix, rival)
    note = (
        f"place of {mix} among all rules in the regime that suits the mix best ({best.regime}, chosen "
        f"afterwards); minus {rival}: {gain.value:.2f} points ({gain.low:.2f} to {gain.high:.2f})"
    )
    results.write(results.record(RECORDS[1], place, n=len(best.truth), note=note, **about))
    print(f"fusion_regimes: {sum(r['held'] for r in rows)} of {len(rows)} held; failed: {failed}\n{note}")


if __name__ == "__main__":
    run()
