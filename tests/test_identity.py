from __future__ import annotations

import numpy as np
import pytest

from fer_nb import identity
from fer_nb.crops import in_crop, upright
from fer_nb.errors import BadInput
from tests.faces import mesh


def face(person: int, *, light: float = 1.0, seed: int = 0) -> np.ndarray:
    """A toy face (64, 64) uint8: a pattern that is the person's, under a light that is not."""
    rng = np.random.default_rng(person)
    small = rng.normal(size=(16, 16))
    large = np.kron(small, np.ones((4, 4)))
    noise = np.random.default_rng(1000 * person + seed).normal(size=(64, 64))
    slope = np.linspace(1, light, 64)
    return np.clip((110 + 25 * large + 8 * noise) * slope, 0, 255).astype(np.uint8)


def clips(people: int = 4, each: int = 6) -> tuple[np.ndarray, np.ndarray]:
    crops = [[face(p, light=0.6 + 0.1 * k, seed=k), face(p, light=0.6 + 0.1 * k, seed=50 + k)]
             for p in range(people) for k in range(each)]  # fmt: skip
    return np.array(crops), np.repeat(np.arange(people), each)


def resting_points() -> np.ndarray:
    points = mesh()
    return in_crop(points, upright(points))


@pytest.fixture(scope="module")
def sight() -> identity.Sight:
    crops, _ = clips()
    flat = crops.reshape(-1, 64, 64)
    return identity.learn_sight(flat, np.tile(resting_points(), (len(flat), 1, 1)))


def test_edges_do_not_depend_on_the_strength_of_light():
    crop = face(1)
    same, other = identity.edges(np.stack([crop, crop // 2])), identity.edges(face(2)[None])
    assert np.abs(same[0] - same[1]).mean() < 0.2 * np.abs(same[0] - other[0]).mean()


def test_unwrap_reads_the_crop_at_the_mesh():
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    points = resting_points()
    grey = identity.unwrap(ramp[None], points[None])[0]
    weights, _ = identity.texels()
    np.testing.assert_allclose(grey, (weights @ points[:468, 0]).clip(0, 63), atol=1.0)


def test_unwrap_takes_movement_out():
    points = resting_points()
    crop = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    moved = np.roll(crop, (2, 3), (0, 1))
    a, b = identity.unwrap(np.stack([crop, moved]), np.stack([points, points + np.array([3, 2])])).astype(int)
    assert (np.abs(a - b) <= 1).mean() > 0.9


def test_pattern_divides_light_out():
    points = resting_points()
    crops = np.stack([face(1, light=light) for light in (1.0, 0.6)])
    flat = identity.unwrap(crops, np.stack([points, points])).astype(float)
    one, two = identity.pattern(flat)
    assert np.corrcoef(one, two)[0, 1] > np.corrcoef(flat)[0, 1] and np.corrcoef(one, two)[0, 1] > 0.9
    assert abs(one.std() - 1) < 0.1


def test_sight_finds_the_mesh(sight):
    crops, _ = clips()
    found = sight.mesh(identity.edges(crops))
    assert found.shape == (24, 2, 478, 2)
    assert np.abs(found - resting_points()).max() < 0.5


def test_attackers_know_people_again(sight):
    crops, person = clips()
    features = sight.features(crops)
    known = np.tile(np.arange(6) < 4, 4)
    model = identity.learn({k: v[known] for k, v in features.items()}, person[known])
    scores = model.scores({k: v[~known] for k, v in features.items()})
    assert set(scores) == set(identity.LADDER)
    for rung in ("edges", "pattern", "mesh"):
        assert identity.hits(scores[rung], np.arange(4), person[~known]).mean() == 1.0


def test_similarity_knows_people_it_never_met(sight):
    crops, person = clips(people=14)
    features = sight.features(crops)
    mine = person < 7
    model = identity.learn({k: v[mine] for k, v in features.items()}, person[mine])
    alike = model.similarity({k: v[~mine] for k, v in features.items()})["edges"]
    session = np.tile(np.arange(6) % 2, 7)
    rate = identity.verification(alike, person[~mine], session, resamples=50)
    assert rate.value < 0.25, rate
    assert rate.low <= rate.value <= rate.high


def test_verification_is_half_where_nothing_is_known():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(120, 120))
    person, session = np.repeat(np.arange(20), 6), np.tile([0, 0, 1, 1, 2, 2], 20)
    rate = identity.verification(noise + noise.T, person, session, resamples=50)
    assert abs(rate.value - 0.5) < 0.06 and rate.low < 0.5 < rate.high + 0.03


def test_equal_error_counts_pairs():
    assert identity.equal_error(np.array([1, 9]), np.array([9, 1])) == pytest.approx(0.1)


def test_linked_clips_add_up():
    scores = np.log([[0.6, 0.4], [0.3, 0.7], [0.3, 0.7]])
    sums, people = identity.linked(scores, np.array([1, 1, 1]))
    assert identity.hits(scores, np.array([0, 1]), np.array([1, 1, 1])).mean() < 1
    assert identity.hits(sums, np.array([0, 1]), people).tolist() == [1.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: identity.learn({}, np.zeros(3)), "two people"),
        (lambda: identity.learn_sight(np.zeros((2, 64, 64), np.uint8), np.zeros((3, 478, 2))), "finite"),
        (lambda: identity.verification(np.ones((2, 2)), np.array([0, 1]), np.array([0, 0])), "two sessions"),
    ],
)
def test_bad_input_says_what_to_do(make, says):
    with pytest.raises(BadInput, match=says):
        make()


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_release_that_shows_one_picture_tells_nothing():
    same = identity.Discriminants(np.ones((12, 5)), np.repeat(np.arange(3), 4), parts=4)
    np.testing.assert_allclose(np.exp(same.scores(np.ones((2, 5)))), 1 / 3)
    assert not same.embed(np.ones((2, 5))).any()
