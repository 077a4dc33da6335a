"""Courses before and after: agreement, its control, the records, and a missing video."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments import anonymize_timeline as timeline


def smile(count: int = 90) -> np.ndarray:
    """A smile that comes and goes, twice and unevenly."""
    t = np.linspace(0, 6, count)
    return np.exp(-((t - 1.5) ** 2) / 0.1) + 0.6 * np.exp(-((t - 4.2) ** 2) / 0.3)


def test_a_course_agrees_with_itself_and_less_with_its_shifted_copies():
    course = smile()
    assert timeline.agreement(course, 0.5 * course + 0.1) == 1.0
    turned = timeline.shifted(course, course, 6 / 90)
    assert len(turned) > 50 and turned.max() < 0.9 and abs(turned.mean()) < 0.4


def test_moments_without_a_face_are_left_out():
    course, gaps = smile(), smile()
    gaps[10:20] = np.nan
    assert timeline.agreement(course, gaps) == 1.0


def test_nothing_to_compare():
    with pytest.raises(BadInput, match="give a video in which a smile comes or goes"):
        timeline.agreement(smile(), np.zeros(90))
    with pytest.raises(BadInput, match="too short to shift"):
        timeline.shifted(smile(4), smile(4), 0.25)


def test_records_hold_the_mean_over_donors_and_the_verdicts(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    straight, turned = np.array([0.9, 0.8]), np.array([np.linspace(-0.5, 0.5, 50)] * 2)
    timeline.record_all(straight, turned, np.array([1.0, 0.9]), 1.0)
    assert {r.id for r in results.all_records()} == set(timeline.RECORDS)
    found = results.load("anonymize.timeline_r")
    assert found.value == pytest.approx(0.85) and found.low == 0.8 and found.met
    assert results.load("anonymize.timeline_r.shifted").value == pytest.approx(0.0)
    assert results.load("anonymize.timeline.hypotheses_held").value == 2


def test_a_run_asks_about_each_donor(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    asked = []
    monkeypatch.setattr(timeline.anonymize, "load", lambda: type("M", (), {"donors": 20})())
    monkeypatch.setattr(timeline, "anonymize_video", lambda v, out, donor, models: asked.append(donor))
    monkeypatch.setattr(timeline, "course_of", lambda path: (np.linspace(0, 6, 90), smile(), 1.0))
    timeline.run("some.mp4")
    assert len(set(asked)) == timeline.DONORS
    assert results.load("anonymize.timeline_r").value == pytest.approx(1.0)


def test_without_a_video_it_skips_with_a_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FER_NB_SHARED", str(tmp_path))
    assert timeline.run() == []
    assert "skipped" in capsys.readouterr().err
