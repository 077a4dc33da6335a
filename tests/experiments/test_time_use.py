"""The use of time, on toys: same view for training and test, paired differences, hypotheses judged."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.evaluation import Interval, bootstrap
from fer_nb.experiments import _temporal_lab as lab
from fer_nb.experiments import time_use
from fer_nb.mime import timing
from fer_nb.time_views import VIEWS, track

from .test_temporal_lab import toys


def toy_pairs() -> lab.Material:
    """Four "kinds" for each person, from the toy clips."""

    def kinds(subject):
        return [track(s, label=k) for k, s in enumerate(toys(subject)[:4])]

    return lab.Material(
        kinds("a") + kinds("b"), kinds("c"), {t: kinds("d") + kinds("e") for t in time_use.TESTS}
    )


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    faces = {"fit": toys("a", "b"), "validate": toys("d", "e")}
    monkeypatch.setattr(lab, "faces", lambda block, people, shifted=False: tuple(faces[block]))
    truth = np.tile(np.arange(7), 2), ["d"] * 7 + ["e"] * 7
    monkeypatch.setattr(lab, "truth_of", lambda: truth)
    monkeypatch.setattr(lab, "truth_of_pairs", lambda: (np.tile(np.arange(4), 2), ["d"] * 4 + ["e"] * 4))
    tests = {t: [track(s) for s in toys("d", "e")] for t in time_use.TESTS}
    material = lab.Material([track(s) for s in toys("a", "b")], [track(s) for s in toys("c")], tests)
    monkeypatch.setattr(lab, "seven", lambda: material)
    monkeypatch.setattr(lab, "pairs", toy_pairs)
    monkeypatch.setattr(lab, "bootstrap", partial(bootstrap, resamples=20))
    monkeypatch.setattr(lab, "DRAWS", 28)
    trained = lab.trained
    monkeypatch.setattr(lab, "trained", lambda *a, **k: trained(*a, **{**k, "epochs": 1}))
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_run_writes_its_records_and_tables(small):
    time_use.run(seeds=(0,))
    assert {r.id for r in results.all_records()} == set(time_use.RECORDS)
    use, only = (results.load(f"temporal.time_use{end}") for end in ("", ".test_only"))
    ordered, shuffled = (results.load(f"temporal.time_accuracy.{v}").value for v in ("ordered", "shuffled"))
    assert use.value == pytest.approx(100 * (ordered - shuffled)) and use.n == 14
    assert only.unit == "points" and results.load("temporal.time_use.pairs").n == 8
    table = pd.read_parquet(small / "predictions" / "time_use.parquet")
    asked = table.groupby(["trained", "tested"]).size()
    assert set(asked.index) == {("ordered", v) for v in VIEWS} | {(v, v) for v in VIEWS}
    curve = pd.read_csv(small / "temporal.robust.csv")
    assert set(curve["harm"]) == set(time_use.HARM) and set(curve["network"]) == set(time_use.NETWORKS)


def test_the_pair_is_decided_within_the_pair():
    """A surprise is never taken for a smile: only the two twins are compared."""
    p = np.full((4, 7), 0.0)
    p[:, 6] = 0.9
    p[0, 0], p[1, 0], p[2, 3], p[3, 3] = 0.1, 0.1, 0.1, 0.1
    assert lab.right(p, np.arange(4), time_use.PAIRS).tolist() == [1, 0, 0, 1]
    assert [timing.KINDS[k] for k in time_use.PAIRS[0]] == ["springs", "grows"]


def test_every_stated_level_is_on_its_curve():
    for what, (_, levels) in time_use.HARM.items():
        assert time_use.STATED[what] in levels


def test_undisturbed_clips_are_the_clips(small):
    plain = [track(s) for s in lab.faces("validate", 50)]
    for what, (_, levels) in time_use.HARM.items():
        same = time_use.harmed(what, levels[0])
        np.testing.assert_allclose(same[3].motion, plain[3].motion, atol=1e-5)


def test_hypotheses_are_judged_by_the_numbers():
    point = {
        "temporal.time_use": 1.0, "temporal.time_use.two_frame": 6.0, "temporal.time_use.reversed": -1.0,
        "temporal.time_use.test_only": 5.0, "temporal.pairs_accuracy.ordered": 0.95,
        "temporal.pairs_accuracy.onset.test_reversed": 0.1,
        "temporal.pairs_accuracy.rhythm.test_reversed": 0.7,
    }  # fmt: skip
    values = {name: Interval(v, v, v) for name, v in point.items()}
    values["temporal.pairs_accuracy.shuffled"] = Interval(0.55, 0.48, 0.6)
    values["temporal.pairs_accuracy.two_frame"] = Interval(0.6, 0.55, 0.65)
    lost = {(what, net): Interval(1, 0, 2) for what in time_use.HARM for net in time_use.NETWORKS}
    lost["jitter", "whole"] = Interval(3, 2, 4)
    held = time_use.hypotheses(values, lost)
    failed = {name for name, yes in held.items() if not yes}
    assert failed == {"T2", "T6", "T7"} and len(held) == 9
