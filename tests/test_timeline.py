from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fer_nb.labels import LABELS
from fer_nb.timeline import named, segments


def course(text):
    """One letter a tick: n neutral, h happiness, a anger, . no face."""
    rows = {"n": 0, "h": LABELS.index("happiness"), "a": LABELS.index("anger")}
    out = np.full((len(text), 7), np.nan)
    for k, letter in enumerate(text):
        if letter != ".":
            out[k] = 0.02
            out[k, rows[letter]] = 0.88
    return out


def story(text, tick=0.1):
    ticks = tick * np.arange(len(text))
    return [
        (s["label"], s["start"], s["end"]) for s in segments(ticks, course(text), seconds=tick * len(text))
    ]


def test_three_stretches():
    assert [label for label, *_ in story("nnnnnhhhhhnnnnn")] == ["neutral", "happiness", "neutral"]


def test_a_flicker_is_absorbed():
    assert [label for label, *_ in story("nnnnnnhhnnnnnn")] == ["neutral"]
    assert [label for label, *_ in story("nnnnnnahhhhhhh")] == ["neutral", "happiness"]


def test_stretches_without_a_face_have_no_label():
    told = story("hhhhh.....hhhhh")
    assert [label for label, *_ in told] == ["happiness", None, "happiness"]
    assert story("....") == [(None, 0.0, 0.4)]


def test_one_tick():
    assert story("h") == [("happiness", 0.0, 0.1)]


@given(arrays(int, st.integers(1, 60), elements=st.integers(-1, 6)))
def test_segments_cover_the_clip_without_gaps(names):
    p = np.where(names[:, None] >= 0, 0.9 * np.eye(7)[names] + 0.1 / 7, np.nan)
    told = segments(0.1 * np.arange(len(names)), p, seconds=0.1 * len(names))
    assert told[0]["start"] == 0 and told[-1]["end"] == pytest.approx(0.1 * len(names), abs=1e-3)
    for before, after in pairwise(told):
        assert before["end"] == after["start"] and before["label"] != after["label"]
    for s in told:
        assert s["end"] > s["start"]
        if s["label"] is None:
            assert s["probabilities"] is None
        else:
            assert sum(s["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_named():
    assert named(None) is None
    assert list(named(np.eye(7)[0])) == list(LABELS)
