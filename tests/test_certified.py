from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from fer_nb import certified
from fer_nb.certified import ABSTAIN, Certificate
from fer_nb.errors import BadInput


class Half(nn.Module):
    """Class 1 where w.x > b: the smoothed model's true radius is |w.x - b| / |w|."""

    def __init__(self, w: torch.Tensor, b: float) -> None:
        super().__init__()
        self.register_buffer("w", w)
        self.b = b

    def forward(self, x):
        z = x.flatten(1) @ self.w - self.b
        return torch.stack([torch.zeros_like(z), z], 1)


def plane(distance: float) -> tuple[Half, torch.Tensor]:
    """A plane at a known distance from a grey image, which lies on the side of class 1."""
    w = torch.randn(16, generator=torch.Generator().manual_seed(0))
    x = torch.full((1, 1, 4, 4), 0.5)
    return Half(w, float(x.flatten() @ w - distance * w.norm())).eval(), x


@pytest.mark.parametrize(("distance", "sigma"), [(0.1, 0.25), (0.3, 0.25), (0.4, 0.5)])
def test_radius_of_a_linear_model_is_its_distance(distance, sigma):
    model, x = plane(distance)
    (found,) = certified.certify(model, x, sigma=sigma, n=10_000, size=5000)
    assert found.label == 1
    assert found.radius <= distance  # certified no more than is true (alpha = 0.001, fixed seed)
    assert found.radius > 0.85 * distance


def test_certificates_are_wrong_no_more_often_than_alpha_says():
    model, x = plane(0.05)
    many = certified.certify(model, x.expand(200, -1, -1, -1), sigma=0.25, n0=20, n=200, alpha=0.1, size=1000)
    wrong = np.mean([c.label != ABSTAIN and (c.label != 1 or c.radius > 0.05) for c in many])
    assert wrong < 0.15  # Clopper-Pearson promises at most 0.1


def test_abstains_where_the_classes_are_even():
    model, x = plane(0.0)
    found = certified.certify(model, x.expand(20, -1, -1, -1), sigma=0.25, n0=50, n=500)
    assert sum(c.label == ABSTAIN for c in found) >= 19
    assert all(c.radius == 0 for c in found if c.label == ABSTAIN)


def test_lower_bound_is_the_beta_quantile():
    for hits, n in ((1, 10), (60, 100), (9_990, 10_000)):
        expected = stats.beta.ppf(0.001, hits, n - hits + 1)
        np.testing.assert_allclose(certified.lower_bound(hits, n, 0.001), expected, rtol=1e-6)
    assert certified.lower_bound(0, 10, 0.001) == 0
    # the largest radius that can be had at all at the protocol's numbers
    best = 0.25 * stats.norm.ppf(certified.lower_bound(10_000, 10_000, 0.001))
    assert 0.79 < best < 0.81


def test_counts_add_up_and_the_seed_repeats():
    model, x = plane(0.1)
    counts = certified.noise_counts(
        model, x[0], sigma=0.5, n=333, generator=torch.Generator().manual_seed(0), size=100
    )
    assert counts.sum() == 333
    expected = 333 * stats.norm.cdf(0.1 / 0.5)
    assert abs(counts[1] - expected) < 4 * np.sqrt(333) / 2
    first, again = (certified.certify(model, x, sigma=0.5, n0=10, n=50, seed=2) for _ in range(2))
    assert first == again
    both = certified.certify(model, x.expand(2, -1, -1, -1), sigma=0.5, n0=10, n=50, seed=2)
    second = certified.certify(model, x, sigma=0.5, n0=10, n=50, seed=2, first=1)
    assert both == first + second and first != second


def test_accuracy_counts_abstention_and_short_radii_as_errors():
    given = [Certificate(2, 0.6, 0.9), Certificate(2, 0.2, 0.6), Certificate(ABSTAIN, 0, 0.5)]
    assert certified.certified_accuracy(given, [2, 2, 2], 0.0) == pytest.approx(2 / 3)
    assert certified.certified_accuracy(given, [2, 2, 2], 0.5) == pytest.approx(1 / 3)
    assert certified.certified_accuracy(given, [1, 2, 2], 0.5) == 0
    with pytest.raises(BadInput, match="align"):
        certified.certified_accuracy(given, [1], 0.5)


def test_table_holds_the_corner_of_the_box():
    corner = torch.full((64, 64), 8 / 255)
    assert certified.l2_of_linf(8, 64 * 64) == pytest.approx(float(corner.norm()), rel=1e-5)


def test_noisy_changes_only_the_images():
    torch.manual_seed(0)
    x, y, u = torch.full((3, 1, 32, 32), 0.5), torch.arange(3), torch.rand(3, 2)
    ((noised, labels, units),) = certified.noisy(lambda rng: [(x, y, u)], 0.25)(np.random.default_rng(0))
    assert labels is y and units is u
    assert float((noised - x).std()) == pytest.approx(0.25, rel=0.1) and noised.min() < 0


@pytest.mark.parametrize("wrong", [{"sigma": 0}, {"sigma": 1, "n": 0}, {"sigma": 1, "alpha": 1.0}])
def test_bad_numbers_are_refused(wrong):
    model, x = plane(0.1)
    with pytest.raises(BadInput, match="smoothing"):
        certified.certify(model, x, **wrong)
    with pytest.raises(BadInput, match="training mode"):
        certified.certify(model.train(), x, sigma=1)
