from __future__ import annotations

import numpy as np
import pytest

from fer_nb import utility
from fer_nb.errors import BadInput
from fer_nb.mime.units import UNITS


def released(strength: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Toy crops (N, 2, 64, 64): a bar whose height says how strong, in a column that says which class."""
    out = np.zeros((len(label), 2, 64, 64), np.uint8)
    for k, (height, column) in enumerate(zip(strength, label, strict=True)):
        out[k, :, 8 : 12 + int(40 * height), 8 + 16 * column : 14 + 16 * column] = 220
    return out


def toy(n: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    strength, label = rng.random(n), rng.integers(1, 4, n)
    units = np.repeat(strength[:, None, None], 2, 1) * np.ones(len(UNITS))
    return released(strength, label), units, label


def test_a_reader_reads_units_and_classes_of_others():
    reader = utility.learn_reader(*toy())
    crops, units, label = toy(40, seed=1)
    seen = utility.edges(crops[:, 0])
    assert (reader.read_label(seen) == label).mean() > 0.9
    assert utility.within_class(reader.read_units(seen), units[:, 0], label) > 0.8


def test_a_label_says_nothing_within_its_class():
    _, units, label = toy(80)
    rng = np.random.default_rng(3)
    by_label = label[:, None] * rng.random(len(UNITS))  # as read from a stock face of the right class
    assert utility.within_class(by_label, units[:, 0], label) == 0.0
    assert utility.within_class(2 * units[:, 0] + label[:, None], units[:, 0], label) == pytest.approx(1.0)


def test_neutral_clips_do_not_count():
    _, units, label = toy(80)
    neutral = label == 1
    wrong = np.where(neutral[:, None], -units[:, 0], units[:, 0])
    assert utility.within_class(wrong, units[:, 0], np.where(neutral, 0, label)) == pytest.approx(1.0)


def test_fidelity_is_a_ratio_with_an_interval():
    _, units, label = toy(80)
    rng, truth = np.random.default_rng(0), units[:, 0]
    good = truth + 0.05 * rng.normal(size=truth.shape)
    poor = truth + 1.0 * rng.normal(size=truth.shape)
    found = utility.ratio(poor, good, truth, label, np.arange(80) // 4, resamples=50)
    assert 0 < found.low < found.value < found.high < 1
    assert utility.ratio(good, good, truth, label, np.arange(80) // 4, resamples=20).value == 1.0


def test_timing_allows_every_frame_of_a_plateau_and_no_blink():
    truth = np.zeros((8, len(UNITS)))
    truth[3:6, 0] = 1
    read = np.zeros_like(truth)
    read[5, 0] = 0.4
    read[0, UNITS.index("AU43")] = 1
    assert utility.timing_error(read, truth) == 0
    late = np.roll(read, 2, axis=0)
    assert utility.timing_error(late, truth) == 2


def test_movement_of_a_blink_is_none():
    units = np.zeros((2, len(UNITS)))
    units[1, UNITS.index("AU43")] = 1
    assert utility.movement(units).tolist() == [0, 0]


def test_the_twelve_units_exist():
    assert len(set(utility.TWELVE)) == 12 and set(utility.TWELVE) <= set(UNITS)


def test_reader_refuses_units_that_do_not_fit():
    crops, units, label = toy(8)
    with pytest.raises(BadInput, match="give"):
        utility.learn_reader(crops, units[:, :1], label)
