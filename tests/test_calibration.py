import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torchmetrics.functional.classification import multiclass_calibration_error

from fer_nb import calibration
from fer_nb.errors import BadInput


def overconfident(n: int = 4000, factor: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose true temperature is `factor`."""
    rng = np.random.default_rng(1)
    z = 2 * rng.normal(size=(n, 7))
    y = np.array([rng.choice(7, p=p) for p in calibration.scale(z, 1.0)])
    return factor * z, y


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_true_temperature_is_found(factor):
    z, y = overconfident(factor=factor)
    assert calibration.fit_temperature(z, y) == pytest.approx(factor, rel=0.1)


def test_no_other_temperature_is_more_likely():
    z, y = overconfident(n=500)
    best = calibration.fit_temperature(z, y)
    tried = (best, 0.9 * best, 1.1 * best)
    cost = [float(cross_entropy(torch.tensor(z / t), torch.tensor(y))) for t in tried]
    assert cost[0] == min(cost)


def test_scaling_lowers_the_calibration_error_and_keeps_every_answer():
    z, y = overconfident()

    def error(p: np.ndarray) -> float:
        return float(multiclass_calibration_error(torch.tensor(p), torch.tensor(y), num_classes=7, n_bins=15))

    before = calibration.scale(z, 1.0)
    after = calibration.scale(z, calibration.fit_temperature(z, y))
    assert error(after) < 0.3 * error(before)
    np.testing.assert_array_equal(before.argmax(1), after.argmax(1))
    np.testing.assert_allclose(after.sum(1), 1)


def test_bad_input_says_what_to_give():
    with pytest.raises(BadInput, match="positive"):
        calibration.scale(np.zeros(7), 0.0)
    with pytest.raises(BadInput, match="N >= 1"):
        calibration.fit_temperature(np.zeros((0, 7)), np.zeros(0, int))
    with pytest.raises(BadInput, match=r"\(5,\)"):
        calibration.fit_temperature(np.zeros((4, 7)), np.zeros(5, int))
