"""Sure and right: bins, the error that torchmetrics computes, and temperatures of other people."""

import numpy as np
import pytest

from fer_nb import reliability as rel
from fer_nb.calibration import scale
from fer_nb.errors import BadInput


def toy(temperature, n=3000, seed=0):
    """Logits whose honest temperature is known."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n, 5))
    y = np.array([rng.choice(5, p=p) for p in scale(z, 1.0)])
    return z * temperature, y, [f"p{i // 30}" for i in range(n)]


def test_bins_hold_every_answer_once_and_the_top_one_too():
    p = np.array([[1.0, 0.0], [0.5, 0.5], [0.05, 0.95]])
    found = rel.reliability(p, np.array([0, 1, 1]))
    assert found.count.sum() == 3 and found.count[9] == 2 and found.accuracy[9] == 1
    assert np.isnan(found.accuracy[0]) and found.confidence[9] == pytest.approx(0.975)


def test_error_is_that_of_the_bins():
    z, y, _ = toy(2.0)
    p = scale(z, 1.0)
    bins = rel.reliability(p, y)
    seen = bins.count > 0
    by_hand = (np.abs(bins.confidence - bins.accuracy)[seen] * bins.count[seen]).sum() / len(y)
    assert rel.ece(p, y) == pytest.approx(by_hand, abs=1e-3)


def test_temperatures_mend_what_is_too_sure():
    z, y, who = toy(3.0)
    t = rel.cross_fitted(z, y, who)
    assert np.allclose(t, 3.0, atol=0.4) and len(set(t.round(6))) == 5
    assert rel.ece(rel.scaled(z, t), y) < 0.04 < 0.1 < rel.ece(scale(z, 1.0), y)


def test_no_temperature_has_seen_its_own_person():
    z, y, who = toy(1.0, n=300)
    first = np.array(who) == who[0]
    other = y.copy()
    other[first] = (y[first] + 1) % 5  # other labels for one person
    before, after = rel.cross_fitted(z, y, who), rel.cross_fitted(z, other, who)
    assert np.array_equal(before[first], after[first]) and not np.array_equal(before, after)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: rel.reliability(np.zeros((0, 2)), np.zeros(0)),
        lambda: rel.ece(np.ones((2, 2)), np.zeros(3, int)),
        lambda: rel.cross_fitted(np.ones((4, 2)), np.zeros(4, int), ["a", "a", "b", "b"]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(BadInput):
        wrong()
