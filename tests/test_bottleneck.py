"""Recognizers with a released code: shapes, noise, prices that work, and errors that say what is wrong."""

from __future__ import annotations

import pytest
import torch

from fer_nb.bottleneck import UNSURE, Recognizer, Setting, explained, harden, penalty, task_loss
from fer_nb.errors import BadInput
from fer_nb.reconstruct import Decoder


def toy(count: int = 16):
    """Pictures whose bright stripe, high or low, is the label and the first unit."""
    labels = torch.arange(count) % 2
    x = torch.rand(count, 1, 32, 32) * 0.2
    x[labels == 0, :, 6:12] += 0.6
    x[labels == 1, :, 20:26] += 0.6
    units = torch.zeros(count, 22)
    units[:, 0] = labels.float()
    return x, labels, units


def small(inputs: int, side: int) -> Decoder:
    return Decoder(inputs, side=side, width=4)


@pytest.mark.parametrize("side", [32, 64])
def test_the_code_is_as_wide_as_asked(side):
    net = Recognizer(side=side, maps=3).eval()
    x = torch.rand(2, 1, side, side)
    assert net.release(x).shape == (2, 48) and net(x).shape == (2, 7)
    assert torch.equal(net.release(x), net.release(x))
    assert Recognizer(side=side, numbers=5).release(x).shape == (2, 5)
    assert Recognizer(side=side, numbers=5, noisy=True).parts(x)[1].shape == (2, 5)


def test_a_dense_code_can_say_all_that_the_maps_tell_the_heads():
    """Seven sums of the maps are enough for the logits: releasing fewer numbers need not cost anything."""
    wide, dense = Recognizer().eval(), Recognizer(numbers=7).eval()
    state = {k: v for k, v in wide.state_dict().items() if k.startswith(("body", "normalize"))}
    last = [k for k in dense.state_dict() if k.startswith("body")][-2:]
    state |= {last[0]: wide.head[1].weight, last[1]: wide.head[1].bias}
    dense.load_state_dict({**dense.state_dict(), **state})
    x = torch.rand(3, 1, 32, 32)
    assert torch.allclose(dense.release(x), wide(x), atol=1e-5)


def test_the_size_of_a_setting_is_that_of_its_code():
    x = torch.rand(2, 1, 32, 32)
    for setting in (Setting(maps=2), Setting(numbers=9), Setting(numbers=9, rate=0.1)):
        assert setting.build().release(x).shape == (2, setting.size)


def test_a_noisy_code_is_drawn_anew_around_its_mean():
    net, x = Recognizer(maps=1, noisy=True).eval(), torch.rand(1, 1, 32, 32)
    drawn = torch.cat([net.release(x) for _ in range(400)])
    mean, spread = net.parts(x)
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.3)
    assert torch.allclose(drawn.std(0), (spread[0] / 2).exp(), atol=0.3)


@pytest.mark.parametrize("bad", [{"side": 48}, {"maps": 0}, {"numbers": 0}])
def test_no_such_structure(bad):
    with pytest.raises(BadInput, match="recognizer"):
        Recognizer(**bad)


def test_wrong_pictures_are_named():
    with pytest.raises(BadInput, match="give"):
        Recognizer()(torch.rand(1, 1, 64, 64))


def test_prices_cannot_be_negative():
    with pytest.raises(BadInput, match="prices of 0"):
        Setting(dependence=-1)
    for none in ({"numbers": 0}, {"maps": 0}, {"maps": 0, "numbers": 5}):
        with pytest.raises(BadInput, match="number or more"):
            Setting(**none)


def test_plain_costs_nothing_and_each_price_something():
    x, h = torch.rand(8, 1, 4, 4), torch.randn(8, 5)
    spread = torch.zeros(8, 5)
    assert penalty(Setting(), x, h, h, None).item() == 0
    for setting in (Setting(rate=1.0), Setting(dependence=1.0), Setting(independence=1.0)):
        assert penalty(setting, x, h, h, spread).item() > 0


def test_unsure_labels_teach_only_units():
    net, labels = Recognizer(maps=1), torch.full((4,), UNSURE)
    loss = task_loss(net, torch.randn(4, 16), labels, torch.rand(4, 22))
    loss.backward()
    assert torch.isfinite(loss) and net.head[1].weight.grad is None and net.units[1].weight.grad is not None


def test_a_guess_of_the_mean_explains_nothing():
    x = torch.rand(6, 1, 3, 3)
    assert explained(x.mean(0, keepdim=True).expand_as(x), x).item() == pytest.approx(0, abs=1e-6)
    assert explained(x, x).item() == 1


@pytest.mark.parametrize(
    "setting",
    [
        Setting(maps=2),
        Setting(maps=2, rate=0.01),
        Setting(maps=2, adversary=1.0, dependence=1.0),
        Setting(numbers=4, rate=0.001, adversary=0.1),
    ],
)
def test_training_learns_the_toy_and_repeats_itself(setting):
    x, labels, units = toy()
    net, losses = harden(setting, x, labels, units, epochs=12, batch=4, adversary=small)
    assert len(losses) == 12 and min(losses[-3:]) < losses[0] - 0.3 and not net.training
    net, again = (harden(setting, x, labels, units, epochs=1, batch=8, adversary=small)[0] for _ in "ab")
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))


def test_what_training_refuses():
    x, labels, units = toy(4)
    with pytest.raises(BadInput, match="adversary"):
        harden(Setting(adversary=1.0), x, labels, units)
    with pytest.raises(BadInput, match="align"):
        harden(Setting(), x, labels[:2], units)
    with pytest.raises(BadInput, match="lower the prices"):
        harden(Setting(), x * float("nan"), labels, units, epochs=1)
