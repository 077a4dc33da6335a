"""Each action unit moves what it should, on the side it should, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_nb.mime import template as tm
from fer_nb.mime.units import (
    INDEX,
    JAW_DEGREES,
    JAW_HINGE,
    NAMES,
    UNITS,
    deform,
    fields,
    jaw_weight,
    lid_field,
)

NONE = np.zeros(len(UNITS))
MOUTH = list(tm.UPPER_LIP_OUTER + tm.LOWER_LIP_OUTER + tm.UPPER_LIP_INNER + tm.LOWER_LIP_INNER)


def amounts(**units: float) -> np.ndarray:
    out = NONE.copy()
    for name, amount in units.items():
        out[INDEX[name]] = amount
    return out


def moved(**units: float) -> np.ndarray:
    """Displacement (478, 3) of the resting template with both sides alike."""
    return deform(tm.REST, amounts(**units), amounts(**units)) - tm.REST


def test_names_and_numbers_fit() -> None:
    assert tuple(NAMES) == UNITS and [INDEX[name] for name in UNITS] == list(range(len(UNITS)))
    assert fields().shape == (len(UNITS), 2, 468, 3)


def test_no_units_no_motion() -> None:
    np.testing.assert_array_equal(deform(tm.REST, NONE, NONE), tm.REST)


def test_the_face_given_is_left_alone() -> None:
    face = tm.REST.copy()
    deform(face, amounts(AU27=1), amounts(AU27=1))
    np.testing.assert_array_equal(face, tm.REST)


@pytest.mark.parametrize("unit", [u for u in UNITS if u not in JAW_DEGREES])
def test_every_unit_moves_something_and_is_symmetric(unit: str) -> None:
    shift = moved(**{unit: 1.0})[:468]
    assert np.abs(shift).max() > 0.01
    np.testing.assert_allclose(shift[tm.MIRROR[:468]] * [-1, 1, 1], shift, atol=1e-9)


def test_smile_raises_and_widens_both_lip_corners_alike() -> None:
    shift = moved(AU12=1)
    assert shift[61, 1] > 0.05 and shift[61, 1] == pytest.approx(shift[291, 1])
    assert shift[61, 0] < -0.05 and shift[61, 0] == pytest.approx(-shift[291, 0])


def test_frown_lowers_the_lip_corners() -> None:
    assert moved(AU15=1)[[61, 291], 1].max() < -0.05


@pytest.mark.parametrize("unit", ["AU1", "AU2", "AU4", "AU5"])
def test_the_brows_do_not_move_the_mouth(unit: str) -> None:
    shift = np.linalg.norm(moved(**{unit: 1.0})[:468], axis=1)
    assert shift[MOUTH].max() < 0.02 * shift.max()


def test_brows_rise_and_sink() -> None:
    inner, outer = [107, 336], [70, 300]
    assert moved(AU1=1)[inner, 1].min() > 2 * abs(moved(AU1=1)[outer, 1]).max()
    assert moved(AU2=1)[outer, 1].min() > 0.03
    assert moved(AU4=1)[inner, 1].max() < -0.02
    assert moved(AU4=1)[55, 0] > 0.01, "and the brows draw together"


def test_the_jaw_leaves_the_upper_lip_and_takes_the_chin() -> None:
    weight = jaw_weight()
    assert weight.min() >= -1e-9 and weight.max() <= 1 + 1e-9
    shift = moved(AU26=1)
    assert np.abs(shift[[0, 11, 12, 13, 1, 33, 10]]).max() < 1e-9
    assert shift[14, 1] < -0.05 and shift[152, 1] < -0.05
    assert moved(AU27=1)[152, 1] < 1.5 * shift[152, 1], "AU27 opens wider"


def test_what_hangs_on_the_jaw_turns_about_its_hinge() -> None:
    arm = lambda face: np.linalg.norm((face - JAW_HINGE)[:, 1:], axis=1)  # noqa: E731
    hanging = np.flatnonzero(jaw_weight() == 1)
    turned = tm.REST + moved(AU27=1)
    np.testing.assert_allclose(arm(turned)[hanging], arm(tm.REST)[hanging], atol=1e-9)
    assert len(hanging) > 20


def test_the_jaw_opens_no_wider_than_it_can() -> None:
    np.testing.assert_allclose(moved(AU26=1.2, AU27=1.2), moved(AU26=5, AU27=5))


def test_closed_eyes_bring_the_lids_together() -> None:
    for up, low in ((tm.UPPER_LID, tm.LOWER_LID), (tm.mirrored(tm.UPPER_LID), tm.mirrored(tm.LOWER_LID))):
        face = tm.REST + moved(AU43=1)
        open_ = np.linalg.norm((tm.REST[list(up)] - tm.REST[list(low)])[1:-1, :2], axis=1)
        shut = np.linalg.norm((face[list(up)] - face[list(low)])[1:-1, :2], axis=1)
        assert (shut < 0.1 * open_).all()
    assert np.abs(lid_field()[list(tm.BROW_TOP)]).max() == 0


def test_wider_and_narrower_eyes() -> None:
    gap = lambda shift: shift[159, 1] - shift[145, 1]  # noqa: E731
    assert gap(moved(AU5=1)) > 0.02 and gap(moved(AU7=1)) < -0.02


@pytest.mark.parametrize(("left", "side"), [(True, -1), (False, 1)])
def test_one_side_moves_alone(left: bool, side: int) -> None:
    smile = amounts(AU12=1, AU2=1)
    shift = np.linalg.norm(deform(tm.REST, *((smile, NONE) if left else (NONE, smile))) - tm.REST, axis=1)
    mine, other = (61, 291) if left else (291, 61)
    assert shift[mine] > 0.1 > 10 * shift[other]
    far = np.flatnonzero(tm.REST[:468, 0] * side < -0.35)
    assert shift[far].max() < 0.1 * shift.max()


def test_sides_are_mirror_images() -> None:
    smile = amounts(AU12=0.7, AU4=0.4, AU43=0.5)
    left, right = deform(tm.REST, smile, NONE), deform(tm.REST, NONE, smile)
    np.testing.assert_allclose(left[tm.MIRROR[:468]] * [-1, 1, 1], right[:468], atol=1e-6)


LINEAR = st.lists(
    st.tuples(st.sampled_from([u for u in UNITS if u not in JAW_DEGREES]), st.floats(0, 1)), max_size=4
)


@settings(max_examples=25, deadline=None)
@given(LINEAR, LINEAR, st.floats(0, 1))
def test_units_other_than_the_jaw_add_up(
    one: list[tuple[str, float]], two: list[tuple[str, float]], share: float
) -> None:
    a, b = amounts(**dict(one)), amounts(**dict(two))
    apart = share * (deform(tm.REST, a, a) - tm.REST) + (deform(tm.REST, b, b) - tm.REST)
    both = share * a + b
    np.testing.assert_allclose(deform(tm.REST, both, both) - tm.REST, apart, atol=1e-9)
