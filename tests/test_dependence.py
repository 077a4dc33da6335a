"""Prices on what a code carries: zero or small for independent batches, one for copies, always a slope."""

from __future__ import annotations

import pytest
import torch

from fer_nb.dependence import distance_correlation, divergence, hsic
from fer_nb.errors import BadInput

MEASURES = [distance_correlation, hsic]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_copy_is_wholly_dependent_and_noise_hardly(measure):
    x, other = torch.randn(200, 3), torch.randn(200, 3)
    assert measure(x, 2 * x + 5).item() == pytest.approx(1, abs=1e-3)
    assert 0 <= measure(x, other).item() < 0.2


@pytest.mark.parametrize("measure", MEASURES)
def test_what_no_correlation_sees_is_seen(measure):
    x = torch.linspace(-1, 1, 100)[:, None]
    assert abs(torch.corrcoef(torch.cat([x, x**2], 1).T)[0, 1].item()) < 1e-3
    assert measure(x, x**2).item() > 0.15


@pytest.mark.parametrize("measure", MEASURES)
def test_the_slope_is_finite_even_for_equal_rows(measure):
    h = torch.zeros(4, 2, requires_grad=True)
    measure(torch.rand(4, 1, 2, 2), h).backward()
    assert torch.isfinite(h.grad).all()


@pytest.mark.parametrize("measure", MEASURES)
def test_one_picture_depends_on_nothing(measure):
    with pytest.raises(BadInput, match="two or more"):
        measure(torch.rand(1, 2), torch.rand(1, 2))


def test_rate_is_the_divergence_from_a_standard_normal():
    mean, spread = torch.tensor([[1.0]]), torch.tensor([[0.5]])
    normal = torch.distributions.Normal
    truth = torch.distributions.kl_divergence(normal(1.0, (spread / 2).exp()), normal(0.0, 1.0))
    assert divergence(mean, spread).item() == pytest.approx(truth.item())
