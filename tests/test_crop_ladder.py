"""Less prepared crops: each keeps what it says it keeps."""

import numpy as np
import pytest

from fer_nb import crop_ladder, crops
from fer_nb.errors import BadInput
from tests.faces import mesh, smile


def picture(side: int = 160) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (side, side, 3), dtype=np.uint8)


def rolled(degrees: float) -> np.ndarray:
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    center = np.array([80.0, 80.0, 0.0])
    return (mesh() - center) @ turn.T + center


@pytest.mark.parametrize("name", list(crop_ladder.CUTS))
def test_every_cut_gives_a_small_grey_picture(name):
    crop = crop_ladder.CUTS[name](picture(), mesh())
    assert crop.shape == (64, 64) and crop.dtype == np.uint8 and crop.std() > 5


def test_the_top_of_the_ladder_is_the_crop_of_the_spatial_branch():
    image, face = picture(), smile(5)
    ours = crop_ladder.cut(image, face, crops.upright(face), paint=True)
    np.testing.assert_array_equal(ours, crops.crop_face(image, face))


def test_a_box_holds_every_landmark_and_does_not_turn():
    face = rolled(12)
    inside = crops.in_crop(face, crop_ladder.box(face))
    assert inside.min() >= 0 and inside.max() <= crops.SIZE
    assert crop_ladder.box(face)[0, 1] == 0
    eyes = inside[[33, 263]]
    assert abs(eyes[1, 1] - eyes[0, 1]) > 3  # the roll is still there
    upright = crops.in_crop(face, crops.upright(face))[[33, 263]]
    assert abs(upright[1, 1] - upright[0, 1]) < 1e-6


def test_a_box_moves_with_the_jaw_and_the_alignment_does_not():
    rest, open_mouth = mesh(), mesh()
    open_mouth[[152, 148, 377], 1] += 15  # the chin drops
    eyes = [33, 263]
    box = [crops.in_crop(face, crop_ladder.box(face))[eyes] for face in (rest, open_mouth)]
    still = [crops.in_crop(face, crops.upright(face))[eyes] for face in (rest, open_mouth)]
    assert np.abs(box[1] - box[0]).max() > 1
    np.testing.assert_allclose(still[1], still[0])


def test_painting_touches_the_outside_only():
    image, face = picture(), mesh()
    plain = crop_ladder.aligned_crop(image, face)
    painted = crop_ladder.CUTS["oval"](image, face)
    assert painted[0, 0] == painted[-1, -1] and plain[0, 0] != plain[-1, -1]
    np.testing.assert_array_equal(plain[25:40, 25:40], painted[25:40, 25:40])


def test_stills_of_a_clip_are_cut_row_by_row():
    frames = np.stack([picture(), 255 - picture(), picture()])
    points = np.stack([mesh()] * 3)
    points[2] = np.nan
    out = crop_ladder.cut_stills(frames, points, [1, 0])
    assert set(out) == set(crop_ladder.CUTS) and out["frame"].shape == (2, 64, 64)
    np.testing.assert_array_equal(out["oval"][1], crops.crop_face(frames[0], points[0]))
    assert crop_ladder.cut_stills(frames, points, [])["box"].shape == (0, 64, 64)
    with pytest.raises(BadInput, match="frame 2: holds no face"):
        crop_ladder.cut_stills(frames, points, [2])
    with pytest.raises(BadInput, match="choose from frame, box"):
        crop_ladder.cut_stills(frames, points, [0], ["circle"])
