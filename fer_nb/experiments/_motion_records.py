"""What the preparation of motion leaves behind: records, hypotheses, and three tables.

The tables are `preprocess.motion.csv` (a row for each arm and number of people, with intervals),
`preprocess.motion.curves.csv` (accuracy along the trainings that were watched) and
`predictions/preprocess_motion.parquet` (what each network said of each clip).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from .. import mime, results
from ..cache import replacing
from ..evaluation import Interval
from ..labels import LABELS
from ._hypotheses import hypotheses
from ._motion_steps import ALL, ARMS
from ._preprocessing_records import Answers, Done, Truth, gather
from ._tables import write_table

SIZES = (10, 20, 40)
MAIN = 20  # people, where a hypothesis names no number
NAMES = tuple(arm.name for arm in ARMS)
KINDS = ("validate", "shift", "gap")
SINGLE = ("without_noise", "without_stretch", "without_mirror", "without_drop")
EXPECTED = ("own_rest", "rest_few", "head", "resampling", "single", "gap", "variation", "people")
TABLES = ("preprocess.motion.csv", "preprocess.motion.curves.csv", "predictions/preprocess_motion.parquet")
PREFIX = "preprocess.motion"
RECORDS = (
    *(f"{PREFIX}.{arm}.people{n}.{kind}" for arm in NAMES for n in SIZES for kind in KINDS),
    *(f"{PREFIX}.{arm}.people{n}.{kind}_change" for arm in NAMES[1:] for n in SIZES for kind in KINDS),
    f"{PREFIX}.hypotheses_held",
    *(f"{PREFIX}.hypotheses_held.{name}" for name in EXPECTED),
)


def changes(a: Answers) -> Answers:
    """Return right or wrong of every arm minus that of "all", clip by clip, at equal people and seeds.

    Examples
    --------
    >>> hits = {("all", 10): np.ones((1, 7)), ("without_mirror", 10): np.zeros((1, 7))}
    >>> changes(Answers({"train": hits}, {})).right["train"]["without_mirror", 10].mean()
    -1.0
    """
    return Answers(
        {
            block: {key: hit - hits[ALL.name, key[1]] for key, hit in hits.items()}
            for block, hits in a.right.items()
        },
        a.subjects,
    )


def interval(a: Answers, arm: str, people: int, kind: str) -> Interval:
    """Return one of `KINDS` with its interval over people and seeds: a share, or for the gap a difference."""
    return a.gap(arm, people) if kind == "gap" else a.interval(arm, people, kind)


def per_seed(a: Answers, arm: str, people: int, kind: str) -> np.ndarray:
    """Return the same for each seed, (S,)."""
    of = {block: hits[arm, people].mean(1) for block, hits in a.right.items()}
    return of["train"] - of["validate"] if kind == "gap" else of[kind]


def judged(a: Answers) -> dict[str, bool]:
    """Say which of the hypotheses of `preprocessing_motion` held; keys as in `EXPECTED`."""
    moved = changes(a)

    def change(arm: str, people: int = MAIN, kind: str = "validate") -> Interval:
        at = interval(moved, arm, people, kind)
        return Interval(100 * at.value, 100 * at.low, 100 * at.high)

    def lost_ten(arm: str) -> bool:
        at = change(arm)
        return at.value <= -10 and at.high < 0

    gaps = [interval(a, ALL.name, n, "gap").value for n in SIZES]
    return {
        "own_rest": lost_ten("without_neutral"),
        "rest_few": change("without_neutral", SIZES[0]).value < change("without_neutral", SIZES[-1]).value,
        "head": lost_ten("without_alignment"),
        "resampling": change("without_resampling").value <= -3,
        "single": all(abs(change(arm).value) < 3 for arm in SINGLE),
        "gap": all(change("without_variation", n, "gap").value > 0 for n in SIZES),
        "variation": all(change("without_variation", n).value < 0 for n in SIZES),
        "people": gaps[0] > gaps[1] > gaps[2],
    }


def every(a: Answers) -> Iterator[tuple[str, int, str, Interval, np.ndarray, Mapping[str, Any]]]:
    """Yield arm, people, kind, value with interval, values of the seeds, and unit and note of each record."""
    moved = changes(a)
    for arm in NAMES:
        for people in SIZES:
            for kind in KINDS:
                points = kind == "gap"
                about = {
                    "unit": "points" if points else "accuracy",
                    "note": "whole clips"
                    + (", training people minus validate" if points else "")
                    + "; interval over people and seeds",
                }
                at, each = interval(a, arm, people, kind), per_seed(a, arm, people, kind)
                yield arm, people, kind, *scaled(at, each, 100 if points else 1), about
                if arm == ALL.name:
                    continue
                note = f"{arm} minus all steps, same clips, people and seeds; interval over people and seeds"
                at, each = interval(moved, arm, people, kind), per_seed(moved, arm, people, kind)
                yield arm, people, f"{kind}_change", *scaled(at, each, 100), {"unit": "points", "note": note}


def scaled(at: Interval, each: np.ndarray, by: float) -> tuple[Interval, np.ndarray]:
    """Multiply a value, its interval and the values of the seeds.

    Examples
    --------
    >>> scaled(Interval(0.5, 0.4, 0.6), np.array([0.5]), 100)[0]
    Interval(value=50.0, low=40.0, high=60.0)
    """
    return Interval(by * at.value, by * at.low, by * at.high), by * each


def write(done: Done, truths: Mapping[str, Truth]) -> None:
    """Write the tables and every record."""
    a = gather(done, truths)
    seeds = tuple(sorted({seed for _, _, seed, _ in done}))
    common: dict[str, Any] = {
        "seeds": seeds, "dataset": "mime", "data_version": mime.VERSION,
        "seconds": round(sum(float(out["seconds"]) for *_, out in done), 1),
    }  # fmt: skip
    shown: dict[tuple[str, int], dict[str, Any]] = {}
    for arm, people, kind, at, each, about in every(a):
        block = "shift" if kind.startswith("shift") else "validate"
        split = f"fit {people} people, others for each seed, 1 session; {block}"
        results.write(
            results.record(
                f"{PREFIX}.{arm}.people{people}.{kind}", at.value, low=at.low, high=at.high,
                n=len(a.subjects[block]), per_seed=each.tolist(), split=split, **about, **common,
            )
        )  # fmt: skip
        row = shown.setdefault((arm, people), {"arm": arm, "people": people, "train": _train(a, arm, people)})
        row |= {kind: at.value, f"{kind}_low": at.low, f"{kind}_high": at.high}
    held = judged(a)
    print("preprocessing_motion:", ", ".join(f"{n} {'held' if ok else 'failed'}" for n, ok in held.items()))
    for record in hypotheses(PREFIX, held, common):
        results.write(record)
    write_table(list(shown.values()), results.folder() / TABLES[0])
    write_table(curves(done), results.folder() / TABLES[1])
    _answers(done, truths)


def _train(a: Answers, arm: str, people: int) -> float:
    return float(a.right["train"][arm, people].mean())


def curves(done: Done) -> list[dict[str, Any]]:
    """Return one row for each epoch of each training that was watched."""
    return [
        {"arm": arm, "people": people, "seed": seed, "epoch": int(number), "train": own, "validate": new}
        for arm, people, seed, out in done
        for number, own, new in out["course"].tolist()
    ]


def _answers(done: Done, truths: Mapping[str, Truth]) -> None:
    """Write what each network said of each clip that it was not trained on."""
    tables = [
        pd.DataFrame(
            {
                "arm": arm, "people": people, "seed": seed, "block": block, "person": truth["person"],
                "label": [LABELS[k] for k in truth["labels"]],
                "answer": [None if k < 0 else LABELS[k] for k in out[block]],
            }
        )
        for arm, people, seed, out in done
        for block, truth in truths.items()
    ]  # fmt: skip
    whole = pd.concat(tables, ignore_index=True)
    for column in ("arm", "block", "label", "answer"):
        whole[column] = whole[column].astype("category")
    small = whole.astype({"person": "int16", "people": "int16", "seed": "int8"})
    with replacing(results.folder() / TABLES[2]) as path:
        small.to_parquet(path, index=False, compression="zstd")
