"""Per-person gradients, clipping, noise and its price, checked against autograd, Opacus and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb.errors import BadInput
from fer_nb.private_training import (
    PrivatePlan,
    SmallNet,
    clipped,
    epsilon_of,
    fit_private,
    gradients,
    noise_for,
    person_epsilon,
    renyi,
)


def toy(units: int = 6, each: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(units, each, 1, 64, 64), torch.randint(0, 7, (units, each))


def test_gradients_are_those_of_one_person_at_a_time():
    net = SmallNet(width=4)
    x, y = toy(3)
    each = gradients(net, x, y)
    for person in range(3):
        net.zero_grad()
        nn.functional.cross_entropy(net(x[person]), y[person]).backward()
        for name, p in net.named_parameters():
            assert torch.allclose(each[name][person], p.grad, atol=1e-5), name


def test_nobody_pulls_more_than_the_bound():
    each = gradients(SmallNet(width=4), *toy(1))
    for bound in (0.1, 1e6):
        total = clipped(each, bound)
        length = math.sqrt(sum(float(g.square().sum()) for g in total.values()))
        assert length <= bound * 1.0001
    own = math.sqrt(sum(float(g.square().sum()) for g in each.values()))
    assert length == pytest.approx(own, rel=1e-5)  # a short gradient is left as it is


def test_batchnorm_is_refused():
    with pytest.raises(BadInput, match="GroupNorm"):
        gradients(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), torch.rand(2, 2, 3), torch.zeros(2, 2))


def test_a_training_without_noise_learns_and_one_drowned_in_it_does_not():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, 2, generator=rng)
    y = (x[..., 0] > 0).long()
    quiet = PrivatePlan(noise=0.0, rate=1.0, steps=30, learning_rate=2.0)
    loud = PrivatePlan(noise=200.0, rate=0.5, steps=30, learning_rate=2.0)
    hits = [float((fit_private(nn.Linear(2, 2), x, y, p)(x).argmax(-1) == y).float().mean())
            for p in (quiet, loud)]  # fmt: skip
    assert hits[0] > 0.95 > hits[1]


def test_a_step_in_which_nobody_is_drawn_is_only_noise():
    net = nn.Linear(2, 2)
    before = net.weight.detach().clone()
    fit_private(net, torch.rand(2, 1, 2), torch.zeros(2, 1, dtype=torch.long),
                PrivatePlan(noise=1.0, rate=1e-9, steps=1, learning_rate=1e-9))  # fmt: skip
    assert torch.isfinite(net.weight).all() and not torch.equal(net.weight, before)


def test_trainings_with_one_seed_are_alike():
    x, y = torch.rand(5, 2, 3), torch.zeros(5, 2, dtype=torch.long)
    made = []
    for _ in range(2):
        torch.manual_seed(0)
        made.append(fit_private(nn.Linear(3, 2), x, y, PrivatePlan(noise=1.0, steps=3)).weight)
    assert torch.equal(*made)


@pytest.mark.parametrize("wrong", [{"noise": -1.0}, {"noise": 1.0, "rate": 0.0}, {"noise": 1.0, "clip": 0.0}])
def test_plans_that_mean_nothing_are_refused(wrong):
    with pytest.raises(BadInput, match="private plan"):
        PrivatePlan(**wrong)
    with pytest.raises(BadInput, match="give as many"):
        fit_private(nn.Linear(1, 2), torch.rand(2, 1, 1), torch.zeros(3, 1), PrivatePlan(noise=1.0))


# ---------------------------------------------------------------- counting


def test_without_privacy_no_noise_and_without_noise_no_privacy():
    assert noise_for(math.inf, delta=1e-3, rate=1.0, steps=10) == 0.0
    assert epsilon_of(0.0, delta=1e-3, rate=1.0, steps=10) == math.inf
    with pytest.raises(BadInput, match="positive"):
        noise_for(0, delta=1e-3, rate=1.0, steps=10)


def test_noise_buys_the_epsilon_asked_for_and_less_epsilon_costs_more():
    pytest.importorskip("opacus")
    plan = {"delta": 1e-3, "rate": 1.0, "steps": 20}
    noises = [noise_for(e, **plan) for e in (8, 3, 1)]
    assert noises == sorted(noises)
    for noise, epsilon in zip(noises, (8, 3, 1), strict=True):
        assert epsilon - 0.1 < epsilon_of(noise, **plan) <= epsilon


@pytest.mark.parametrize(("noise", "rate"), [(1.0, 0.1), (2.0, 0.5), (3.0, 1.0)])
def test_own_accounting_agrees_with_opacus_for_one_picture(noise, rate):
    rdp = pytest.importorskip("opacus.accountants.analysis.rdp")
    orders = [1.5, 2.0, 5.0, 20.0]
    theirs = rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=orders)
    assert np.allclose(renyi(noise, rate, orders=orders), theirs, rtol=1e-5)


def test_with_everybody_in_every_step_seven_pictures_shift_seven_times():
    orders = [2.0, 8.0]
    assert np.allclose(renyi(3.0, 1.0, pictures=7, orders=orders), renyi(3.0 / 7, 1.0, orders=orders))
    assert np.allclose(renyi(3.0, 1.0, orders=orders), np.array(orders) / (2 * 3.0**2))


def test_a_promise_to_pictures_is_a_weak_promise_to_people():
    pytest.importorskip("opacus")
    plan = {"delta": 1e-3, "rate": 0.25, "steps": 20}
    noise = 2.0
    picture = epsilon_of(noise, **plan)
    assert person_epsilon(noise, pictures=1, **plan) == pytest.approx(picture, rel=1e-3)
    assert person_epsilon(noise, pictures=7, **plan) > 7 * picture


def test_per_person_gradients_are_sums_of_those_of_opacus():
    opacus = pytest.importorskip("opacus")
    net = SmallNet(width=4)
    x, y = toy(3)
    ours = gradients(net, x, y)
    wrapped = opacus.GradSampleModule(net, loss_reduction="sum")
    nn.functional.cross_entropy(wrapped(x.flatten(0, 1)), y.flatten(), reduction="sum").backward()
    for name, p in net.named_parameters():
        theirs = p.grad_sample.unflatten(0, (3, 2)).mean(1)  # (3, 2, ...) -> (3, ...)
        assert torch.allclose(ours[name], theirs, atol=1e-5), name
