"""The rivals: as many weights as the shipped network, and what each can and cannot see of order."""

from __future__ import annotations

import pytest
import torch

from fer_nb import sequence_nets as nets
from fer_nb.errors import BadInput
from fer_nb.mime.units import UNITS
from fer_nb.preprocess import FEATURES
from fer_nb.temporal import TemporalNet

ALL = [*nets.KINDS, "bottleneck"]


def make(kind: str) -> torch.nn.Module:
    return nets.UnitBottleneck() if kind == "bottleneck" else nets.build(kind)


@pytest.mark.parametrize("kind", ALL)
def test_budgets_are_equal(kind):
    budget = nets.count(TemporalNet())
    assert abs(nets.count(make(kind)) / budget - 1) < 0.03


@pytest.mark.parametrize("kind", ALL)
def test_any_length_gives_finite_logits_and_gradients_everywhere(kind):
    net = make(kind)
    for steps in (2, 24, 40):
        logits = net(torch.randn(3, steps, FEATURES))
        assert logits.shape == (3, 7) and logits.isfinite().all()
    logits.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("kind", ALL)
def test_scaling_lives_inside(kind):
    net = make(kind).eval()
    x = 0.01 * torch.randn(2, 24, FEATURES)
    before = net(x)
    net.scale.mul_(10)
    assert torch.allclose(net(10 * x), before, atol=1e-5) and "scale" in net.state_dict()


@pytest.mark.parametrize("kind", ALL)
def test_order_reaches_the_answer(kind):
    net = make(kind).eval()
    x = torch.randn(2, 24, FEATURES)
    assert (net(x) - net(x[:, torch.randperm(24)])).abs().max() > 1e-4


def test_a_transformer_without_positions_reads_a_bag_of_frames():
    net = nets.build("transformer", positions=False).eval()
    x = torch.randn(2, 24, FEATURES)
    torch.testing.assert_close(net(x), net(x[:, torch.randperm(24)]), atol=1e-5, rtol=1e-4)


def test_a_convolution_sees_fifteen_steps_to_each_side():
    middle = nets.Convolutional(4).eval().double()
    x = torch.randn(1, 40, 4, dtype=torch.float64, requires_grad=True)
    middle(x)[0, 20].sum().backward()
    felt = torch.nonzero(x.grad[0].abs().sum(-1))
    assert felt.min() == 5 and felt.max() == 35


def test_the_head_of_the_bottleneck_sees_units_only():
    net = nets.UnitBottleneck().eval()
    x = torch.randn(2, 24, FEATURES)
    units = net.units(x)
    assert units.shape == (2, 24, len(UNITS))
    torch.testing.assert_close(net(x), net.judge(units))


def test_the_loss_teaches_the_units_as_well():
    net = nets.UnitBottleneck(dropout=0.0).eval()
    x, y = torch.randn(2, 24, FEATURES), torch.tensor([1, 2])
    near, far = net.units(x).detach(), net.units(x).detach() + 1
    apart = nets.unit_loss(net, x, y, far) - nets.unit_loss(net, x, y, near)
    assert float(apart.detach()) == pytest.approx(nets.UNIT_LOSS, rel=1e-3)


@pytest.mark.parametrize("kind", ALL)
def test_wrong_width_is_a_one_line_error(kind):
    with pytest.raises(BadInput, match=r"\(2, 24, 5\)"):
        make(kind)(torch.zeros(2, 24, 5))


def test_unknown_kind_is_a_one_line_error():
    with pytest.raises(BadInput, match="unknown network 'rnn'"):
        nets.build("rnn")
