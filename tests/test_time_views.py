"""Views take away order and nothing else; degradations take what they say and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import features, time_views
from fer_nb.errors import BadInput
from fer_nb.labels import index
from fer_nb.mime.units import UNITS
from fer_nb.preprocess import FEATURES
from tests.faces import sequence

CORNER = features.NAMES.index("lip_corner_up_right")
RNG = np.random.default_rng


def acted(**options):
    """A smile with true units that rise from a resting level."""
    seen = sequence(**options)
    units = np.full((len(seen), len(UNITS)), 0.1, np.float32)
    units[:, 3] += np.linspace(0, 0.8, len(seen))
    return replace(seen, units=units)


def test_a_track_knows_quiet_apex_label_and_units():
    one = time_views.track(acted())
    assert one.label == index("happiness") and one.apex == 11 and one.quiet < 4
    assert one.units is not None and one.units[0, 3] == pytest.approx(0, abs=0.1)
    assert one.units[-1, 3] == pytest.approx(0.8, abs=0.1) and np.abs(one.units[:, 0]).max() < 1e-6
    assert time_views.track(sequence(), label=2).label == 2


def test_the_mirror_exchanges_the_sides():
    one = time_views.track(sequence())
    left = features.NAMES.index("lip_corner_up_left")
    np.testing.assert_array_equal(one.mirror[:, left], one.motion[:, CORNER])


def test_views_hold_the_same_frames_in_another_order():
    one = time_views.track(acted())
    for name in ("shuffled", "reversed"):
        other = time_views.view(one, name, RNG(0))
        assert not np.array_equal(other.motion, one.motion)
        np.testing.assert_array_equal(np.sort(other.motion, axis=0), np.sort(one.motion, axis=0))
        order = [int(np.flatnonzero((one.motion == row).all(1))[0]) for row in other.motion]
        np.testing.assert_array_equal(other.units, one.units[order])  # units move along
    np.testing.assert_array_equal(time_views.view(one, "reversed", RNG(0)).motion, one.motion[::-1])
    assert time_views.view(one, "ordered", RNG(0)) is one


def test_two_frames_are_the_quietest_and_the_apex():
    one = time_views.track(acted())
    two = time_views.view(one, "two_frame", RNG(0))
    np.testing.assert_array_equal(two.motion, one.motion[[one.quiet, one.apex]])
    x = time_views.inputs([one], name="two_frame")[0]
    assert x[0, CORNER] < x[12, CORNER] < x[23, CORNER]  # a ramp


def test_unknown_view_is_a_one_line_error():
    with pytest.raises(BadInput, match="unknown view 'sideways'"):
        time_views.view(time_views.track(sequence()), "sideways", RNG(0))


def test_inputs_are_the_same_for_a_seed():
    tracks = [time_views.track(sequence()), time_views.track(sequence("fear", amount=9))]
    one, two, three = (time_views.inputs(tracks, name="shuffled", seed=s) for s in (0, 0, 1))
    assert one.shape == (2, 24, FEATURES)
    assert torch.equal(one, two) and not torch.equal(one, three)


@pytest.mark.parametrize("name", time_views.VIEWS)
def test_samples_vary_around_the_clip(name):
    one = time_views.track(acted())
    spread = time_views.spread_of([one])
    drawn = [time_views.sample(one, RNG(k), spread, name=name) for k in range(40)]
    assert all(x.shape == (24, FEATURES) and np.isfinite(x).all() for x, _ in drawn)
    assert all(u.shape == (24, len(UNITS)) for _, u in drawn)
    top = np.array([x[:, CORNER].max() for x, _ in drawn])
    assert 0.3 < np.median(top) / one.motion[:, CORNER].max() < 1.4 and top.std() > 0
    # The units keep pace with the motion: where one is strong, the other is.
    assert np.corrcoef(top, [u[:, 3].max() for _, u in drawn])[0, 1] > 0.7


def test_batches_hold_every_clip_and_units_on_demand():
    tracks = [time_views.track(acted()), time_views.track(acted(label="fear"))]
    spread = time_views.spread_of(tracks)
    plain = list(time_views.batches(tracks, RNG(0), spread=spread, size=3))
    assert [len(y) for _, y in plain] == [3, 1]
    assert sorted(torch.cat([y for _, y in plain]).tolist()) == [3, 3, 4, 4]
    ((x, y, u),) = time_views.batches(tracks, RNG(0), spread=spread, with_units=True)
    assert x.shape[:2] == u.shape[:2] == (4, 24) and u.shape[2] == len(UNITS) and len(y) == 4


def test_lost_frames_are_counted():
    seen = sequence(frames=20)
    harmed = time_views.drop_frames(seen, 0.5, RNG(0))
    assert 3 < harmed.found.sum() < 17 and len(harmed) == 20 and seen.found.all()
    assert time_views.drop_frames(seen, 1.1, RNG(0)) is None
    np.testing.assert_array_equal(time_views.drop_frames(seen, 0.0, RNG(0)).motion, seen.motion)


def test_jitter_has_the_stated_size():
    seen = sequence()
    harmed = time_views.jitter(seen, 0.02, RNG(0))
    apart = np.linalg.norm(seen.points[0, 33] - seen.points[0, 263])
    assert np.std(harmed.points - seen.points) == pytest.approx(0.02 * apart, rel=0.05)


def test_short_and_slow_clips():
    seen = acted(frames=20)
    short, slow = time_views.shorten(seen, 0.5, RNG(0)), time_views.thin(seen, 3, RNG(0))
    assert len(short) == 10 and short.fps == seen.fps and len(short.units) == 10
    assert len(slow) in (6, 7) and slow.fps == pytest.approx(seen.fps / 3)
    starts = {float(time_views.shorten(seen, 0.3, RNG(k)).points[0, 61, 0]) for k in range(20)}
    assert len(starts) > 5  # any stretch, not always the same
    assert len(time_views.shorten(seen, 0.0, RNG(0))) == 2 and len(time_views.thin(seen, 50, RNG(0))) == 1
