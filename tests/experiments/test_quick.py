"""The quick twin answers as the network does, and has its gradients."""

from __future__ import annotations

import pytest
import torch

from fer_nb import spatial
from fer_nb.defense import DefendedModel, Transform
from fer_nb.experiments._quick import Banded, InParts, judge, quick


@pytest.fixture(scope="module")
def net():
    return spatial.load()


@pytest.fixture
def x():
    return torch.rand(40, 1, 64, 64, generator=torch.Generator().manual_seed(0))


def slope(model, x):
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(model(x).log_softmax(1)[:, 0].sum(), x)[0]


def test_local_means_agree_up_to_the_border(x):
    assert torch.allclose(Banded()._blur(x), spatial.Normalize()._blur(x), atol=1e-6)
    assert not torch.allclose(Banded(window=5)._blur(x), spatial.Normalize()._blur(x), atol=1e-3)


def test_answers_and_gradients_agree(net, x):
    assert torch.allclose(quick(net)(x), net(x), atol=1e-3)
    assert torch.allclose(InParts(net)(x), net(x), atol=1e-3)
    mine, theirs = slope(quick(net), x), slope(net, x)
    assert float((mine.sign() != theirs.sign()).float().mean()) < 1e-3
    assert float((mine - theirs).norm() / theirs.norm()) < 1e-3


def test_the_network_itself_stays_as_it_is(net):
    before = type(net.normalize)
    assert not quick(net).training
    assert type(net.normalize) is before


def test_a_judge_draws_what_the_defense_draws(net, x):
    recipe = Transform(boxes=2)
    asked, again = (DefendedModel(net, recipe, draws=3, seed=5) for _ in range(2))
    twin = judge(asked)
    assert isinstance(twin.model, InParts)
    other = twin.with_draws(3, seed=5)
    assert torch.allclose(other(x), again(x), atol=1e-3)
    assert not torch.allclose(twin.with_draws(3, seed=6)(x), other(x), atol=1e-3)


def test_what_is_frozen_or_not_ours_is_left_alone(net):
    plain = torch.nn.Flatten()
    assert judge(plain) is plain
    defended = DefendedModel(net)
    with defended.frozen(1):
        assert judge(defended) is defended
