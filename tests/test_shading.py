import cv2
import numpy as np
import pytest

from fer_nb import mime, shading
from fer_nb.crops import OVAL, crop_face, in_crop, upright


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """A frame and its true landmarks."""
    clip = mime.clip("fit", 0, 0, "neutral")
    return np.asarray(clip.frames[0]), clip.landmarks[0]


def maps(points: np.ndarray, count: int = 60) -> np.ndarray:
    return np.stack([shading.tones(points, np.random.default_rng(seed)) for seed in range(count)])


def test_tones_stay_inside_the_oval_and_in_range(face):
    drawn = maps(face[1])
    oval = np.zeros((64, 64), np.uint8)
    outline = in_crop(face[1], upright(face[1]))[list(OVAL)]
    cv2.fillPoly(oval, [np.round(outline * 16).astype(np.int32)], 1, cv2.LINE_8, shift=4)
    assert (drawn[:, oval == 0] == 1).all()
    assert (drawn > 0).all() and (drawn <= 1.06).all() and drawn.dtype == np.float32


def test_lips_are_darker_on_average_and_the_forehead_is_not(face):
    drawn = maps(face[1]).mean(0)
    p = in_crop(face[1], upright(face[1]))
    lip_x, lip_y = p[[0, 13]].mean(0).round().astype(int)
    brow_x, brow_y = p[9].round().astype(int)
    assert drawn[lip_y, lip_x] + 0.08 < drawn[brow_y, brow_x]


def test_the_same_generator_gives_the_same_tones_and_another_gives_others(face):
    one, same, other = (shading.tones(face[1], np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert np.array_equal(one, same) and not np.allclose(one, other)


def test_tones_follow_the_face_when_it_turns_and_shifts(face):
    frame, points = face
    matrix = cv2.getRotationMatrix2D((80, 80), 20, 1.0)
    moved = points.copy()
    moved[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    before, after = (shading.tones(p, np.random.default_rng(2)) for p in (points, moved))
    # Crops are upright, so the same map fits both up to a pixel at outlines.
    assert np.abs(before - after).mean() < 0.01
    assert crop_face(frame, points).shape == before.shape
