"""From logits to records: what is paired, what is counted, what a hypothesis asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _dense_report as dense
from fer_nb.provenance import command_line

PEOPLE, CLIPS = 6, 42
TRUTH = np.tile(np.arange(7), PEOPLE)
SUBJECTS = tuple(f"p{i // 7}" for i in range(CLIPS))


@dataclass(frozen=True)
class Unit:
    network: str
    people: int
    seed: int


def logits(right: np.ndarray) -> np.ndarray:
    """Logits that are right where told; elsewhere the answer is the next class."""
    said = np.where(right, TRUTH, (TRUTH + 1) % 7)
    return (4 * np.eye(7)[said]).astype(np.float32)


def share(amount: float) -> np.ndarray:
    """A mask that is true for this share of each person's clips."""
    return np.tile(np.arange(7) < round(7 * amount), PEOPLE)


def kept(**changes: float) -> dict[Unit, dict[str, np.ndarray]]:
    """Toy units: how often each network is right, by name."""
    rate = {"plain": 2 / 7, "residual": 4 / 7, "dense": 5 / 7, dense.OWN_NEUTRAL: 6 / 7, "random": 3 / 7}
    rate |= changes
    out = {}
    for network, sizes in (
        *((n, dense.PEOPLE) for n in ("plain", "residual", "dense")),
        (dense.OWN_NEUTRAL, dense.PEOPLE[-1:]),
        (dense.SHUFFLED, dense.PEOPLE[:1]),
    ):
        for people in sizes:
            for seed in (0, 1):
                arrays = {"train/apex": logits(share(1.0)), "train/truth": TRUTH}
                for block in dense.BLOCKS:
                    for frame in dense.FRAMES:
                        amount = rate.get(network, 1 / 7) if frame != "random" else rate["random"]
                        arrays[f"{block}/{frame}"] = logits(share(amount))
                out[Unit(network, people, seed)] = arrays
    return out


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    return tmp_path


def test_a_missing_face_is_an_error():
    z = logits(share(1.0))
    z[3] = np.nan
    said = dense.answers(z)
    assert said[3] == -1 and (said == TRUTH).sum() == CLIPS - 1


def test_report_writes_every_record_table_and_answers(folder):
    records = dense.report(kept(), TRUTH, SUBJECTS, seconds=1.0)
    assert {r.id for r in records} == set(dense.RECORDS) == {r.id for r in results.all_records()}
    assert all(r.n and r.command == command_line() for r in records)
    gain = results.load("spatial.dense_gain_over_plain")
    assert gain.value == pytest.approx(3 / 7) and gain.low <= gain.value <= gain.high
    assert results.load("spatial.small_data.dense.people20").per_seed == pytest.approx((5 / 7, 5 / 7))
    gap = results.load("spatial.small_data.plain.people50.gap")
    assert gap.value == pytest.approx(5 / 7) and gap.low <= gap.value <= gap.high
    table = pd.read_csv(folder / dense.TABLE)
    assert len(table) == 11 and table.parameters.max() / table.parameters.min() < 1.03
    answers = pd.read_parquet(folder / "predictions" / dense.ANSWERS)
    mine = answers[(answers.network == "dense") & (answers.frame == "apex") & (answers.block == "validate")]
    assert (mine.answer == mine.truth).mean() == pytest.approx(5 / 7)
    assert answers.confidence.between(0, 1).all()


def test_gains_are_paired_by_person():
    toy = kept()
    for unit, arrays in toy.items():
        if unit.network in ("plain", "dense"):  # people differ, but the gain is the same for each
            for person in range(PEOPLE):
                rows = slice(7 * person, 7 * person + 7)
                right = np.arange(7) < (person if unit.network == "plain" else person + 1)
                arrays["validate/apex"][rows] = logits(np.tile(right, PEOPLE))[rows]
    gain = dense.Hits(toy, TRUTH, SUBJECTS).gain("plain", dense.PEOPLE)
    assert gain.value == pytest.approx(1 / 7) and gain.low == pytest.approx(gain.high)


def test_hypotheses_follow_the_numbers():
    held = dense.verdicts(dense.Hits(kept(), TRUTH, SUBJECTS))
    assert tuple(held) == dense.HYPOTHESES
    assert held["dense_over_plain"] and held["smaller_gap"] and held["own_neutral"] and held["peak_frame"]
    assert not held["residual_is_enough"] and not held["small_data"]
    other = kept(dense=2 / 7, residual=2 / 7, random=2 / 7, **{dense.OWN_NEUTRAL: 2 / 7})
    lost = dense.verdicts(dense.Hits(other, TRUTH, SUBJECTS))
    assert not lost["dense_over_plain"] and not lost["own_neutral"] and not lost["peak_frame"]
