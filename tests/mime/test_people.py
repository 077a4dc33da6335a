"""People: one number, one person; shapes that stay faces; styles with the spread that the data sheet says."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from fer_nb.mime import template as tm
from fer_nb.mime.people import HABITS, Person, Style, face_shape, make_look, make_person, make_style
from fer_nb.mime.populations import BLOCKS
from fer_nb.mime.units import INDEX, UNITS


def same(one: object, two: object) -> bool:
    """Whether two values are equal bit for bit, dataclasses and arrays included."""
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(two, f.name)) for f in dataclasses.fields(one))
    return np.array_equal(one, two) if isinstance(one, np.ndarray) else one == two


@pytest.fixture(scope="module")
def person() -> Person:
    return make_person(7)


@pytest.fixture(scope="module")
def styles() -> list[Style]:
    return [make_style(np.random.default_rng(seed)) for seed in range(300)]


@pytest.fixture(scope="module")
def shapes() -> np.ndarray:
    return np.array([face_shape(np.random.default_rng(seed)) for seed in range(40)])  # (40, 478, 3)


def test_the_same_number_is_the_same_person(person: Person) -> None:
    assert same(make_person(7), person)


def test_other_numbers_are_other_people(person: Person) -> None:
    other = make_person(8)
    assert np.abs(other.face - person.face)[:468].max() > 0.01
    assert np.abs(other.skin.albedo - person.skin.albedo).mean() > 0.01
    assert np.abs(other.style.gain - person.style.gain).max() > 0.05


def test_people_of_different_blocks_have_different_numbers() -> None:
    for (_, one), (_, two) in combinations(BLOCKS.items(), 2):
        assert not set(one.numbers) & set(two.numbers)


def test_colors_are_albedos(person: Person) -> None:
    for color in (person.hair, person.iris):
        assert color.shape == (3,) and (color > 0).all() and (color < 1).all()
    assert person.seed == 7 and person.face.shape == (478, 3)


def test_shapes_vary_about_the_template(shapes: np.ndarray) -> None:
    assert np.abs(shapes.mean(0) - tm.REST)[:468].max() < 0.06
    spread = shapes[:, :468].std(0)
    assert 0.005 < spread.mean() < 0.08


def test_shapes_are_nearly_but_not_quite_symmetric(shapes: np.ndarray) -> None:
    crooked = np.abs(shapes[:, tm.MIRROR] * [-1, 1, 1] - shapes)[:, :468].max((1, 2))
    assert (crooked < 0.2).all() and (crooked > 1e-4).all()


def test_shapes_stay_faces(shapes: np.ndarray) -> None:
    forehead, nose, lip, chin = (shapes[:, point, 1] for point in (10, 1, 13, 152))
    assert (forehead > nose).all() and (nose > lip).all() and (lip > chin).all()
    assert (shapes[:, 159, 1] > shapes[:, 145, 1]).all(), "eyes are open at rest"


def test_gains_are_log_normal_with_spread_a_third(styles: list[Style]) -> None:
    gains = np.log([style.gain for style in styles])  # (300, U)
    assert gains.mean() == pytest.approx(0, abs=0.02)
    assert gains.std() == pytest.approx(0.3, abs=0.03)


def test_timing_is_log_normal_with_spread_a_third(styles: list[Style]) -> None:
    times = np.log([(style.onset, style.hold) for style in styles])
    assert times.mean() == pytest.approx(0, abs=0.04) and times.std() == pytest.approx(0.3, abs=0.03)


def test_lean_rest_and_habits(styles: list[Style]) -> None:
    lean = np.array([style.lean for style in styles])
    assert np.abs(lean).max() <= 0.3 and abs(lean.mean()) < 0.01
    habits = {INDEX[name] for name in HABITS}
    for style in styles[:60]:
        assert style.rest.min() >= 0 and style.rest.max() <= 0.12 and (style.rest > 0).sum() <= 2
        assert (style.habit > 0).sum() == 2 and set(np.flatnonzero(style.habit)) <= habits
        assert 0.1 <= style.blink <= 0.5 and style.gain.shape == (len(UNITS),)


def test_looks_vary_and_beards_exclude_makeup() -> None:
    looks = [make_look(np.random.default_rng(seed)) for seed in range(200)]
    assert all(not (look["stubble"] and look["makeup"]) for look in looks)
    assert 0.3 < np.mean([look["stubble"] > 0 for look in looks]) < 0.7
    assert 0 < np.mean([look["beard"] > 0 for look in looks]) < 0.3
    assert all(1 <= look["moles"] <= 8 for look in looks)
