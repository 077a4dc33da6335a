"""The race of our landmarks against a bare face mesh, on a toy track."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fer_nb import results
from fer_nb.clips import clip_from_frames
from fer_nb.experiments import landmarks_speed
from tests.toys import Toys


def test_both_roads_read_the_same_faces(shared: Path) -> None:
    video = shared / "data" / "video" / "face_noface.mov"
    assert landmarks_speed.ours(video) == landmarks_speed.bare(video) > 50


def test_ratios_alternate_and_are_positive(toy_video: Path) -> None:
    measured = landmarks_speed.ratios(toy_video, rounds=3)
    assert measured.shape == (3,) and (measured > 0).all()


def test_roads_that_disagree_are_an_error(toy_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmarks_speed, "bare", lambda path: 99)
    with pytest.raises(RuntimeError, match="0 and 99 faces"):
        landmarks_speed.ratios(toy_video)


def test_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(landmarks_speed, "mime_clip", lambda: clip_from_frames(Toys.frames(3)))
    monkeypatch.setattr(landmarks_speed, "ratios", lambda path: np.array([0.9, 1.1, 1.0]))
    landmarks_speed.run()
    record = results.load(landmarks_speed.RECORDS[0])
    assert (record.value, record.low, record.high, record.n, record.met) == (1.0, 0.9, 1.1, 3, True)


def test_the_track_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    from fer_nb import mime

    clips = [SimpleNamespace(iter_frames=lambda: iter(Toys.frames(7))) for _ in range(2)]
    monkeypatch.setattr(mime, "block", lambda *_, **__: clips)
    assert len(landmarks_speed.mime_clip(20)) == 20


@pytest.fixture
def toy_video(tmp_path: Path) -> Path:
    return Toys(tmp_path).video("a.mp4")
