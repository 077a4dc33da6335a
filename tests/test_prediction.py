import json
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

import fer_nb
from fer_nb import features, prediction
from fer_nb.clips import Clip
from fer_nb.errors import BadInput, NoFace
from fer_nb.labels import LABELS
from fer_nb.prediction import Models, predict
from fer_nb.preprocess import sequence_from_points
from tests.faces import mesh, smile

HAPPY = LABELS.index("happiness")


class CornerNet(nn.Module):
    """A temporal branch that knows one thing: lip corners that rise are happiness."""

    def forward(self, x):
        up = x[..., features.NAMES.index("lip_corner_up_right")].amax(1)
        logits = torch.zeros(len(x), 7)
        logits[:, 0] = 2.0
        logits[:, HAPPY] = 100 * up
        return logits


class BrightNet(nn.Module):
    """A spatial branch for which bright is happy."""

    def forward(self, x):
        logits = torch.zeros(len(x), 7)
        logits[:, 0] = 2.0
        logits[:, HAPPY] = 8 * x.mean((1, 2, 3))
        return logits


MODELS = Models(CornerNet(), BrightNet())


@pytest.fixture
def film(monkeypatch):
    """Make `predict` see a course of smiles (None: no face) instead of running the detector."""

    def play(amounts, fps=10.0):
        points = np.stack([np.full((478, 3), np.nan) if a is None else smile(a) for a in amounts])
        light = [0 if a is None else min(255, int(40 * a)) for a in amounts]
        crops = np.array(light, np.uint8)[:, None, None] * np.ones((1, 64, 64), np.uint8)
        seen = np.isfinite(points).all((1, 2))

        def traced(clip):
            if not seen.any():
                raise NoFace(f"{clip.source}: no face in any of {len(points)} frames: give another clip")
            return sequence_from_points(points, crops, fps=fps, source=clip.source)

        monkeypatch.setattr(prediction, "face_sequence", traced)
        return predict(Clip(np.zeros((1, 8, 8, 3), np.uint8), fps, source="toy.mp4"), models=MODELS)

    return play


def test_neutral_smile_neutral(film):
    said = film([0] * 10 + [6] * 10 + [0] * 10)
    assert said.label == "happiness"
    assert [s["label"] for s in said.timeline] == ["neutral", "happiness", "neutral"]
    middle = said.timeline[1]
    assert 0.5 < middle["start"] < 1.1 and 1.9 < middle["end"] < 2.6
    assert said.apex in range(10, 20)
    assert (said.frames, said.frames_with_face, said.fps, said.seconds) == (30, 30, 10.0, 3.0)


def test_a_short_smile_in_a_long_clip_decides(film):
    said = film([0] * 200 + [6] * 8 + [0] * 200)
    assert said.label == "happiness"
    assert said.window[0] <= 207 and said.window[1] > 200 and said.window[1] - said.window[0] == 16


def test_neutral_wins_when_nothing_happens(film):
    assert film([0] * 40).label == "neutral"


def test_frames_without_a_face_are_counted_and_shown(film):
    said = film([0] * 10 + [None] * 10 + [6] * 10)
    assert (said.frames, said.frames_with_face) == (30, 20)
    assert None in [s["label"] for s in said.timeline]
    assert said.timeline[0]["start"] == 0 and said.timeline[-1]["end"] == 3.0


def test_one_frame_leaves_the_temporal_branch_silent(film):
    said = film([3])
    assert said.probabilities["temporal"] is None
    still, fused = said.probabilities["spatial"], said.probabilities["fused"]
    assert sorted(fused, key=fused.get) == sorted(still, key=still.get), "the still speaks alone, rescaled"
    assert sum(fused.values()) == pytest.approx(1, abs=1e-4)
    assert len(said.timeline) == 1


def test_probabilities_are_complete_and_the_label_is_the_fused_winner(film):
    said = film([0, 6])
    for branch in ("temporal", "spatial", "fused"):
        assert list(said.probabilities[branch]) == list(LABELS)
        assert sum(said.probabilities[branch].values()) == pytest.approx(1, abs=1e-4)
    assert said.label == max(said.probabilities["fused"], key=said.probabilities["fused"].get)
    assert json.loads(json.dumps(said.to_dict())) == said.to_dict()


def test_no_face_at_all(film):
    with pytest.raises(NoFace):
        film([None] * 4)


def test_a_bad_device_is_a_one_line_error():
    with pytest.raises(BadInput, match="device 'abacus'"):
        prediction.check_device("abacus")


def test_many_go_on_after_one_that_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(prediction, "shipped_models", lambda device="cpu": MODELS)
    (tmp_path / "broken.mp4").write_text("text")
    answers = dict(prediction.predict_many([tmp_path / "broken.mp4", tmp_path / "missing.mp4"]))
    assert all(isinstance(a, BadInput) for a in answers.values()) and len(answers) == 2


def test_one_path_is_no_list_of_paths(tmp_path):
    for path in ("my.mp4", tmp_path / "my.mp4"):
        with pytest.raises(BadInput, match=r"my.mp4: one path .* give a list"):
            prediction.predict_many(path)


def test_windows_cover_both_ends():
    windows = prediction._windows(100, 10.0)
    assert windows[0][0] == 0 and windows[-1][1] == 100
    assert all(b - a == 16 for a, b in windows)
    assert prediction._windows(5, 10.0) == [(0, 5)]


def test_import_is_fast_and_predict_is_a_function():
    began = time.perf_counter()
    heavy = (
        "import sys, fer_nb; print([m for m in ('torch', 'mediapipe', 'cv2', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]" and time.perf_counter() - began < 5
    assert callable(fer_nb.predict) and fer_nb.predict is predict
    assert "predict" in dir(fer_nb)
    with pytest.raises(AttributeError):
        _ = fer_nb.no_such_thing


def test_toy_faces_are_faces():
    assert np.isfinite(features.neutral_frame(mesh())).all()
