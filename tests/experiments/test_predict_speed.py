"""The race of a whole prediction against a bare face mesh, on a toy track."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fer_nb import results
from fer_nb.clips import clip_from_frames
from fer_nb.experiments import predict_speed
from tests.toys import Toys


def test_the_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(predict_speed, "mime_clip", lambda: clip_from_frames(Toys.frames(3)))
    for road in ("predict", "bare"):
        monkeypatch.setattr(predict_speed, road, lambda path, road=road: asked.append(road))
    monkeypatch.setattr(predict_speed, "race", lambda *_, rounds: np.full(rounds, 0.7))
    predict_speed.run()
    record = results.load("predict.fps_ratio")
    assert asked == ["predict", "bare"] and record.met and record.target == 0.6
