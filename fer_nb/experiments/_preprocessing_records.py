"""What the preprocessing experiment leaves behind: records, hypotheses, and two small tables.

The tables are `preprocess.table.csv` (a row for each training) and `predictions/preprocess.parquet` (what
each model said of each clip).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import mime, results
from ..cache import replacing
from ..evaluation import Interval, bootstrap
from ..labels import LABELS

STEPS = ("frame", "box", "aligned", "oval", "normalized", "full")
LIGHTS = ("light_z_score", "light_equalize", "light_clahe", "light_gamma", "light_self_quotient")
PARTS = ("alignment", "oval", "normalization", "mirror", "warp", "light", "camera", "occlusion")
SIZES = (10, 20, 40)
MAIN = 20  # people, where a record names no number
TABLES = ("preprocess.table.csv", "predictions/preprocess.parquet")
Done = Sequence[tuple[str, int, int, Mapping[str, np.ndarray]]]  # arm, people, seed, answers
Truth = Mapping[str, np.ndarray]  # labels (N,) and person (N,)

# What one step is worth: its record, the arm with it, the arm without it.
GAINS = {
    "alignment_gain": ("aligned", "frame"),
    "alignment_gain.crop": ("box", "frame"),
    "alignment_gain.over_box": ("aligned", "box"),
    "oval_gain": ("oval", "aligned"),
    "illumination_gain": ("normalized", "oval"),
    **{f"illumination_gain.{name.removeprefix('light_')}": (name, "oval") for name in LIGHTS},
    "augmentation_gain": ("full", "normalized"),
}
SHIFTED = ("alignment_gain", "oval_gain", "illumination_gain", "augmentation_gain")
SIZED = ("alignment_gain", "illumination_gain", "augmentation_gain")

RECORDS = (
    *(f"preprocess.accuracy.{arm}" for arm in STEPS),
    *(f"preprocess.accuracy_shift.{arm}" for arm in STEPS),
    *(f"preprocess.gap.{arm}" for arm in STEPS),
    *(f"preprocess.{kind}.{arm}.people{n}" for kind in ("accuracy", "gap")
      for arm in ("normalized", "full") for n in (10, 40)),
    *(f"preprocess.{gain}" for gain in GAINS),
    *(f"preprocess.{gain}.shift" for gain in SHIFTED),
    *(f"preprocess.{gain}.people{n}" for gain in SIZED for n in (10, 40)),
    *(f"preprocess.left_out.{part}" for part in PARTS),
    "preprocess.hypotheses_held",
)  # fmt: skip


@dataclass(frozen=True)
class Answers:
    """Right or wrong of all trainings: `right[block][arm, people]` is (S, N) of 0.0 and 1.0."""

    right: Mapping[str, Mapping[tuple[str, int], np.ndarray]]
    subjects: Mapping[str, Sequence[str]]

    def interval(self, arm: str, people: int, block: str, *, minus: str | None = None) -> Interval:
        """Return accuracy of an arm, or the difference to another, with people and seeds drawn anew."""
        values = self.right[block][arm, people]
        if minus is not None:
            values = values - self.right[block][minus, people]
        return over_people_and_seeds(values, self.subjects[block])

    def gap(self, arm: str, people: int) -> Interval:
        """Return accuracy on training people minus that on *validate*; both groups are drawn anew."""
        own, other = (self.right[block][arm, people] for block in ("train", "validate"))
        value = float(own.mean() - other.mean())
        a, b = (
            draws(values, subjects, seed=k)
            for k, (values, subjects) in enumerate(
                ((own, [str(n // 7) for n in range(own.shape[1])]), (other, self.subjects["validate"]))
            )
        )
        low, high = np.quantile(a - b, [0.025, 0.975])
        return Interval(value, float(low), float(high))


def draws(values: np.ndarray, subjects: Sequence[str], *, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Return means of (S, N) values when seeds and people are drawn anew, (resamples,).

    Examples
    --------
    >>> draws(np.ones((2, 4)), ["a", "a", "b", "b"], resamples=3).tolist()
    [1.0, 1.0, 1.0]
    """
    rng = np.random.default_rng(seed)
    kept: list[float] = []

    def statistic(rows: np.ndarray) -> float:
        picked = rng.integers(0, len(values), len(values))
        kept.append(float(values[picked][:, rows].mean()))
        return kept[-1]

    bootstrap(statistic, subjects, resamples=resamples, seed=seed)
    return np.array(kept[:resamples])  # the last call was on the people as they are


