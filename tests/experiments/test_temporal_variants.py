"""The comparison of networks, on toys: every row is trained, every record written, hypotheses judged."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.evaluation import Interval, bootstrap
from fer_nb.experiments import _temporal_lab as lab
from fer_nb.experiments import temporal_variants as variants
from fer_nb.labels import LABELS
from fer_nb.time_views import track

from .test_temporal_lab import toy_material, toys


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    """Toy data, one epoch, a folder for records."""
    faces = {"fit": toys("a", "b"), "validate": toys("d")}
    monkeypatch.setattr(lab, "faces", lambda block, people, shifted=False: tuple(faces[block]))
    monkeypatch.setattr(lab, "truth_of", lambda: (np.arange(7), ["d"] * 7))
    monkeypatch.setattr(variants, "on_true_landmarks", toy_material)
    seven = {"validate": toys("d"), "validate-shift": toys("e")}

    def toy_seven(change=track):
        tests = {name: [change(s) for s in clips] for name, clips in seven.items()}
        return lab.Material([change(s) for s in toys("a", "b")], [change(s) for s in toys("c")], tests)

    monkeypatch.setattr(lab, "seven", toy_seven)
    monkeypatch.setattr(lab, "bootstrap", partial(bootstrap, resamples=20))
    monkeypatch.setattr(lab, "DRAWS", 28)
    trained = lab.trained
    monkeypatch.setattr(lab, "trained", lambda *a, **k: trained(*a, **{**k, "epochs": 1}))
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_run_writes_its_records_and_answers(small, capsys):
    variants.run(seeds=(0,))
    assert {r.id for r in results.all_records()} == set(variants.RECORDS)
    record = results.load("temporal.variants.gru.shift")
    assert record.n == 7 and len(record.per_seed) == 1 and record.low <= record.value <= record.high
    assert results.load("temporal.gain_over_gru.bottleneck").unit == "points"
    assert results.load(variants.HELD).unit == "of 6"
    table = pd.read_parquet(small / "predictions" / "temporal_variants.parquet")
    rows = len(variants.RIVALS) + len(variants.RULERS)
    assert len(table) == rows * 2 * 7 and set(table["answer"]) <= set(range(-1, len(LABELS)))
    share = (table.query("variant == 'gru' and test == 'validate'").eval("answer == truth")).mean()
    assert results.load("temporal.variants.gru").value == pytest.approx(share)
    assert "bottleneck" in capsys.readouterr().out


def test_region_codes_are_fitted_on_training_people_only(small, monkeypatch):
    seen = []

    def components(rows, count):
        seen.append(len(rows))
        return np.zeros(rows.shape[1]), np.eye(count, rows.shape[1])

    monkeypatch.setattr(variants, "components", components)
    data = variants.on_regions()
    frames = sum(len(s) for s in toys("a", "b"))
    assert set(seen) == {2 * frames}  # each frame and its mirror image
    assert data.width == lab.seven().width  # as many numbers as named measures


def test_components_are_orthonormal_and_centered():
    rows = np.random.default_rng(0).normal(size=(50, 6)) + 3
    mean, axes = variants.components(rows, 2)
    np.testing.assert_allclose(mean, rows.mean(0))
    np.testing.assert_allclose(axes @ axes.T, np.eye(2), atol=1e-9)


def test_hypotheses_are_judged_by_the_numbers():
    accuracy = {(name, "validate"): 0.80 for name in (*variants.RIVALS, *variants.RULERS)}
    accuracy |= {("transformer", "validate"): 0.75, ("true_landmarks", "validate"): 0.84}
    gain = {(name, test): Interval(1.0, -1.0, 3.0) for name in variants.RIVALS[1:] for test in variants.TESTS}
    gain["bottleneck", "validate-shift"] = Interval(2.0, 0.5, 3.0)
    gain["recipe", "validate"] = Interval(2.0, 0.5, 3.0)
    held = variants.hypotheses(accuracy, gain)
    assert held == {"V1": False, "V2": True, "V3": True, "V4": True, "V5": True, "V6": False}
