"""Races measure what they say, whoever starts."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from fer_nb import results
from fer_nb.experiments import _race


def test_the_faster_one_is_ahead_and_turns_alternate() -> None:
    order: list[str] = []

    def fast() -> None:
        order.append("fast")

    def slow() -> None:
        order.append("slow")
        time.sleep(0.01)

    assert (_race.race(fast, slow, rounds=4) > 1).all()
    assert order == ["fast", "slow", "slow", "fast"] * 2


def test_the_record_holds_median_slowest_and_fastest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    _race.record("toy.ratio", np.array([0.9, 1.1, 1.0]), over="a toy", target=0.95, unit="ratio")
    kept = results.load("toy.ratio")
    assert kept.note.endswith("over a toy")
    assert (kept.value, kept.low, kept.high, kept.n, kept.met) == (1.0, 0.9, 1.1, 3, True)
