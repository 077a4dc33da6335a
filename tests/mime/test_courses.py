"""Performances: lengths and rates tell nothing of the class; units are those of the class's prototypes."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from fer_nb.labels import LABELS
from fer_nb.mime.courses import (
    EXTRAS,
    FRAMES,
    PROTOTYPES,
    RATES,
    STRENGTH,
    Course,
    blinks,
    envelope,
    make_course,
    wander,
)
from fer_nb.mime.people import Style, make_style
from fer_nb.mime.units import INDEX, UNITS

COUNT = 250
QUIET = 0.24 + 1e-9  # the tension of the day and the small restlessness of a real face, 0.12 each at most
PLAIN = Style(
    gain=np.ones(len(UNITS)), lean=np.zeros(len(UNITS)), rest=np.zeros(len(UNITS)),
    habit=np.zeros(len(UNITS)), onset=1.0, hold=1.0, blink=0.0,
)  # fmt: skip


def perform(seed: int, label: str, style: Style = PLAIN, shifted: bool = False) -> Course:
    rng = np.random.default_rng([seed, LABELS.index(label)])
    return make_course(rng, label, style, np.zeros(3), 0.5, shifted)


@cache
def many(label: str, shifted: bool = False) -> tuple[Course, ...]:
    return tuple(perform(seed, label, shifted=shifted) for seed in range(COUNT))


def units_of(label: str) -> set[str]:
    return {name.rstrip("?") for prototype in PROTOTYPES[label] for name in prototype}


def test_every_class_has_prototypes_of_known_units() -> None:
    assert tuple(PROTOTYPES) == LABELS
    for label in LABELS:
        assert units_of(label) <= set(UNITS)
        for prototype in PROTOTYPES[label]:
            assert all(0 < amount <= 1 for amount in prototype.values())
            bare = [name.rstrip("?") for name in prototype]
            assert len(set(bare)) == len(bare), "a unit stands once in a prototype"
    assert set(EXTRAS) <= set(UNITS)
    assert len({frozenset(map(str, PROTOTYPES[label])) for label in LABELS}) == len(LABELS)


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValueError):
        make_course(np.random.default_rng(0), "joy", PLAIN, np.zeros(3), 0.5)


@pytest.mark.parametrize("label", LABELS)
def test_shapes_and_ranges(label: str) -> None:
    for course in many(label)[:40]:
        count = len(course.left)
        assert course.left.shape == course.right.shape == (count, len(UNITS))
        assert course.pose.shape == (count, 3) and course.gaze.shape == (count, 2)
        assert FRAMES[0] <= count <= FRAMES[1] and course.fps in RATES
        assert STRENGTH[0] <= course.strength <= STRENGTH[1]
        assert 0 <= course.prototype < len(PROTOTYPES[label])
        for side in (course.left, course.right):
            assert side.min() >= 0 and side.max() <= 1.2 and side[:, INDEX["AU43"]].max() <= 1


def test_length_and_rate_do_not_tell_the_class() -> None:
    lengths = [np.mean([len(course.left) for course in many(label)]) for label in LABELS]
    rates = [np.mean([course.fps for course in many(label)]) for label in LABELS]
    np.testing.assert_allclose(lengths, 16, atol=0.7)
    np.testing.assert_allclose(rates, np.mean(RATES), atol=0.7)
    assert {course.fps for course in many("fear")} == set(RATES)
    assert {len(course.left) for course in many("fear")} == set(range(FRAMES[0], FRAMES[1] + 1))


def test_strength_motion_and_talking_do_not_tell_the_class() -> None:
    for value in ("strength", "talking", "returns"):
        means = [np.mean([getattr(course, value) for course in many(label)]) for label in LABELS]
        assert np.ptp(means) < 0.12, value


def test_a_third_return_to_rest() -> None:
    returned = [course.returns for label in LABELS for course in many(label)]
    assert np.mean(returned) == pytest.approx(1 / 3, abs=0.04)


def test_a_fifth_talk() -> None:
    talked = [course.talking for label in LABELS for course in many(label)]
    assert np.mean(talked) == pytest.approx(0.2, abs=0.04)


def test_neutral_clips_show_no_expression() -> None:
    still = [course for course in many("neutral") if not course.talking]
    assert len(still) > 100
    peaks = np.array([course.left.max(0) for course in still])  # (N, U)
    plain = [u for u in UNITS if u not in EXTRAS and u != "AU43"]
    assert peaks[:, [INDEX[u] for u in plain]].max() <= QUIET
    moved = peaks[:, [INDEX[u] for u in UNITS if u != "AU43"]]
    assert moved.mean() < 0.06 and (moved > QUIET).sum(1).max() <= 1
    assert peaks[:, [INDEX[u] for u in EXTRAS]].max() < 0.6, "now and then there is one weak extra unit"


@pytest.mark.parametrize("label", LABELS[1:])
def test_an_expression_shows_its_units(label: str) -> None:
    for course in many(label)[:40]:
        prototype = PROTOTYPES[label][course.prototype]
        wanted = [name for name in prototype if not name.endswith("?")]
        peak = course.left.max(0)
        strong = [peak[INDEX[name]] for name in wanted]
        assert min(strong) > 0.25 * course.strength * min(prototype[name] for name in wanted)
        known = units_of(label) | set(EXTRAS) | {"AU43"}
        if not course.talking:
            assert all(peak[INDEX[u]] <= QUIET for u in UNITS if u not in known)


def test_prototypes_are_all_used() -> None:
    for label in LABELS:
        assert {course.prototype for course in many(label)} == set(range(len(PROTOTYPES[label])))


def test_style_scales_leans_and_rests() -> None:
    style = make_style(np.random.default_rng(5))
    course = perform(0, "anger", style)
    assert np.array_equal(course.left, perform(0, "anger", style).left)
    assert not np.allclose(course.left, course.right)


def test_a_person_rests_in_a_way_that_is_a_trace_and_no_signature() -> None:
    style = dataclasses.replace(PLAIN, rest=0.1 * (np.arange(len(UNITS)) < 2))
    quiet = np.array([perform(seed, "neutral", style).left.min(0)[:5] for seed in range(COUNT)])
    own, others = quiet[:, :2].mean(0), quiet[:, 2:].mean(0)
    assert (own > 0.08).all() and (others < 0.03).all()
    assert quiet[:, 0].std() > 0.03, "from day to day it varies"


def test_the_twin_adds_extra_units_more_often() -> None:
    def extra(courses: tuple[Course, ...]) -> float:
        peaks = np.array([c.left.max(0)[[INDEX[u] for u in EXTRAS]] for c in courses if not c.talking])
        return float((peaks > QUIET).any(1).mean())

    assert extra(many("neutral", True)) > 1.5 * extra(many("neutral")) > 0


def test_the_twin_starts_units_one_after_another() -> None:
    def apart(courses: tuple[Course, ...]) -> float:
        spans = []
        for course in courses:
            strong = course.left[:, course.left.max(0) > 0.5]
            if strong.shape[1] > 1 and not course.talking and not course.returns:
                rises = [
                    np.interp(0.5 * c.max(), np.maximum.accumulate(c), np.arange(len(c))) for c in strong.T
                ]
                spans.append(np.std(rises) / course.fps)
        return float(np.mean(spans))

    everyday, twin = apart(many("surprise")), apart(many("surprise", True))
    assert twin > 2 * everyday and everyday < 0.05


def test_an_envelope_rises_once_or_rises_and_falls() -> None:
    seconds = np.linspace(0, 2.5, 200)
    for seed in range(40):
        shape, returns = envelope(np.random.default_rng(seed), seconds, PLAIN)
        assert shape.min() >= 0 and shape.max() <= 1 and shape[0] < 0.1 and shape.max() > 0.9
        if returns:
            assert shape[-1] < shape.max()
        else:
            assert (np.diff(shape) >= 0).all() and shape[-1] > 0.9


def test_wandering_has_the_size_that_is_asked() -> None:
    seconds = np.linspace(0, 200, 4000)
    walk = wander(np.random.default_rng(0), seconds, 2.0, 30)
    assert walk.shape == (4000, 30) and walk.std() == pytest.approx(2.0 / np.sqrt(2), rel=0.1)


def test_blinks_come_at_their_rate() -> None:
    seconds = np.arange(0, 60, 1 / 30)
    shut = blinks(np.random.default_rng(0), seconds, 0.3)
    starts = ((shut[1:] > 0.5) & (shut[:-1] <= 0.5)).sum()
    assert 8 <= starts <= 30 and shut.max() <= 1
    assert not blinks(np.random.default_rng(0), seconds, 0.0).any()
