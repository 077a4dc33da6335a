import numpy as np
import pytest

from fer_nb import features, preprocess
from fer_nb.errors import BadInput, NoFace
from tests.faces import mesh, sequence, smile


def test_apex_is_the_strongest_frame_and_a_blink_is_none():
    amounts = np.r_[np.zeros(6), 3, 6, 6, 6, 3, np.zeros(5)]
    points = np.stack([smile(a) for a in amounts])
    points[13, [159, 158, 160, 386, 385, 387]] += [0, 30, 0]  # eyelids, far more than the smile
    seen = preprocess.sequence_from_points(points, np.zeros((16, 64, 64), np.uint8), fps=10)
    assert seen.apex in (7, 8, 9)


def test_single_spikes_are_not_the_apex():
    motion = np.zeros((9, len(features.NAMES)))
    motion[3] = 5.0
    motion[5:8] = 1.0
    assert preprocess.displacement(motion).argmax() in (4, 5, 6, 7)
    assert preprocess.displacement(motion).max() == 1.0


def test_a_given_neutral_replaces_the_automatic_one():
    points = np.stack([smile(6), smile(6), mesh()])
    crops = np.zeros((3, 64, 64), np.uint8)
    alone = preprocess.sequence_from_points(points, crops, fps=10)
    told = preprocess.sequence_from_points(points, crops, fps=10, neutral=mesh())
    assert alone.apex == 2 and told.apex == 0


def test_window_bridges_missing_frames_and_marks_them():
    motion = np.array([[0.0], [np.nan], [2.0], [3.0]])
    found = np.array([True, False, True, True])
    out = preprocess.window_features(motion, found, steps=4)
    np.testing.assert_allclose(out[:, 0], [0, 1, 2, 3])
    assert out[:, 1].tolist() == [1, 0, 1, 1]


def test_window_holds_the_ends_and_stays_within_its_stretch():
    motion = np.arange(10.0)[:, None]
    found = np.ones(10, bool)
    found[:4] = False
    out = preprocess.window_features(motion, found, start=2, stop=8, steps=6)
    np.testing.assert_allclose(out[:, 0], [4, 4, 4, 5, 6, 7])


@pytest.mark.parametrize("frames", [1, 2, 3, 24, 100])
def test_window_has_always_the_same_shape(frames):
    out = preprocess.window_features(np.ones((frames, 3)), np.ones(frames, bool))
    assert out.shape == (24, 4) and np.isfinite(out).all()


def test_window_without_a_face_is_zero():
    assert not preprocess.window_features(np.full((3, 2), np.nan), np.zeros(3, bool)).any()


def test_sequence_carries_what_is_known():
    seen = sequence("fear", subject="anna")
    assert (seen.label, seen.subject, seen.source, len(seen)) == ("fear", "anna", "anna/fear", 12)
    assert seen.apex == 11 and seen.neutral.shape == (478, 3)
    assert seen.motion.shape == (12, len(features.NAMES))


def test_nan_landmarks_and_wrong_shapes_are_one_line_errors():
    crops = np.zeros((2, 64, 64), np.uint8)
    with pytest.raises(NoFace, match=r"^a\.mp4: no face in any of 2 frames"):
        preprocess.sequence_from_points(np.full((2, 478, 3), np.nan), crops, fps=10, source="a.mp4")
    with pytest.raises(BadInput, match=r"shape \(2, 68, 3\)"):
        preprocess.sequence_from_points(np.zeros((2, 68, 3)), crops, fps=10)
