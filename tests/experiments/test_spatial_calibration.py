"""Calibration of the branch: temperatures come from other people, and both blocks get the same ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from fer_nb import results
from fer_nb.calibration import scale
from fer_nb.errors import BadInput
from fer_nb.experiments import spatial_calibration as calibration
from tests.faces import sequence


def answers(sharpness: float, seed: int, people: int = 20) -> calibration.Answers:
    """Answers whose honest temperature is the sharpness."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(7 * people, 7))
    y = np.array([rng.choice(7, p=p) for p in scale(z, 1.0)])
    who = np.array([f"p{i // 7}" for i in range(7 * people)])
    return calibration.Answers((sharpness * z).astype(np.float32), y, who, np.arange(7 * people))


BLOCKS = {"validate": answers(2.0, 0), "validate-shift": answers(6.0, 1)}


def test_the_shift_gets_the_temperature_of_the_same_person():
    here, there = BLOCKS["validate"], BLOCKS["validate-shift"]
    some = replace(there, logits=there.logits[7:], labels=there.labels[7:], subjects=there.subjects[7:])
    own, other = calibration.temperatures(here, some)
    assert np.array_equal(own[7:], other) and 1.2 < own.mean() < 3
    stranger = replace(there, subjects=np.full(len(there.labels), "nobody"))
    with pytest.raises(BadInput, match="same people"):
        calibration.temperatures(here, stranger)


def test_what_is_too_sure_is_found_and_mended_only_at_home():
    found = calibration.measure(BLOCKS)
    assert found["too_sure"].value > 0 and found["too_sure.shift"].value > found["too_sure"].value
    assert all(v.low <= v.value <= v.high for v in found.values())
    held = calibration.verdicts(found)
    assert tuple(held) == calibration.HYPOTHESES and all(held.values())


def test_run_writes_records_and_answers(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(calibration.spatial, "load", lambda: None)
    monkeypatch.setattr(calibration, "ask", lambda model, block: BLOCKS[block])
    records = calibration.run()
    assert {r.id for r in records} == set(calibration.RECORDS) == {r.id for r in results.all_records()}
    assert results.load("spatial.ece").n == 140
    table = pd.read_parquet(tmp_path / "predictions" / calibration.ANSWERS)
    assert len(table) == 280 and set(table.block) == set(calibration.BLOCKS) and (table.temperature > 0).all()
    bins = pd.read_csv(tmp_path / calibration.BINS)
    assert bins.groupby(["block", "kind"])["count"].sum().tolist() == [140] * 4


def test_only_clips_with_a_face_are_asked(monkeypatch):
    class Clip:
        label, subject = "fear", "p"

    monkeypatch.setattr(calibration.mime, "block", lambda name, shifted: [Clip(), Clip(), Clip()])
    monkeypatch.setattr(calibration, "face_sequences", lambda clips, key: [sequence(), None, sequence()])
    found = calibration.ask(lambda x: torch.zeros(len(x), 7), "validate-shift")
    assert found.clips.tolist() == [0, 2] and found.labels.tolist() == [3, 3] and found.logits.shape == (2, 7)
