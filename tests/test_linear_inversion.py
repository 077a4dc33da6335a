from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_nb.errors import BadInput
from fer_nb.linear_inversion import PENALTIES, WayBack, learn_way_back

PEOPLE, EACH, SIDE = 10, 60, 12


def faces(people: int = PEOPLE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Toy pictures (N, 12, 12) uint8: a coarse pattern that is the person's, and noise; and who is seen."""
    rng = np.random.default_rng(seed)
    own = np.kron(rng.normal(size=(people, 4, 4)), np.ones((3, 3))).repeat(EACH, 0)
    noise = rng.normal(size=(people * EACH, SIDE, SIDE))
    return (120 + 25 * own + 8 * noise).clip(0, 255).astype(np.uint8), np.repeat(np.arange(people), EACH)


def mixed(pictures: np.ndarray) -> np.ndarray:
    """Invert and move all pixels, the same way in every picture: nothing is hidden."""
    order = np.random.default_rng(9).permutation(SIDE * SIDE)
    return 255 - pictures.reshape(len(pictures), -1)[:, order].reshape(pictures.shape)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_moved_and_inverted_pixels_are_put_back_exactly():
    pictures, person = faces()
    back, own = learn_way_back(mixed(pictures), pictures, person)
    strangers = faces(3, seed=1)[0]
    found = back.pictures(mixed(strangers))
    assert found.dtype == np.uint8 and found.shape == strangers.shape
    assert error(found, strangers) < 0.2 and error(own, pictures) < 0.2
    assert back.penalty == min(PENALTIES)


def test_releases_of_a_few_stock_pictures_are_solved():
    pictures, person = faces()
    stock = faces(2, seed=3)[0][[0, -1]][np.arange(len(pictures)) % 2]  # two pictures, whoever is seen
    back, _ = learn_way_back(stock, pictures, person, penalties=(1e-12,))
    nobody = np.abs(pictures.astype(int) - pictures.mean(0)).mean()
    found = error(back.pictures(stock), pictures)
    assert found == pytest.approx(nobody, rel=0.02)  # two means are all that can be learned


def test_clips_keep_their_shape():
    pictures, person = faces()
    back, _ = learn_way_back(mixed(pictures), pictures, person)
    clip = mixed(pictures[:6])
    assert np.array_equal(
        back.pictures(clip.reshape(2, 3, SIDE, SIDE)).reshape(clip.shape), back.pictures(clip)
    )


def test_own_pictures_are_those_of_a_map_without_the_person():
    pictures, person = faces()
    released = np.stack([cv2.GaussianBlur(p, (0, 0), 1.5) for p in pictures])
    some = (3e-2,)
    _, own = learn_way_back(released, pictures, person, penalties=some)
    rows = person == 4
    without, _ = learn_way_back(released[~rows], pictures[~rows], person[~rows], penalties=some)
    whole, _ = learn_way_back(released, pictures, person, penalties=some)
    left_out = without.pictures(released[rows])
    # the penalty follows the variance of the pairs, which changes a little when one person goes
    assert error(own[rows], left_out) < 0.3 * error(whole.pictures(released[rows]), left_out) + 0.1
    assert error(own, pictures) > error(whole.pictures(released), pictures)


def test_a_blur_is_partly_undone_for_strangers():
    pictures, person = faces()
    blurred = lambda x: np.stack([cv2.GaussianBlur(p, (0, 0), 1.0) for p in x])  # noqa: E731
    back, _ = learn_way_back(blurred(pictures), pictures, person)
    strangers = faces(3, seed=1)[0]
    assert error(back.pictures(blurred(strangers)), strangers) < 0.85 * error(blurred(strangers), strangers)


def test_where_nothing_passes_the_mean_is_the_best_guess():
    pictures, person = faces()
    noise = np.random.default_rng(5).integers(0, 256, pictures.shape, dtype=np.uint8)
    back, own = learn_way_back(noise, pictures, person)
    assert back.penalty == max(PENALTIES)
    assert error(own, pictures) > 0.9 * error(np.broadcast_to(pictures.mean(0), pictures.shape), pictures)
    empty, own = learn_way_back(np.zeros_like(pictures), pictures, person)
    assert error(empty.pictures(np.zeros_like(pictures)), pictures.mean(0)) <= 0.5
    assert np.isfinite(empty.weights).all() and own.dtype == np.uint8


def test_a_way_back_is_one_matrix():
    two = WayBack(np.eye(4, dtype=np.float32)[::-1], np.zeros(4, np.float32), np.ones(4, np.float32), 0.1)
    assert two.pictures(np.array([[[1, 2], [3, 255]]], np.uint8)).tolist() == [[[255, 4], [3, 2]]]


@pytest.mark.parametrize(
    ("shape", "names", "says"),
    [
        ((5, 4, 4), 6, "give"),
        ((6, 4, 4), 5, "give"),
        ((6, 4, 4), 6, "two people"),
    ],
)
def test_bad_input_says_what_to_do(shape, names, says):
    with pytest.raises(BadInput, match=says):
        learn_way_back(np.zeros(shape, np.uint8), np.zeros((6, 4, 4), np.uint8), np.zeros(names))