def over_people_and_seeds(values: np.ndarray, subjects: Sequence[str]) -> Interval:
    """Return the mean of (S, N) values and its interval over people and seeds.

    Examples
    --------
    >>> over_people_and_seeds(np.array([[1.0, 0.0]]), ["a", "b"])
    Interval(value=0.5, low=0.0, high=1.0)
    """
    low, high = np.quantile(draws(values, subjects), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def gather(done: Done, truths: Mapping[str, Truth]) -> Answers:
    """Sort the answers of all trainings by block, arm and number of people; seeds in order."""
    right: dict[str, dict[tuple[str, int], np.ndarray]] = {block: {} for block in ("train", *truths)}
    for arm, people, _, out in sorted(done, key=lambda one: one[:3]):
        for block in right:
            labels = out["own"] if block == "train" else truths[block]["labels"]
            hit = (out[block] == labels).astype(float)[None]
            before = right[block].get((arm, people))
            right[block][arm, people] = hit if before is None else np.concatenate([before, hit])
    return Answers(right, {block: [str(p) for p in truth["person"]] for block, truth in truths.items()})


def hypotheses(a: Answers) -> dict[str, bool]:
    """Say which of the hypotheses of `preprocessing` held.

    Returns
    -------
    dict, "H1" to "H6"
    """

    def gain(name: str, people: int = MAIN, block: str = "validate") -> float:
        arm, minus = GAINS[name]
        return 100 * a.interval(arm, people, block, minus=minus).value

    gaps = {arm: [a.gap(arm, n).value for n in SIZES] for arm in ("normalized", "full")}
    return {
        "H1": gain("alignment_gain") >= 10,
        "H2": abs(gain("illumination_gain")) < 3,
        "H3": 1 <= gain("augmentation_gain") <= 3,
        "H4": all(x < y for x, y in zip(gaps["full"], gaps["normalized"], strict=True)),
        "H5": gaps["normalized"][0] > gaps["normalized"][1] > gaps["normalized"][2],
        "H6": gain("illumination_gain", block="shift") > gain("illumination_gain"),
    }


def write(done: Done, truths: Mapping[str, Truth], *, seconds: float) -> None:
    """Write the tables and every record."""
    a = gather(done, truths)
    _tables(done, truths)
    seeds = tuple(sorted({seed for _, _, seed, _ in done}))

    def put(
        id: str, at: Interval, *, block: str, people: int = MAIN, points: bool = False, **more: Any
    ) -> None:
        scale, unit = (100, "points") if points else (1, "accuracy")
        split = f"fit {people} people, others for each seed, 1 session; {block} {len(set(a.subjects[block]))}"
        results.write(
            results.record(
                f"preprocess.{id}", scale * at.value, low=scale * at.low, high=scale * at.high,
                n=len(a.subjects[block]), unit=unit, seeds=seeds, dataset="mime", data_version=mime.VERSION,
                split=f"{split} people", seconds=round(seconds, 1), **more,
            )
        )  # fmt: skip

    def score(id: str, arm: str, people: int, block: str) -> None:
        at = a.interval(arm, people, block)
        per_seed = a.right[block][arm, people].mean(1).tolist()
        put(id, at, block=block, people=people, per_seed=per_seed, note="apex stills; over people and seeds")

    def gain(id: str, arm: str, minus: str, people: int = MAIN, block: str = "validate") -> None:
        at = a.interval(arm, people, block, minus=minus)
        per_seed = 100 * (a.right[block][arm, people] - a.right[block][minus, people]).mean(1)
        put(id, at, block=block, people=people, points=True, per_seed=per_seed.tolist(),
            note=f"{arm} minus {minus}, same clips and seeds; over people and seeds")  # fmt: skip

    def gap(id: str, arm: str, people: int) -> None:
        put(id, a.gap(arm, people), block="validate", people=people, points=True,
            note="apex stills, training people minus validate; over people and seeds")  # fmt: skip

    for arm in STEPS:
        score(f"accuracy.{arm}", arm, MAIN, "validate")
        score(f"accuracy_shift.{arm}", arm, MAIN, "shift")
        gap(f"gap.{arm}", arm, MAIN)
    for arm in ("normalized", "full"):
        for n in (10, 40):
            score(f"accuracy.{arm}.people{n}", arm, n, "validate")
            gap(f"gap.{arm}.people{n}", arm, n)
    for name, (arm, minus) in GAINS.items():
        gain(name, arm, minus)
    for name in SHIFTED:
        gain(f"{name}.shift", *GAINS[name], block="shift")
    for name in SIZED:
        for n in (10, 40):
            gain(f"{name}.people{n}", *GAINS[name], people=n)
    for part in PARTS:
        gain(f"left_out.{part}", f"without_{part}", "full")
    held = hypotheses(a)
    failed = ", ".join(name for name, ok in held.items() if not ok) or "none"
    print("preprocessing:", ", ".join(f"{name} {'held' if ok else 'failed'}" for name, ok in held.items()))
    results.write(
        results.record(
            "preprocess.hypotheses_held", sum(held.values()), n=len(held), unit="hypotheses", seeds=seeds,
            dataset="mime", data_version=mime.VERSION, seconds=round(seconds, 1),
            note=f"written before the run; failed: {failed}",
        )
    )  # fmt: skip


def _tables(done: Done, truths: Mapping[str, Truth]) -> None:
    """Write one row for each training, and every answer."""
    import pandas as pd

    rows, answers = [], []
    for arm, people, seed, out in done:
        who = {"arm": arm, "people": people, "seed": seed}
        known = {"train": out["own"]} | {block: truth["labels"] for block, truth in truths.items()}
        rows.append(who | {b: round(float((out[b] == y).mean()), 5) for b, y in known.items()})
        for block, truth in truths.items():
            said = [None if k < 0 else LABELS[k] for k in out[block]]
            names = {"label": [LABELS[k] for k in truth["labels"]], "answer": said}
            answers.append(pd.DataFrame(names).assign(block=block, person=truth["person"], **who))
    every = pd.concat(answers, ignore_index=True)
    for column in ("label", "answer", "block", "arm"):
        every[column] = every[column].astype("category")
    with replacing(results.folder() / TABLES[0]) as path:
        pd.DataFrame(rows).to_csv(path, index=False)
    with replacing(results.folder() / TABLES[1]) as path:
        small = every.astype({"person": "int16", "people": "int16", "seed": "int8"})
        small.to_parquet(path, index=False, compression="zstd")
