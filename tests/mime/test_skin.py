"""Paint: maps of the right shape, where they should be, and the same for the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb.mime import skin
from fer_nb.mime import template as tm
from fer_nb.mime.head import UV_HIGH, UV_LOW
from fer_nb.mime.people import make_look

TONE, HAIR, LIP = np.array([0.6, 0.42, 0.33]), np.array([0.03, 0.02, 0.02]), np.array([0.5, 0.2, 0.2])
PLAIN = {"freckles": 0.0, "moles": 0.0, "beard": 0.0, "moustache": 0.0, "stubble": 0.0}


def painted(seed: int = 0, **look: float) -> skin.Skin:
    amounts = {**make_look(np.random.default_rng(1)), **PLAIN, **look}
    return skin.paint(np.random.default_rng(seed), amounts, TONE, HAIR, LIP)


@pytest.fixture(scope="module")
def plain() -> skin.Skin:
    return painted()


def at(image: np.ndarray, x: float, y: float) -> np.ndarray:
    """The value of a map at a place in face units."""
    column, row = skin.to_pixels(np.array([x, y])).astype(int)
    return image[row, column]


def test_pixels_span_the_texture_plane() -> None:
    np.testing.assert_allclose(skin.to_pixels(np.array([UV_LOW[0], UV_HIGH[1]])), 0, atol=1e-9)
    corner = skin.to_pixels(np.array([UV_HIGH[0], UV_LOW[1]]))
    np.testing.assert_allclose(corner, [skin.WIDTH, skin.HEIGHT], atol=1e-6)


def test_pixels_and_plane_are_inverse() -> None:
    x, y = skin.plane()
    pixels = skin.to_pixels(np.stack([x, y], -1))
    np.testing.assert_allclose(pixels[5, 7], [7.5, 5.5], atol=1e-9)


def test_masks_are_where_they_belong() -> None:
    masks = skin.masks()
    for name, mask in masks.items():
        assert mask.shape == (skin.HEIGHT, skin.WIDTH) and mask.min() >= 0 and mask.max() <= 1.2, name
    lip = tm.REST[[0, 13]].mean(0)
    assert at(masks["lips"], *lip[:2]) > 0.9 and at(masks["lips"], 0.5, 0.3) == 0
    assert at(masks["beard"], 0.0, -1.05) > 0.9 and at(masks["beard"], 0.0, 0.3) < 0.01
    assert at(masks["lash"], *tm.REST[159, :2]) > 0.5


@pytest.mark.parametrize("name", ["lips", "shade", "lash", "beard"])
def test_masks_are_alike_left_and_right(name: str) -> None:
    mask = skin.masks()[name]
    assert np.abs(mask - mask[:, ::-1]).mean() < 0.01


def test_noise_has_unit_spread_and_follows_its_generator() -> None:
    one, two = (skin.noise(np.random.default_rng(3), 8) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.std() == pytest.approx(1, abs=1e-3)
    fine, coarse = (np.abs(np.diff(skin.noise(np.random.default_rng(3), cell))).mean() for cell in (3, 30))
    assert fine > 3 * coarse


def test_paint_has_its_shapes_and_ranges(plain: skin.Skin) -> None:
    maps = 1 + len(skin.FURROW_UNITS)
    assert plain.albedo.shape == (skin.HEIGHT, skin.WIDTH, 3) and plain.albedo.dtype == np.float32
    assert plain.albedo.min() >= 0 and plain.albedo.max() <= 1
    assert plain.slopes.shape == (maps, 3, skin.HEIGHT, skin.WIDTH) and plain.slopes.dtype == np.float32
    assert plain.boxes.shape == (maps, 4) and plain.gloss.min() > 0


def test_paint_is_the_same_for_the_same_seed(plain: skin.Skin) -> None:
    again, other = painted(), painted(seed=1)
    np.testing.assert_array_equal(again.albedo, plain.albedo)
    np.testing.assert_array_equal(again.slopes, plain.slopes)
    assert np.abs(other.albedo - plain.albedo).max() > 0.05


def test_the_cheek_has_the_tone_and_the_lip_is_redder(plain: skin.Skin) -> None:
    cheek, lip = at(plain.albedo, 0.35, -0.55), at(plain.albedo, 0.0, -0.75)
    np.testing.assert_allclose(cheek, TONE, rtol=0.35)
    assert lip[0] / lip[1] > 1.3 * cheek[0] / cheek[1]


def test_a_beard_is_dark_where_beards_grow(plain: skin.Skin) -> None:
    bearded = painted(beard=1.0)
    assert at(bearded.albedo, 0.0, -1.1).mean() < 0.5 * at(plain.albedo, 0.0, -1.1).mean()
    np.testing.assert_allclose(at(bearded.albedo, 0.0, 0.4), at(plain.albedo, 0.0, 0.4))


def test_brows_are_where_the_mesh_has_them() -> None:
    brow = skin.brow_mask(np.random.default_rng(0), 1.0, 0.0, 1.0, 0.0)
    middle = (tm.REST[list(tm.BROW_TOP)] + tm.REST[list(tm.BROW_BOTTOM)])[:, :2] / 2
    assert np.mean([at(brow, *point) for point in middle[1:-1]]) > 0.4
    assert at(brow, 0.0, -0.3) == 0 and brow.max() <= 1
    thin = skin.brow_mask(np.random.default_rng(0), 0.4, 0.0, 1.0, 0.0)
    assert thin.sum() < 0.6 * brow.sum()


def test_a_groove_loses_light_and_a_bulge_gains_it(plain: skin.Skin) -> None:
    """The third map is the share of light lost: positive in grooves, negative on the raised cheek."""
    lost = dict(zip(skin.FURROW_UNITS, plain.slopes[1:, 2], strict=True))
    assert lost["AU9"].max() > 0.02 and lost["AU9"].min() >= 0
    assert lost["AU12"].max() > 0.02 and lost["AU12"].min() < 0


def test_furrows_are_flat_outside_their_boxes(plain: skin.Skin) -> None:
    for slope, (top, bottom, left, right) in zip(plain.slopes[1:], plain.boxes[1:], strict=True):
        outside = np.ones(slope.shape[1:], bool)
        outside[top:bottom, left:right] = False
        assert np.abs(slope[:, outside]).max(initial=0) <= 1e-3


def test_furrows_deepen_with_depth_and_stay_for_the_old() -> None:
    shallow, deep = (skin.furrows(np.random.default_rng(2), d, 0.0) for d in (0.5, 1.0))
    np.testing.assert_allclose(deep[1:], 2 * shallow[1:], rtol=1e-5)
    assert np.mean(deep[1:].min((1, 2)) < 0) > 0.7, "a furrow is a groove, though not all have every one"
    for unit, height in zip(skin.FURROW_UNITS, deep[1:], strict=True):
        assert height.max() == 0 or unit in ("AU6", "AU12"), "only a raised cheek bulges"
    young, old = (skin.furrows(np.random.default_rng(2), 1.0, age)[0] for age in (0.0, 1.0))
    assert old.min() < young.min()
