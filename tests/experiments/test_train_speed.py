"""Both loops do the same work on the same batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_nb import results
from fer_nb.experiments import train_speed


def test_both_loops_take_every_batch() -> None:
    batches = train_speed.toy_batches(2, 4)
    one, two = train_speed.ours(batches), train_speed.bare(batches)
    assert [v.shape for v in one.state_dict().values()] == [v.shape for v in two.state_dict().values()]
    assert batches[0][0].shape == (4, 1, 64, 64) and batches[0][1].shape == (4,)


def test_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(train_speed, "toy_batches", lambda: [])
    for road in ("ours", "bare"):
        monkeypatch.setattr(train_speed, road, lambda batches: None)
    monkeypatch.setattr(train_speed, "race", lambda *_, rounds: np.full(rounds, 0.95))
    train_speed.run()
    assert results.load("train.throughput_ratio").met
