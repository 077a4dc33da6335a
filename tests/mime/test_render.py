"""A picture and its truth: landmarks where the face is, motion where the units are, the camera's part."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from fer_nb.mime import render
from fer_nb.mime import template as tm
from fer_nb.mime.people import make_person
from fer_nb.mime.scenes import SAMPLES, make_scene
from fer_nb.mime.units import INDEX, UNITS

NONE, AHEAD = np.zeros(len(UNITS)), np.zeros(2)
PLAIN = {"blur": 0.1, "noise": 0.0, "quality": 90.0, "gamma": 1.0, "exposure": 0.5, "red": 1.0, "blue": 1.0,
         "vignette": 0.0, "grey": 0.0, "gain": 1.0}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> render.Model:
    """Someone who looks straight at the camera, without glasses or fringe."""
    scene = make_scene((0, 3, 0))
    hair = {**scene.hair, "fringe": 0.0, "bald": 0.0}
    scene = replace(scene, pose=np.zeros(3), place=np.array([0.5, 0.45]), size=0.27, hair=hair, glasses=None)
    return render.dress(make_person(3), scene)


def units(**amounts: float) -> np.ndarray:
    out = NONE.copy()
    for name, amount in amounts.items():
        out[INDEX[name]] = amount
    return out


def shot(
    model: render.Model, pose: tuple[float, float, float] = (0, 0, 0), **amounts: float
) -> tuple[np.ndarray, np.ndarray]:
    both = units(**amounts)
    return render.frame(model, both, both, np.array(pose, float), AHEAD)


def box(points: np.ndarray, chosen: tuple[int, ...], margin: float = 0.0) -> tuple[slice, slice]:
    """Samples around some landmarks."""
    k = SAMPLES / render.IMAGE_SIZE
    low, high = points[list(chosen), :2].min(0) - margin, points[list(chosen), :2].max(0) + margin
    (x0, y0), (x1, y1) = (low * k).astype(int), np.ceil(high * k).astype(int)
    return slice(y0, y1), slice(x0, x1)


def test_landmarks_of_a_frontal_face_are_in_the_picture(model: render.Model) -> None:
    image, points = shot(model)
    assert image.shape == (SAMPLES, SAMPLES, 3) and image.dtype == np.float32 and image.min() >= 0
    assert points.shape == (478, 3) and points.dtype == np.float32
    assert points[:, :2].min() > 0 and points[:, :2].max() < render.IMAGE_SIZE
    assert points[152, 1] > points[1, 1] > points[10, 1], "y points down"
    assert points[33, 0] < points[263, 0]
    assert points[1, 2] < points[234, 2], "the nose is nearer, so its z is smaller"


def test_size_and_place_are_those_of_the_scene(model: render.Model) -> None:
    _, points = shot(model)
    eyes = points[[33, 263], :2]
    assert np.ptp(eyes[:, 0]) == pytest.approx(0.27 * render.IMAGE_SIZE, rel=0.12)
    np.testing.assert_allclose(eyes.mean(0), np.array([0.5, 0.45]) * render.IMAGE_SIZE, atol=4)


def test_irises_are_in_the_eyes(model: render.Model) -> None:
    _, points = shot(model)
    for center, corners in ((468, (33, 133)), (473, (362, 263))):
        left, right = points[list(corners), 0]
        assert left < points[center, 0] < right
        rim = np.linalg.norm(points[center + 1 : center + 5, :2] - points[center, :2], axis=1)
        assert rim.max() < 1.2 * rim.min()


def test_a_look_aside_moves_the_irises_alone(model: render.Model) -> None:
    _, ahead = shot(model)
    _, aside = render.frame(model, NONE, NONE, np.zeros(3), np.array([15.0, 10.0]))
    np.testing.assert_array_equal(aside[:468], ahead[:468])
    move = aside[[468, 473], :2] - ahead[[468, 473], :2]
    assert (move[:, 0] > 0.5).all() and (move[:, 1] < -0.3).all(), "to the picture's right and up"


def test_the_same_arguments_make_the_same_frame(model: render.Model) -> None:
    (one, points), (two, again) = (shot(model, (3, -5, 2), AU12=0.6) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(points, again)


def test_turning_the_head(model: render.Model) -> None:
    straight = shot(model)[1]

    def nose(points: np.ndarray) -> np.ndarray:
        return points[1, :2] - points[[33, 263], :2].mean(0)

    assert nose(shot(model, (0, 15, 0))[1])[0] > nose(straight)[0] + 2, "yaw: to the picture's right"
    assert nose(shot(model, (0, -15, 0))[1])[0] < nose(straight)[0] - 2
    assert nose(shot(model, (15, 0, 0))[1])[1] < nose(straight)[1] - 2, "pitch: the nose goes up"
    rolled = shot(model, (0, 0, 15))[1]
    assert rolled[10, 0] > straight[10, 0] + 3 and rolled[33, 1] < rolled[263, 1] - 3, "roll: clockwise"


def test_a_smile_changes_the_mouth_and_not_the_background(model: render.Model) -> None:
    calm, points = shot(model)
    smile, moved = shot(model, AU12=1.0, AU25=0.7)
    change = np.abs(smile - calm).mean(-1)
    mouth = change[box(points, tm.UPPER_LIP_OUTER + tm.LOWER_LIP_OUTER, 4)]
    forehead = change[box(points, (9, 151, 107, 336))]
    assert mouth.mean() > 10 * forehead.mean() and mouth.max() > 0.02
    assert change[:30, :30].max() == change[:30, -30:].max() == 0
    assert moved[61, 1] < points[61, 1] - 1, "and the true corner rises with it"


def test_open_mouths_show_what_is_inside(model: render.Model) -> None:
    calm, _ = shot(model)
    wide, points = shot(model, AU27=1.0, AU25=1.0)
    inside = box(points, (13, 14, 82, 312))
    assert wide[inside].mean() < calm[box(points, (50, 280, 101))].mean(), "darker than a cheek"
    assert points[14, 1] - points[13, 1] > 5


def test_furrows_show_without_motion(model: render.Model) -> None:
    flat = replace(model.person.skin, slopes=np.zeros_like(model.person.skin.slopes))
    smooth = replace(model, person=replace(model.person, skin=flat))
    furrowed, points = shot(model, AU9=1.0, AU12=1.0)
    without, same = shot(smooth, AU9=1.0, AU12=1.0)
    np.testing.assert_array_equal(points, same)
    change = np.abs(furrowed - without).mean(-1)
    assert change[box(points, (206, 216, 203))].mean() > 0.001


def test_lids_close_over_the_eyes(model: render.Model) -> None:
    _, points = shot(model)
    _, shut = shot(model, AU43=1.0)
    gap = lambda p: p[145, 1] - p[159, 1]  # noqa: E731
    assert gap(shut) < 0.2 * gap(points), "the lid's travel is that of an average eye; this one is wide"


def test_dressing_follows_the_scene(model: render.Model) -> None:
    scene, person = model.scene, model.person
    bald = render.dress(person, replace(scene, hair={**scene.hair, "bald": 1.0}))
    specs = {"width": 0.21, "height": 0.15, "round": 0.5, "dark": 0.1}
    glasses = render.dress(person, replace(scene, glasses=specs))
    assert len(bald.turning.points) < len(model.turning.points) < len(glasses.turning.points)
    fringe = render.dress(person, replace(scene, hair={**scene.hair, "fringe": 0.6}))
    changed = np.abs(fringe.albedo - model.albedo).max(-1) > 0.01
    rows = np.flatnonzero(changed.any(1))
    assert len(rows) and rows.max() < len(changed) / 2, "hair falls on the upper half only"


def test_nearer_points_are_larger(model: render.Model) -> None:
    pair = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 1.0]])
    far, near = render.project(pair, model.scene, 160)
    middle = model.scene.place * 160
    assert np.abs(near[:2] - middle).sum() > np.abs(far[:2] - middle).sum()
    assert far[1] < middle[1] and near[2] > far[2]


def test_the_camera_gives_a_picture(model: render.Model) -> None:
    linear, _ = shot(model)
    image = render.expose(linear, PLAIN, np.random.default_rng(0))
    assert image.shape == (160, 160, 3) and image.dtype == np.uint8
    wanted = cv2.resize(linear, (160, 160), interpolation=cv2.INTER_AREA).clip(0, 1) ** (1 / 2.2) * 255
    assert np.abs(image - wanted).max() < 1.5


def test_noise_comes_from_the_generator(model: render.Model) -> None:
    linear, _ = shot(model)
    noisy = {**PLAIN, "noise": 4.0}
    one, same, other = (render.expose(linear, noisy, np.random.default_rng(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    clean = render.expose(linear, PLAIN, np.random.default_rng(1)).astype(float)
    middle = (clean > 30) & (clean < 225)
    assert (one - clean)[middle].std() == pytest.approx(4.0, rel=0.1)
    assert (one != other).mean() > 0.5


def test_a_camera_can_be_grey_tinted_and_dark_at_the_rim() -> None:
    flat = np.full((SAMPLES, SAMPLES, 3), 0.3, np.float32) * np.array([1.0, 0.8, 0.6], np.float32)
    rng = np.random.default_rng(0)
    grey = render.expose(flat, {**PLAIN, "grey": 1.0}, rng)
    assert np.ptp(grey.astype(int), axis=-1).max() == 0
    warm = render.expose(flat, {**PLAIN, "red": 1.3}, rng)
    assert warm[80, 80, 0] > render.expose(flat, PLAIN, rng)[80, 80, 0]
    rim = render.expose(flat, {**PLAIN, "vignette": 0.5}, rng)
    assert rim[0, 0, 1] < rim[80, 80, 1] - 10


@pytest.mark.parametrize("target", [0.3, 0.5])
def test_auto_gain_puts_the_face_at_its_brightness(model: render.Model, target: float) -> None:
    linear, points = shot(model)
    face = box(points, tm.OVAL)
    for light in (0.3, 1.0, 3.0):
        gain = render.auto_gain(light * linear, points, target)
        assert (gain * light * linear[face]).mean() ** (1 / 2.2) == pytest.approx(target, rel=0.03)


def test_auto_gain_of_a_face_outside_the_picture(model: render.Model) -> None:
    linear, points = shot(model)
    assert render.auto_gain(linear, points + 1000, 0.5) == 1.0
