"""Region-wise codes: each region speaks of its own landmarks only, mirror images included."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import features, regions
from fer_nb.errors import BadInput
from fer_nb.experiments.temporal_variants import components
from fer_nb.mime.template import MIRROR
from tests.faces import sequence


def varied() -> list:
    """Smiles of several sizes with a little noise, so that there are components to find."""
    rng = np.random.default_rng(0)
    seen = [sequence("happiness", amount=a) for a in (2.0, 5.0, 8.0)]
    for one in seen:
        one.points[:] += rng.normal(0, 0.3, one.points.shape).astype(np.float32)
    return seen


def test_there_are_as_many_numbers_as_named_measures():
    assert sum(regions.PARTS.values()) == len(features.NAMES)
    assert regions.PARTS.keys() == regions.REGIONS.keys()


def test_regions_are_symmetric_and_apart():
    every = [p for points in regions.REGIONS.values() for p in points]
    assert len(every) == len(set(every)) and max(every) < 468
    for points in regions.REGIONS.values():
        assert {int(MIRROR[p]) for p in points} == set(points)


def test_a_smile_speaks_in_the_mouth_alone():
    train = varied()
    codes = regions.fit_codes(train, components)
    moved = np.zeros((1, 478, 2))
    moved[0, list(regions.REGIONS["mouth"])] = 0.1
    change = (codes.apply(moved) - codes.apply(np.zeros((1, 478, 2))))[0]
    parts = np.split(change, np.cumsum(list(regions.PARTS.values()))[:-1])
    sizes = dict(zip(regions.PARTS, (np.abs(p).max() for p in parts), strict=True))
    assert sizes["mouth"] > 0.1 and max(v for k, v in sizes.items() if k != "mouth") < 1e-6


def test_codes_equal_those_of_the_library():
    from sklearn.decomposition import PCA

    train = varied()
    codes = regions.fit_codes(train, components)
    rows = np.concatenate([regions.movement(s) for s in train])
    both = np.concatenate(
        [m for s in train for m in (regions.movement(s), regions.mirrored(regions.movement(s)))]
    )
    points = list(regions.REGIONS["brows"])
    flat = both[:, points].reshape(len(both), -1)
    fitted = PCA(regions.PARTS["brows"], random_state=0).fit(flat)
    expected = fitted.transform(rows[:, points].reshape(len(rows), -1))
    np.testing.assert_allclose(codes.apply(rows)[:, : regions.PARTS["brows"]], expected, atol=1e-5)


def test_a_coded_sequence_keeps_all_but_its_motion():
    train = varied()
    codes = regions.fit_codes(train, components)
    one, other = (regions.coded(train[0], codes, mirror=mirror) for mirror in (False, True))
    assert one.motion.shape == (12, codes.width) and one.motion.dtype == np.float32
    assert one.label == train[0].label and one.apex == train[0].apex
    assert not np.allclose(one.motion, other.motion)


def test_frames_without_a_face_stay_empty():
    train = varied()
    codes = regions.fit_codes(train, components)
    train[0].points[3] = np.nan
    assert np.isnan(regions.coded(train[0], codes).motion[3]).all()


def test_nothing_to_fit_is_a_one_line_error():
    with pytest.raises(BadInput, match="no frame with a face"):
        regions.fit_codes([], components)
