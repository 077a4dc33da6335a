"""Sessions: the same for the same seed, and the shifted twin is of another kind."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb.mime.scenes import SAMPLES, Scene, make_scene

SEEDS = [(0, number, 0) for number in range(40)]


@pytest.fixture(scope="module")
def everyday() -> list[Scene]:
    return [make_scene(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def shifted() -> list[Scene]:
    return [make_scene(seed, shifted=True) for seed in SEEDS]


def camera(scenes: list[Scene], name: str) -> np.ndarray:
    return np.array([scene.camera[name] for scene in scenes])


def test_the_same_seed_is_the_same_scene(everyday: list[Scene]) -> None:
    again = make_scene(SEEDS[3])
    for name in ("light", "background", "pose", "place", "cloth", "strands"):
        np.testing.assert_array_equal(getattr(again, name), getattr(everyday[3], name))
    assert again.hair == everyday[3].hair and again.camera == everyday[3].camera


def test_sessions_of_one_person_differ(everyday: list[Scene]) -> None:
    other = make_scene((0, 3, 1))
    assert not np.allclose(other.light, everyday[3].light)
    assert not np.allclose(other.background, everyday[3].background)
    assert other.hair != everyday[3].hair


def test_light_has_a_direction_and_no_negative_color(everyday: list[Scene], shifted: list[Scene]) -> None:
    for scene in everyday + shifted:
        assert scene.light.shape == (6, 3) and np.linalg.norm(scene.light[0]) == pytest.approx(1)
        assert (scene.light[1:4] > 0).all() and 0 < scene.light[5, 0] <= 1
        assert scene.background.shape == (SAMPLES, SAMPLES, 3) and scene.background.dtype == np.float32
        assert scene.background.min() > 0 and scene.background.max() <= 1


def test_heads_are_in_the_picture(everyday: list[Scene]) -> None:
    for scene in everyday:
        assert ((scene.place > 0.4) & (scene.place < 0.6)).all() and 0.2 < scene.size < 0.4
        assert (np.abs(scene.pose) <= [14, 18, 7]).all() and 0 < scene.sway <= 1


def test_some_wear_glasses_and_few_are_bald(everyday: list[Scene]) -> None:
    assert 0 < np.mean([scene.glasses is not None for scene in everyday]) < 0.5
    assert np.mean([scene.hair["bald"] for scene in everyday]) < 0.3


def test_the_twin_has_a_worse_camera(everyday: list[Scene], shifted: list[Scene]) -> None:
    assert camera(shifted, "noise").min() >= camera(everyday, "noise").max()
    assert camera(shifted, "quality").max() < camera(everyday, "quality").min()
    assert camera(shifted, "blur").min() >= camera(everyday, "blur").max()
    assert camera(everyday, "grey").max() == 0 < camera(shifted, "grey").max()


def test_the_twin_is_lit_from_the_side_and_from_below(everyday: list[Scene], shifted: list[Scene]) -> None:
    up = np.array([scene.light[0, 1] for scene in everyday])
    twin = np.array([scene.light[0, 1] for scene in shifted])
    assert up.min() >= np.sin(np.radians(-10)) - 1e-9, "everyday keys come from above, or little below"
    assert np.mean(up > 0) > 0.6 and twin.min() < up.min() and twin.mean() < up.mean()
    sides = np.abs([scene.light[0, 0] for scene in shifted])
    assert sides.mean() > np.abs([scene.light[0, 0] for scene in everyday]).mean()


def test_the_twin_turns_its_head_further(everyday: list[Scene], shifted: list[Scene]) -> None:
    yaw = [np.std([scene.pose[1] for scene in scenes]) for scenes in (everyday, shifted)]
    assert yaw[1] > yaw[0]
