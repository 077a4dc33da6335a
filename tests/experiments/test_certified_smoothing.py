"""Smoothing, on toys: every record is written, parts join, hypotheses read labels and radii."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from torch import nn

from fer_nb import results
from fer_nb.experiments import _attack_lab as attack_lab
from fer_nb.experiments import certified_smoothing as smoothing
from tests.attack_toys import Still, victims

pytest.importorskip("foolbox")


class Net(nn.Module):
    """A toy in the place of the trained branch: `OneWay` asks for maps and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.maps = Still(), lambda x: x
        self.eval()


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(smoothing.lab, "recipe", lambda: "toy")
    monkeypatch.setattr(attack_lab, "victims", lambda split: victims(missed=0))
    monkeypatch.setattr(smoothing.spatial, "load", Still)
    monkeypatch.setattr(smoothing, "network", lambda sigma: Net())
    monkeypatch.setattr(smoothing, "PART", 4)
    return tmp_path


def test_run_writes_its_records_and_the_curves(small):
    smoothing.run(noises=60, count=7)
    assert {r.id for r in results.all_records()} == set(smoothing.RECORDS)
    head, plain = results.load("certified.smoothing"), results.load("certified.smoothing.s0_25.r0")
    assert head.value <= plain.value and head.n == 7 and "60 noises" in head.note
    assert results.load("certified.l2_of_linf.eps8").value == pytest.approx(8 / 255 * 64)
    curve = pd.read_csv(small / smoothing.CURVES)
    assert set(curve["sigma"]) == set(smoothing.SIGMAS)
    for _, one in curve.groupby("sigma"):
        assert (np.diff(one["value"]) <= 0).all()  # no face is certified further out that is not nearer
    assert curve[curve["radius"] > results.load("certified.smoothing.s0_5.largest").value]["value"].max() == 0


def test_one_noise_is_work_that_is_kept_and_writes_nothing(small, monkeypatch):
    assert smoothing.run(noises=20, count=5, sigmas=(0.12,)) == [] and not results.all_records()
    monkeypatch.setattr(smoothing, "certify", None)
    assert smoothing.run(noises=20, count=5, sigmas=(0.12,)) == []


def test_everyone_comes_once_before_anyone_comes_twice(small):
    assert sorted(smoothing.faces("validate", 3).people) == ["p0", "p1", "p2"]
    assert sorted(smoothing.faces("validate", 4).people)[:4] != ["p0", "p0", "p0", "p1"]
    assert len(smoothing.faces("validate", 7).faces) == 7


def test_hypotheses_read_labels_and_radii():
    y = np.zeros(4, int)

    def found(right, radius):
        return {"label": np.where(np.arange(4) < right, 0, -1), "radius": np.full(4, radius)}

    curves = {0.12: found(4, 0.2), 0.25: found(3, 0.3), 0.5: found(2, 0.9)}
    held = smoothing.verdicts(curves, y)
    assert tuple(held) == smoothing.HYPOTHESES and all(held.values())
    curves[0.5] = found(4, 2.5)
    assert not any(smoothing.verdicts({**curves, 0.25: found(1, 0.3)}, y).values())
