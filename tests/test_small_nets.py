"""Three networks that differ in one line and have as many parameters."""

import pytest
import torch

from fer_nb import small_nets, spatial
from fer_nb.errors import BadInput
from fer_nb.small_nets import NETS

X = torch.rand(2, 1, 64, 64)


@pytest.mark.parametrize("name", NETS)
def test_parameters_are_equal_within_three_percent(name):
    ours, dense = (small_nets.parameters(net()) for net in (NETS[name], spatial.SpatialNet))
    assert abs(ours / dense - 1) < 0.03


@pytest.mark.parametrize("name", NETS)
def test_crops_become_logits_maps_and_units(name):
    net = NETS[name]().eval()
    maps = net.maps(X)
    assert net(X).shape == (2, 7) and maps.shape[2:] == (4, 4) and net.units(maps).shape == (2, 22)
    both = (net.head(maps) + net.head(net.maps(X.flip(-1)))) / 2  # the still and its mirror image
    assert torch.allclose(net(X), both, atol=1e-6)
    with pytest.raises(BadInput, match="give"):
        net(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("name", NETS)
def test_the_spatial_loss_teaches_every_part(name):
    net = NETS[name]()
    spatial.loss(net, X, torch.tensor([0, 3]), torch.rand(2, 22)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_a_layer_replaces_corrects_or_adds():
    x = torch.rand(1, 8, 5, 5)
    plain, residual, dense = small_nets.PlainLayer(8), small_nets.ResidualLayer(8), spatial.DenseLayer(8, 4)
    assert torch.equal(plain(x), plain.new(x))
    assert torch.equal(residual(x) - residual.new(x), x + residual.new(x) - residual.new(x))
    assert torch.equal(dense(x)[:, :8], x)


def test_stem_norms_and_resolutions_are_those_of_the_dense_network():
    def kinds(net, wanted):
        return [m for m in net.modules() if isinstance(m, wanted)]

    dense = spatial.SpatialNet()
    for name in ("plain", "residual"):
        net = NETS[name]()
        assert str(net.body[: small_nets._STEM]) == str(dense.body[: small_nets._STEM])
        assert len(kinds(net, torch.nn.AvgPool2d)) == len(kinds(dense, torch.nn.AvgPool2d))
        assert len(kinds(net, torch.nn.GroupNorm)) == len(kinds(dense, torch.nn.GroupNorm))
        assert not kinds(net, torch.nn.BatchNorm2d)
        three = [[m for m in kinds(n, torch.nn.Conv2d) if m.kernel_size == (3, 3)] for n in (net, dense)]
        assert len(three[0]) == len(three[1])


def test_plain_and_residual_start_from_the_same_weights():
    nets = []
    for name in ("plain", "residual"):
        torch.manual_seed(3)
        nets.append(NETS[name]())
    assert all(torch.equal(a, b) for a, b in zip(*(n.state_dict().values() for n in nets), strict=True))
    assert not torch.equal(nets[0].eval()(X), nets[1].eval()(X))


def test_multiplications_count_each_place_and_change_nothing():
    class One(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.linear = torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.Linear(2, 5)

        def forward(self, x):
            return self.linear(self.conv(x).mean((2, 3)))

    net = One()
    assert small_nets.multiplications(net) == 64 * 64 * 2 * 9 + 2 * 5
    assert not net.conv._forward_hooks and net.training
