"""Records of the ablation of motion: differences clip by clip, gaps, and what becomes of the hypotheses."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _motion_records as records
from fer_nb.experiments import _preprocessing_records
from fer_nb.experiments._preprocessing_records import gather

TRUTH = np.tile(np.arange(7), 20)
TRUTHS = {block: {"labels": TRUTH, "person": np.repeat(np.arange(20), 7)} for block in ("validate", "shift")}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Intervals of few draws, to be quick."""
    monkeypatch.setattr(_preprocessing_records, "draws", partial(_preprocessing_records.draws, resamples=60))


def done(right: dict[str, float], *, own: float = 1.0):
    """Answers that are right on a fixed share of new people, by arm; more people add a little."""
    out = []
    for arm in records.NAMES:
        for people in records.SIZES:
            for seed in (0, 1):
                labels = np.tile(np.arange(7), people)
                slope = 1 / 200 if arm == "without_neutral" and arm in right else 1 / 400
                share = right.get(arm, 0.6) + people * slope
                said = np.where(np.random.default_rng(seed).random(140) < share, TRUTH, (TRUTH + 1) % 7)
                mine = np.where(np.random.default_rng(seed).random(len(labels)) < own, labels, -1)
                course = np.array([[1, 0.5, 0.25]]) if arm == "all" else np.zeros((0, 3))
                out.append((arm, people, seed, {
                    "own": labels, "train": mine, "validate": said, "shift": said, "course": course,
                    "seconds": np.array(1.5),
                }))  # fmt: skip
    return out


WORSE = {
    "without_neutral": 0.3,
    "without_alignment": 0.35,
    "without_resampling": 0.5,
    "without_variation": 0.4,
}


def test_changes_are_taken_clip_by_clip():
    a = gather(done(WORSE), TRUTHS)
    moved = records.changes(a)
    assert records.interval(moved, "all", 20, "validate").value == 0
    for kind, sign in (("validate", -1), ("shift", -1), ("gap", 1)):
        change = records.interval(moved, "without_neutral", 20, kind)
        apart = [records.interval(a, arm, 20, kind).value for arm in ("without_neutral", "all")]
        assert change.value == pytest.approx(apart[0] - apart[1]) and sign * change.value > 0.2
        assert change.low <= change.value <= change.high and change.low * change.high > 0
        seeds = records.per_seed(moved, "without_neutral", 20, kind)
        assert seeds.shape == (2,) and seeds.mean() == pytest.approx(change.value)


def test_hypotheses_follow_the_numbers():
    held = records.judged(gather(done(WORSE), TRUTHS))
    assert tuple(held) == records.EXPECTED and all(held.values())
    none = records.judged(gather(done({"without_mirror": 0.2}), TRUTHS))
    assert [name for name, yes in none.items() if yes] == ["people"]


def test_records_and_tables_say_the_same(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    records.write(done(WORSE, own=0.9), TRUTHS)
    assert {path.stem for path in tmp_path.glob("*.json")} == set(records.RECORDS)
    gap = results.load("preprocess.motion.without_neutral.people20.gap")
    assert gap.unit == "points" and gap.n == 140 and gap.seeds == (0, 1) and len(gap.per_seed) == 2
    assert gap.seconds == pytest.approx(1.5 * 9 * 3 * 2)
    table, curves = (pd.read_csv(tmp_path / name) for name in records.TABLES[:2])
    row = table[(table.arm == "without_neutral") & (table.people == 20)].iloc[0]
    assert len(table) == 27 and row.gap == pytest.approx(gap.value, abs=1e-3)
    assert row.gap == pytest.approx(100 * (row.train - row.validate), abs=0.02)
    change = results.load("preprocess.motion.without_neutral.people20.validate_change")
    assert (row.validate_change_low, row.validate_change_high) == pytest.approx(
        (change.low, change.high), abs=1e-3
    )
    assert pd.isna(table[table.arm == "all"].gap_change).all()
    assert len(curves) == 6 and curves.validate.unique().tolist() == [0.25]
    answers = pd.read_parquet(tmp_path / records.TABLES[2])
    assert len(answers) == 9 * 3 * 2 * 2 * 140
    hit = (answers.label.astype(str) == answers.answer.astype(str))[
        (answers.arm == "all") & (answers.people == 10) & (answers.block == "shift")
    ]
    assert hit.mean() == pytest.approx(results.load("preprocess.motion.all.people10.shift").value)
