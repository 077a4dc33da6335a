"""The timing pairs: the same levels in another order, and no bag of frames that tells them apart."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fer_nb.clips import Clip
from fer_nb.errors import BadInput
from fer_nb.mime import timing
from fer_nb.mime.packing import encode
from fer_nb.mime.people import make_style
from fer_nb.mime.units import INDEX, UNITS


def course(kind: str, draw: int):
    """One performance; the clips of a pair share the draw."""
    same, own = np.random.default_rng([draw, 0]), np.random.default_rng([draw, timing.KINDS.index(kind), 1])
    style = make_style(np.random.default_rng(draw))
    return timing.make_course(kind, same, own, style, np.zeros(3), 0.5)


@pytest.mark.parametrize("pair", timing.PAIRS)
def test_the_twins_are_permutations_of_each_other(pair):
    for draw in range(30):
        one, other = (timing.levels(kind, np.random.default_rng(draw)) for kind in timing.PAIRS[pair])
        assert 18 <= len(one) <= 28 and one.min() == 0 and one.max() == 1
        np.testing.assert_array_equal(np.sort(one), np.sort(other))
        assert not np.array_equal(one, other)
        for levels in (one, other):  # rest at both ends, so that the neutral reference is clean
            assert (levels[:4] == 0).all() and (levels[-4:] == 0).all()


def test_each_kind_does_what_its_name_says():
    springs, grows, twice, once = (timing.levels(kind, np.random.default_rng(1)) for kind in timing.KINDS)
    np.testing.assert_array_equal(springs, grows[::-1])
    assert np.diff(springs).max() > 2 * -np.diff(springs).min()  # up faster than down
    starts = [int(((x[:-1] < 0.5) & (x[1:] >= 0.5)).sum()) for x in (twice, once)]
    assert starts == [2, 1]
    np.testing.assert_array_less(np.abs(np.diff(once)).max(), np.abs(np.diff(twice)).max())


def test_unknown_kind_is_a_one_line_error():
    with pytest.raises(BadInput, match="unknown kind 'blinks'"):
        timing.levels("blinks", np.random.default_rng(0))


def test_the_twins_differ_in_nothing_but_order_and_small_motion():
    for kind, twin in timing.PAIRS.values():
        one, other = course(kind, 3), course(twin, 3)
        assert one.fps == other.fps and one.strength == other.strength and len(one.left) == len(other.left)
        acting = np.ptp(one.left, axis=0) > 0.3
        acting[INDEX["AU43"]] = False  # a blink
        assert acting.any()
        gap = np.sort(one.left[:, acting], axis=0) - np.sort(other.left[:, acting], axis=0)
        assert np.abs(gap).max() < 0.3  # rest and restlessness are drawn anew
        assert one.left.shape[1] == len(UNITS) and one.left.max() <= 1.2


@pytest.mark.parametrize("pair", timing.PAIRS)
def test_ordered_frames_tell_the_twins_apart_and_a_bag_of_frames_does_not(pair):
    """A learner that sees sorted levels is at chance; the same learner that sees them in order is not."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.model_selection import GroupKFold, cross_val_score

    unit = INDEX["AU12" if pair == "onset" else "AU1"]
    ordered, bags, kinds, draws = [], [], [], []
    for draw in range(60):
        for kind in timing.PAIRS[pair]:
            x = course(kind, draw).left[:, unit]
            x, at = x / x.max(), np.linspace(0, len(x) - 1, 24)
            ordered.append(np.interp(at, np.arange(len(x)), x))
            # Sorted before resampling: steps between frames would betray how steep the rise was.
            bags.append(np.interp(at, np.arange(len(x)), np.sort(x)))
            kinds.append(kind)
            draws.append(draw)
    learner = ExtraTreesClassifier(30, random_state=0)
    scores = {
        name: cross_val_score(learner, seen, kinds, groups=draws, cv=GroupKFold(3)).mean()
        for name, seen in (("ordered", ordered), ("bag", bags))
    }
    assert scores["ordered"] > 0.95 and 0.35 < scores["bag"] < 0.65


# ---------------------------------------------------------------- clips and their cache


@pytest.fixture
def quick(monkeypatch, cache_folder):
    """No rendering: black frames, and a count of the people who were filmed."""
    filmed: list[int] = []

    def dressed(block, person, session, shifted=False):
        filmed.append(person)
        style = make_style(np.random.default_rng(person))
        scene = SimpleNamespace(pose=np.zeros(3), sway=0.5, glasses=None)
        return SimpleNamespace(person=SimpleNamespace(style=style), scene=scene)

    def film(model, course, rng):
        frames = [
            encode(np.full((8, 8, 3), int(200 * v), np.uint8), 90) for v in course.left.max(1).clip(0, 1)
        ]
        return frames, np.zeros((len(frames), 478, 3), np.float32)

    monkeypatch.setattr(timing.blocks, "dressed", dressed)
    monkeypatch.setattr(timing.blocks, "film", film)
    return filmed


def read(**options) -> list[Clip]:
    return timing.clips("fit", **{"people": 2, "workers": 1, "progress": False, **options})


def test_four_kinds_for_each_person_and_session(quick):
    clips = read(sessions=(0, 1))
    assert [timing.kind_of(c) for c in clips] == list(timing.KINDS) * 4
    assert [c.subject for c in clips[:8:4]] == ["mime-v2/fit/0000", "mime-v2/fit/0001"]
    assert [c.label for c in clips[:4]] == ["happiness", "happiness", "surprise", "surprise"]
    assert clips[0].source == "mime-v2/fit/0000/s0/timing/springs"
    assert len({c.source for c in clips}) == len(clips)
    assert len(clips[0]) == len(clips[1]) and len(clips[2]) == len(clips[3])  # twins are equally long


def test_clips_are_kept_and_made_again_only_when_damaged(quick):
    first = read()
    made = len(quick)
    again = read()
    assert len(quick) == made
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.units, other.units)
        np.testing.assert_array_equal(one.frames[3], other.frames[3])
    timing.cache_file("fit", 0, 0, False).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="damaged"):
        assert len(read()) == 8
    assert len(quick) > made


def test_shifted_clips_say_so(quick):
    (clip, *_) = read(people=1, shifted=True)
    assert clip.source.endswith("/shift") and clip.conditions["shifted"]


def test_the_cache_follows_the_code():
    assert timing.version().startswith("mime-v2-") and timing.cache_file("fit", 5, 1, True).parts[-2:] == (
        "fit-shift-session1", "people-0005.npz",
    )  # fmt: skip


def test_what_cannot_be_is_a_one_line_error(quick):
    for options in ({"people": 0}, {"people": 401}, {"sessions": (7,)}):
        with pytest.raises(BadInput, match="people and sessions"):
            read(**options)
    with pytest.raises(BadInput, match="no timing clip"):
        timing.kind_of(Clip(np.zeros((2, 4, 4, 3), np.uint8), 10.0, source="mime-v2/fit/0000/s0/fear"))
