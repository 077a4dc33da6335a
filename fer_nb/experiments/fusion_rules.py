"""Every fusion rule on people that nothing has met: `python -m fer_nb.experiments.fusion_rules`.

Stands on the pooled logits of `crossfit`. Writes the tables `results/fusion.rules.csv`, `fusion.ties.csv` and
`fusion.lambda.csv`, and the records below. `--test-block` scores the shipped system, see `fusion_system`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import softmax

from .. import evaluation, fusion_fit, mime, results
from ..cache import replacing
from ..labels import LABELS
from .crossfit import FOLDS, read
from .fusion_data import Pooled, cross_fit, gather, mean_right, over_people, transfer
from .fusion_ties import sweep, ties

RECORDS = (
    "fusion.gain_over_branch", "fusion.gain_over_ensemble", "fusion.pooled", "fusion.pooled.branch",
    "fusion.either_right", "fusion.error_correlation", "fusion.error_correlation.seeds",
    "fusion.ties", "fusion.ties.disagreeing",
)  # fmt: skip
EXAMPLES = (20, 60, 200, None)  # clips that a rule learns from; None: all there are
DRAWS = 3  # choices of these clips, averaged


# ---------------------------------------------------------------- who is compared


def ensembles(pooled: Pooled, branch: str) -> list[np.ndarray]:
    """Return for each two seeds of a branch the answers (N,) of their mean probability; -1 without a face."""
    out = []
    for two in combinations(pooled.seeds(branch), 2):
        p = softmax(pooled.of([f"{branch}-{seed}" for seed in two]), axis=-1).mean(0)
        out.append(np.where(np.isfinite(p).all(1), np.nan_to_num(p).argmax(1), -1))
    return out


def alone(pooled: Pooled, name: str) -> np.ndarray:
    """Return the answers (N,) of one network; -1 where no face was found."""
    z = pooled.logits[name]
    return np.where(np.isfinite(z).all(1), np.nan_to_num(z).argmax(1), -1)


def better_branch(checked: Pooled) -> str:
    """Return the branch with more right answers on *validate*; the scored people take no part."""
    score = {
        branch: mean_right([alone(checked, f"{branch}-{s}") for s in checked.seeds(branch)], checked.truth)
        for branch in ("temporal", "spatial")
    }
    return max(score, key=lambda branch: float(score[branch].mean()))


def rule_of_validation(
    source: Pooled, checked: Pooled, rules: Sequence[str] | None = None
) -> dict[str, float]:
    """Return each rule's accuracy on *validate*, fitted on the folds, best first."""
    said: dict[str, list[np.ndarray]] = {}
    for pair in source.pairs():
        for name, answer in transfer(source, checked, pair, rules=rules).items():
            said.setdefault(name, []).append(answer)
    score = {name: float(mean_right(answers, checked.truth).mean()) for name, answers in said.items()}
    return dict(sorted(score.items(), key=lambda item: -item[1]))


# ---------------------------------------------------------------- the table


def all_answers(pooled: Pooled) -> dict[tuple[str, int | None], list[np.ndarray]]:
    """Return for each rule and number of examples the answers of all pairs of seeds and draws."""
    learners = [name for name, rule in fusion_fit.RULES.items() if rule.learns]
    said: dict[tuple[str, int | None], list[np.ndarray]] = {}
    for pair in pooled.pairs():
        z = pooled.of(pair)
        for examples in EXAMPLES:
            for draw in range(1 if examples is None else DRAWS):
                names = None if examples is None else learners
                found = cross_fit(z, z, pooled, rules=names, examples=examples, seed=draw)
                for name, answer in found.items():
                    said.setdefault((name, examples), []).append(answer)
    return said


