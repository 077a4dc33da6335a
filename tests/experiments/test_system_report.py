"""Clip by clip: what is asked, what counts as an error, and that the kept answers give the kept records."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import clips, mime, results
from fer_nb.experiments import system_report
from fer_nb.labels import LABELS


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two people, seven clips each and set; the system reads all but fear, and sees no face in one clip."""
    asked = []

    def block(name, *, sessions=(0,), shifted=False):
        asked.append((name, sessions, shifted))
        frame = np.zeros((1, 2, 2, 3), np.uint8)
        return [
            clips.Clip(frame, 10.0, label=label, subject=f"{name}/{who}", source=f"{who}/{label}")
            for who in "ab"
            for label in LABELS
        ]

    def answers(faces, models):
        right = [None if k == 0 else "anger" if c.label == "fear" else c.label for k, c in enumerate(faces)]
        return {"temporal": [None] * len(faces), "spatial": right, "fused": right}

    monkeypatch.setattr(mime, "block", block)
    monkeypatch.setattr(system_report, "face_sequences", lambda given, key: given)
    monkeypatch.setattr(system_report.first_path, "answers", answers)
    monkeypatch.setattr(system_report, "shipped_models", lambda: None)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    return asked


def test_run_asks_each_set_and_writes_every_record(small):
    system_report.run()
    assert small == [("validate", (0,), False), ("validate", (0,), True)]
    system_report.test_block()
    assert small[2:] == [("test", (0, 1, 2), False)]  # the others are kept, and not asked again
    assert {r.id for r in results.all_records()} == set(system_report.RECORDS)
    assert results.load("system.coverage.test").value == pytest.approx(13 / 14)
    # neutral is found once of two, fear never, the other five always
    assert results.load("system.uar.test").value == pytest.approx((0.5 + 0 + 5) / 7)
    table = system_report.read()
    assert len(table) == 42 and (table["temporal"] == system_report.NO_FACE).all()
    assert table["clip"].iloc[0] == "a/neutral"


def test_kept_answers_give_the_kept_records():
    table = system_report.read()
    for kind in system_report.SETS:
        found = system_report.scores(table, kind)
        for name, attribute in system_report.MEASURES.items():
            kept = results.load(f"system.{name}.{kind}")
            assert getattr(found, attribute).value == pytest.approx(kept.value) and found.n == kept.n
    whole = system_report.scores(table, "test").accuracy.value
    assert whole == pytest.approx(results.load("fusion.accuracy").value)
