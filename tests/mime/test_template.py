"""The resting face is symmetric, of unit size, and a clean surface with three holes."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_nb.mime import template as tm

FLIP = np.array([-1, 1, 1])


def edges() -> list[tuple[int, int]]:
    """Directed edges of all triangles."""
    return [(t[a], t[b]) for t in tm.TRIANGLES.tolist() for a, b in ((0, 1), (1, 2), (2, 0))]


def test_the_mirror_is_its_own_inverse() -> None:
    assert tm.MIRROR.shape == (478,)
    np.testing.assert_array_equal(tm.MIRROR[tm.MIRROR], np.arange(478))
    assert (tm.MIRROR[:468] < 468).all(), "a point of the mesh is the mirror of a point of the mesh"
    assert tm.mirrored(tm.mirrored(tm.UPPER_LID)) == tm.UPPER_LID


def test_rest_is_symmetric_and_outer_eye_corners_are_one_apart() -> None:
    np.testing.assert_allclose(tm.REST[tm.MIRROR] * FLIP, tm.REST, atol=1e-6)
    left, right = tm.REST[33], tm.REST[263]
    np.testing.assert_allclose(np.linalg.norm(left - right), 1, atol=1e-5)
    np.testing.assert_allclose(left + right, 0, atol=1e-5)
    assert left[0] < 0 < right[0], "left is the picture's left"


def test_the_axes_point_right_up_and_to_the_camera() -> None:
    assert tm.REST[152, 1] < tm.REST[14, 1] < tm.REST[1, 1] < tm.REST[10, 1], "chin, lip, nose, forehead"
    assert tm.REST[:468, 2].argmax() in (1, 4), "the nose is nearest"


def test_triangles_are_counter_clockwise_from_the_front() -> None:
    a, b, c = (tm.REST[tm.TRIANGLES[:, k], :2] for k in range(3))
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    assert (ux * vy - uy * vx > -1e-6).all()


def test_each_edge_belongs_to_one_triangle_on_each_side() -> None:
    assert len(edges()) == 3 * 852 and set(tm.TRIANGLES.ravel()) == set(range(468))
    assert max(Counter(edges()).values()) == 1


def test_the_rim_and_the_holes_are_oval_eyes_and_mouth() -> None:
    directed = set(edges())
    border = {point for a, b in directed if (b, a) not in directed for point in (a, b)}
    lids = tm.UPPER_LID + tm.LOWER_LID
    mouth = tm.UPPER_LIP_INNER + tm.LOWER_LIP_INNER
    assert border == set(tm.OVAL) | set(mouth) | set(lids) | set(tm.mirrored(lids))


def test_closed_lips_touch_but_are_far_apart_along_the_skin() -> None:
    along = tm.skin_distance()
    assert along.shape == (468, 468) and np.isfinite(along).all()
    np.testing.assert_allclose(along, along.T)
    assert np.linalg.norm(tm.REST[13] - tm.REST[14]) < 0.02
    assert along[13, 14] > 0.4
    straight = np.linalg.norm(tm.REST[:468, None] - tm.REST[None, :468], axis=-1)
    assert (along >= straight - 1e-9).all(), "no path along the skin is shorter than a straight line"


def test_lip_rows_run_from_the_corner_to_the_midline() -> None:
    for row in tm.LIP_ROWS_UPPER + tm.LIP_ROWS_LOWER:
        x = tm.REST[list(row), 0]
        assert (np.diff(x) > 0).all() and abs(x[-1]) < 1e-6


@settings(max_examples=15, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3))
def test_spread_keeps_what_is_given_and_stays_between(low: float, high: float) -> None:
    out = tm.spread({10: low, 152: high})
    assert out.shape == (468, 1)
    np.testing.assert_allclose(out[[10, 152], 0], [low, high])
    assert out.min() >= min(low, high) - 1e-6 and out.max() <= max(low, high) + 1e-6


def test_spread_of_vectors() -> None:
    out = tm.spread({10: np.array([1.0, -2.0, 0.5]), 152: np.array([1.0, -2.0, 0.5])})
    np.testing.assert_allclose(out, np.tile([1.0, -2.0, 0.5], (468, 1)))
