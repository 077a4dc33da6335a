import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_nb import features
from fer_nb.errors import BadInput
from tests.faces import mesh, smile


def motion_of(points):
    upright = features.neutral_frame(mesh())
    return features.measure(features.align(points, upright)) - features.measure(upright[None])


def turned(points, degrees_in_plane, degrees_yaw, scale):
    a, b = np.deg2rad([degrees_in_plane, degrees_yaw])
    roll = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    yaw = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return scale * points @ (roll @ yaw).T + [30, -20, 5]


@given(st.floats(-40, 40), st.floats(-40, 40), st.floats(0.3, 4))
def test_head_pose_distance_and_place_are_no_motion(roll, yaw, scale):
    assert np.abs(motion_of(turned(mesh(), roll, yaw, scale)[None])).max() < 1e-4


def test_smile_is_seen_through_a_turned_head():
    still, moving = motion_of(smile(5)[None])[0], motion_of(turned(smile(5), 20, 25, 1.5)[None])[0]
    np.testing.assert_allclose(still, moving, atol=1e-4)
    assert still[features.NAMES.index("lip_corner_up_right")] > 0.03
    assert still[features.NAMES.index("lip_corner_up_left")] > 0.03
    assert still[features.NAMES.index("mouth_width")] > 0.06
    assert still[features.NAMES.index("mouth_angle_upper_right")] > 0.02


def test_one_sided_smile_moves_its_own_side_only():
    face = mesh()
    face[61] += [-5, -5, 0]  # 61: left in the picture, the person's right
    moved = motion_of(face[None])[0]
    assert moved[features.NAMES.index("lip_corner_up_right")] > 0.03
    assert abs(moved[features.NAMES.index("lip_corner_up_left")]) < 1e-6


def test_mirror_swaps_sides_and_is_its_own_inverse():
    order = np.array(features.MIRROR)
    assert (order[order] == np.arange(len(order))).all()
    i = features.NAMES.index("brow_inner_up_right")
    assert features.NAMES[order[i]] == "brow_inner_up_left"
    assert order[features.NAMES.index("mouth_width")] == features.NAMES.index("mouth_width")


def test_missing_frames_stay_missing():
    points = np.stack([mesh(), np.full((478, 3), np.nan), mesh()])
    moved = motion_of(points)
    assert np.isnan(moved[1]).all() and np.isfinite(moved[[0, 2]]).all()


def test_neutral_of_nan_is_a_one_line_error():
    with pytest.raises(BadInput) as error:
        features.neutral_frame(np.full((478, 3), np.nan))
    assert "\n" not in str(error.value) and "NaN" in str(error.value)


def test_quiet_frames_are_early_and_still():
    t = np.r_[np.zeros(8), np.linspace(0, 6, 8), np.full(8, 6.0)]
    points = np.stack([smile(a) for a in t])
    chosen = features.quiet_frames(points, np.ones(24, bool), 10.0)
    assert chosen.max() < 8


def test_quiet_frames_skip_frames_without_a_face():
    points = np.stack([mesh()] * 3)
    points[0] = np.nan
    assert features.quiet_frames(points, np.array([False, True, True]), 10.0).tolist() == [1]
    with pytest.raises(BadInput):
        features.quiet_frames(points, np.zeros(3, bool), 10.0)