def table_row(
    name: str, level: str, examples: int | None, said: Sequence[np.ndarray], rivals: dict[str, np.ndarray],
    pooled: Pooled,
) -> dict[str, Any]:  # fmt: skip
    """Return one row of the table: accuracy, recall, and gains over the rivals, in points."""
    right = mean_right(said, pooled.truth)
    row: dict[str, Any] = {"rule": name, "level": level, "examples": examples or "all", "answers": len(said)}
    score = over_people(right, pooled.person)
    recall = np.mean([evaluation.recall_of(evaluation.confusion_matrix(pooled.truth, a)) for a in said])
    row |= {"accuracy": score.value, "low": score.low, "high": score.high, "recall": float(recall)}
    for rival, theirs in rivals.items():
        gain = over_people(100 * (right - theirs), pooled.person)
        row |= {f"gain_{rival}": gain.value, f"gain_{rival}_low": gain.low, f"gain_{rival}_high": gain.high}
    return row


def rivals_of(pooled: Pooled, branch: str) -> dict[str, np.ndarray]:
    """Return what a fusion must beat: right answers (N,) of the better branch, and of its two-seed means."""
    single = [alone(pooled, f"{branch}-{s}") for s in pooled.seeds(branch)]
    wide = "wide" if branch == "temporal" and len(pooled.seeds("wide")) > 1 else branch
    return {
        "branch": mean_right(single, pooled.truth),
        "ensemble": mean_right(ensembles(pooled, wide), pooled.truth),
        "same_size": mean_right(ensembles(pooled, branch), pooled.truth),
    }


