"""Gains, gaps, intervals and hypotheses, on answers whose outcome is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _preprocessing_records as rec

LABELS = np.tile(np.arange(7), 40)
PEOPLE = np.repeat(np.arange(40), 7)
KNOWN = {"labels": LABELS, "person": PEOPLE}
TRUTHS = {"validate": KNOWN, "shift": KNOWN}
ARMS = (*rec.STEPS, *rec.LIGHTS, *(f"without_{part}" for part in rec.PARTS))


def answer(share: float, seed: int, count: int) -> np.ndarray:
    """A known share of right answers, the same for every person, placed by the seed."""
    right = (np.arange(count) * 37 + seed) % 100 < 100 * share
    return np.where(right, LABELS[:count], (LABELS[:count] + 1) % 7)


def done(shares: dict[str, float], *, shift: dict[str, float] | None = None, train: float = 1.0) -> rec.Done:
    out = []
    for arm in ARMS:
        for people in rec.SIZES:
            for seed in (0, 1):
                share = shares.get(arm, 0.5) + 0.05 * rec.SIZES.index(people)
                out.append((arm, people, seed, {
                    "train": answer(train, seed, 7 * people), "validate": answer(share, seed, 280),
                    "shift": answer((shift or {}).get(arm, share), seed, 280),
                    "own": LABELS[: 7 * people],
                }))  # fmt: skip
    return out


AS_PUBLISHED = {"frame": 0.2, "box": 0.35, "aligned": 0.5, "oval": 0.5, "normalized": 0.51, "full": 0.53}


def test_interval_is_of_the_paired_difference():
    a = rec.gather(done(AS_PUBLISHED), TRUTHS)
    same = a.interval("full", 20, "validate", minus="full")
    assert same.value == same.low == same.high == 0
    gain = a.interval("aligned", 20, "validate", minus="frame")
    assert gain.low < 0.3 < gain.high and gain.value == pytest.approx(0.3, abs=0.02)
    alone = a.interval("aligned", 20, "validate")
    assert alone.high - alone.low < 0.3


def test_seeds_widen_the_interval():
    people = [str(p) for p in range(30)]
    rng = np.random.default_rng(0)
    agree = np.repeat((rng.random((1, 30)) < 0.5).astype(float), 3, 0)
    differ = agree.copy()
    differ[0], differ[2] = 0, 1
    narrow, wide = (rec.over_people_and_seeds(v, people) for v in (agree, differ))
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_gap_is_train_minus_validate():
    a = rec.gather(done(AS_PUBLISHED, train=0.9), TRUTHS)
    gap = a.gap("full", 20)
    assert gap.value == pytest.approx(0.9 - 0.58, abs=0.03) and gap.low < gap.value < gap.high


def test_hypotheses_hold_and_fail_as_they_should():
    shift = {"oval": 0.3, "normalized": 0.4}
    held = rec.hypotheses(rec.gather(done(AS_PUBLISHED, shift=shift), TRUTHS))
    assert held == dict.fromkeys(("H1", "H2", "H3", "H4", "H5", "H6"), True)
    other = AS_PUBLISHED | {"aligned": 0.22, "normalized": 0.6, "full": 0.5}
    failed = rec.hypotheses(rec.gather(done(other), TRUTHS))
    assert [name for name, ok in failed.items() if ok] == ["H5"]


def test_records_and_tables(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    rec.write(done(AS_PUBLISHED), TRUTHS, seconds=1.0)
    assert {r.id for r in results.all_records()} == set(rec.RECORDS)
    gain = results.load("preprocess.alignment_gain")
    assert gain.unit == "points" and gain.value == pytest.approx(30, abs=2) and len(gain.per_seed) == 2
    assert gain.n == 280 and "fit 20 people" in gain.split
    gap = results.load("preprocess.gap.full.people40")
    assert gap.unit == "points" and 0 < gap.value < 100
    assert results.load("preprocess.accuracy.full").value < 1
    assert results.holds("preprocess.gap.full.people10 > preprocess.gap.full.people40")
    table, answers = pd.read_csv(tmp_path / rec.TABLES[0]), pd.read_parquet(tmp_path / rec.TABLES[1])
    assert len(table) == len(ARMS) * 6 and table.validate.between(0, 1).all()
    assert len(answers) == len(table) * 560
    one = answers[(answers.arm == "full") & (answers.people == 20) & (answers.block == "validate")]
    assert (one.label == one.answer.astype(str)).mean() == pytest.approx(
        results.load("preprocess.accuracy.full").value
    )
    assert (tmp_path / rec.TABLES[1]).stat().st_size < 1_000_000
    assert "held" in capsys.readouterr().out
