"""Speed and landmark errors of Mime: the right quantity goes into the right record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_nb import mime, results
from fer_nb.clips import Clip
from fer_nb.experiments import mime_quality
from fer_nb.mime import template


def truth(frames: int, *, subject: str = "a") -> Clip:
    """A clip without pictures: the template at 50 pixels between the outer eye corners."""
    points = (template.REST * [50, -50, -50] + [80, 80, 0]).astype(np.float32)
    return Clip(
        np.zeros((frames, 4, 4, 3), np.uint8), 10, landmarks=np.tile(points, (frames, 1, 1)), subject=subject
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    return tmp_path


def test_the_truth_has_no_error() -> None:
    clip = truth(3)
    assert clip.landmarks is not None
    np.testing.assert_array_equal(mime_quality.mesh_error(clip, clip.landmarks), np.zeros(3))


def test_a_known_shift_is_its_error() -> None:
    clip = truth(3)
    assert clip.landmarks is not None
    moved = clip.landmarks + np.array([3.0, 4.0, 100.0], np.float32)
    np.testing.assert_allclose(mime_quality.mesh_error(clip, moved), 5 / 50, rtol=1e-4)


def test_irises_and_frames_without_a_face_do_not_count() -> None:
    clip = truth(4)
    assert clip.landmarks is not None
    moved = clip.landmarks.copy()
    moved[:, 468:] += 50
    moved[1] = np.nan
    np.testing.assert_array_equal(mime_quality.mesh_error(clip, moved), np.zeros(3))


def test_agreement_counts_frames_and_clips(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [truth(4, subject="a"), truth(2, subject="b"), truth(2, subject="c")]
    points = [np.asarray(clip.landmarks).copy() for clip in clips]
    points[0][:, :, 0] += 2.5  # 0.05 of 50 pixels
    points[0][0] = np.nan
    points[2][:] = np.nan
    monkeypatch.setattr(mime, "block", lambda *_, **__: clips)
    monkeypatch.setattr(mime_quality, "detect_many", lambda _: points)
    mime_quality.landmark_agreement()
    seen, error = results.load("mime.face_found"), results.load("mime.landmark_nme")
    assert (seen.value, seen.n, seen.met) == (5 / 8, 8, False)
    assert error.value == pytest.approx(0.025, rel=1e-4) and (error.n, error.met) == (2, True)
    assert error.command == "fer-nb results make mime.landmark_nme" and error.data_version == mime.VERSION


@pytest.mark.parametrize("kept", [None, "elsewhere"])
def test_each_round_starts_with_an_empty_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kept: str | None
) -> None:
    if kept is None:
        monkeypatch.delenv("FER_NB_CACHE", raising=False)
    else:
        monkeypatch.setenv("FER_NB_CACHE", kept)
    used: list[str] = []

    def block(*_: Any, **__: Any) -> list[Clip]:
        used.append(os.environ["FER_NB_CACHE"])
        assert list(Path(used[-1]).iterdir()) == []
        return [truth(8), truth(8)]

    monkeypatch.setattr(mime, "block", block)
    mime_quality.seconds_fit100(repeats=3)
    record = results.load("mime.seconds_fit100")
    assert len(set(used)) == 3 and not any(Path(path).exists() for path in used)
    assert os.environ.get("FER_NB_CACHE") == kept
    assert record.n == 3 and record.low is not None and record.high is not None
    assert 0 < record.low <= record.value <= record.high and "16 frames made" in record.note


def test_a_failing_round_restores_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FER_NB_CACHE", "mine")
    with pytest.raises(KeyboardInterrupt), mime_quality.empty_cache():
        raise KeyboardInterrupt
    assert os.environ["FER_NB_CACHE"] == "mine"


def test_it_writes_its_own_records_and_no_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [truth(2)]
    monkeypatch.setattr(mime, "block", lambda *_, **__: clips)
    monkeypatch.setattr(mime_quality, "detect_many", lambda _: [clips[0].landmarks])
    mime_quality.run()
    assert {record.id for record in results.all_records()} == set(mime_quality.RECORDS)