def make_table(pooled: Pooled, rivals: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return the whole table: branches and ensembles first, then joint features, then every rule."""
    rows = []
    kinds = [("temporal", "branch"), ("spatial", "branch"), ("wide", "branch"), ("joint", "feature")]
    for branch, level in kinds:
        if seeds := pooled.seeds(branch):
            said = [alone(pooled, f"{branch}-{s}") for s in seeds]
            rows.append(table_row(branch, level, None, said, rivals, pooled))
    for branch in ("temporal", "wide", "spatial"):
        if both := ensembles(pooled, branch):
            rows.append(table_row(f"{branch}, mean of two seeds", "ensemble", None, both, rivals, pooled))
    for (name, examples), said in all_answers(pooled).items():
        rows.append(table_row(name, fusion_fit.RULES[name].level, examples, said, rivals, pooled))
    return rows


# ---------------------------------------------------------------- records


def put(id: str, value: evaluation.Interval | float, **fields: Any) -> None:
    """Write one record of this module."""
    if isinstance(value, evaluation.Interval):
        fields |= {"low": value.low, "high": value.high}
        value = value.value
    about = {"dataset": "mime", "data_version": mime.VERSION}
    results.write(results.record(id, value, **{**about, **fields}))


def write_pooled(
    pooled: Pooled, rows: list[dict[str, Any]], rivals: dict[str, np.ndarray], winner: str
) -> None:
    """Write the records about the pooled folds."""
    people = len(np.unique(pooled.person))
    done = len(np.unique(pooled.fold))
    split = f"fit, session 0, {people} people held out in {done} of {FOLDS} folds"
    seeds = tuple(pooled.seeds("temporal"))
    common: dict[str, Any] = {"n": len(pooled.truth), "split": split, "seeds": seeds}
    row = next(r for r in rows if r["rule"] == winner and r["examples"] == "all")
    pairs = pooled.pairs()
    said = [cross_fit(pooled.of(p), pooled.of(p), pooled, rules=[winner])[winner] for p in pairs]
    single = [mean_right([alone(pooled, a)], pooled.truth) for a, _ in pairs]
    per_seed = tuple(float(100 * ((s == pooled.truth) - b).mean()) for s, b in zip(said, single, strict=True))

    def gain(rival: str) -> evaluation.Interval:
        return evaluation.Interval(*(row[f"gain_{rival}{end}"] for end in ("", "_low", "_high")))

    over = {
        "two seeds of its size": gain("same_size"),
        "two wide ones at equal parameters": gain("ensemble"),
    }
    strongest = min(over.values(), key=lambda found: found.value)
    each = "; ".join(f"{k} {e.value:.2f} ({e.low:.2f} to {e.high:.2f})" for k, e in over.items())
    put(
        "fusion.gain_over_branch",
        gain("branch"),
        unit="points",
        direction="up",
        target=2.0,
        per_seed=per_seed,
        note=f"clips; {winner}, chosen on validate, over the better branch; interval over people; "
        "the networks of the folds were trained for minutes, the spatial ones are weak",
        **common,
    )
    note = f"clips; {winner} over the stronger ensemble of the better branch: {each}"
    put("fusion.gain_over_ensemble", strongest, unit="points", note=note, **common)
    score = evaluation.Interval(row["accuracy"], row["low"], row["high"])
    put("fusion.pooled", score, unit="accuracy", note=f"clips; {winner}", **common)
    single_branch = over_people(rivals["branch"], pooled.person)
    put("fusion.pooled.branch", single_branch, unit="accuracy", note="clips; the better branch", **common)
    write_errors(pooled, common)


def write_errors(pooled: Pooled, common: dict[str, Any]) -> None:
    """Write how the errors of two networks go together, and how often ranks tie."""
    right = {name: alone(pooled, name) == pooled.truth for name in pooled.logits}
    either = np.mean([right[a] | right[b] for a, b in pooled.pairs()], axis=0)
    note = "clips in which a branch is right; no rule that picks a branch's answer can do better"
    put("fusion.either_right", over_people(either, pooled.person), unit="accuracy", note=note, **common)
    between = [float(np.corrcoef(right[a], right[b])[0, 1]) for a, b in pooled.pairs()]
    put("fusion.error_correlation", float(np.mean(between)), note="of the two branches' errors", **common)
    twos = combinations(pooled.seeds("temporal"), 2)
    if alike := [np.corrcoef(right[f"temporal-{a}"], right[f"temporal-{b}"])[0, 1] for a, b in twos]:
        note = "of the errors of two seeds of the temporal branch"
        put("fusion.error_correlation.seeds", float(np.mean(alike)), note=note, **common)
    _, shares = ties(pooled)
    about = "; right among tied clips: " + ", ".join(
        f"{name} {shares[name]:.3f}" for name in ("class order", "calibrated score", "better branch")
    )
    put("fusion.ties", shares["all"], unit="share", note="of clips, Borda with two voters" + about, **common)
    note = "of clips in which the branches disagree"
    put("fusion.ties.disagreeing", shares["disagreeing"], unit="share", note=note, **common)


def write_csv(name: str, rows: Any, **options: Any) -> None:
    """Write a table into the results, whole or not at all."""
    import pandas as pd

    table = pd.DataFrame(rows, **options)
    with replacing(results.folder() / f"fusion.{name}.csv") as temporary:
        table.to_csv(temporary, index=bool(options), float_format="%.5g")


def run() -> None:
    """Make the tables and the records."""
    began = time.perf_counter()
    pooled, checked = gather(read("fit")), gather(read("validate"), shifted=False)
    score = rule_of_validation(pooled, checked)
    best, branch = next(iter(score)), better_branch(checked)
    print(f"fusion_rules: on validate {best} wins: {score}; the better branch is {branch}", flush=True)
    rivals = rivals_of(pooled, branch)
    rows = make_table(pooled, rivals)
    for row in rows:
        row["validate"] = score.get(row["rule"], float("nan")) if row["examples"] == "all" else float("nan")
    write_csv("rules", rows)
    write_csv("ties", ties(pooled)[0], index=list(LABELS), columns=list(LABELS))
    write_csv("lambda", sweep(pooled, pooled.pairs()[0]))
    write_pooled(pooled, rows, rivals, best)
    print(f"fusion_rules: done in {time.perf_counter() - began:.0f} s")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--test-block", action="store_true", help="score the shipped system, once, at the end"
    )
    if parser.parse_args().test_block:
        from .fusion_system import test_block

        test_block()
    else:
        run()


if __name__ == "__main__":
    main()
