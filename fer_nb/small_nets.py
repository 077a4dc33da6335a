"""Three small networks that differ in one line: what a layer does with what it was given.

    plain      x -> new(x)              the layer replaces it
    residual   x -> x + new(x)          the layer corrects it
    dense      x -> [x, new(x)]         the layer adds to it, nothing is lost

Stem, normalization, norms, number of layers, resolutions and form of the heads are those of `SpatialNet`,
which is the dense one. Widths are chosen so that all three have as many parameters, within 3 %.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .labels import LABELS
from .spatial import SpatialNet, _transition

WIDTHS = (32, 36, 44)  # maps at 16, 8 and 4 pixels; the first is what the stem gives
LAYERS = (3, 4, 4)  # 3x3 convolutions at each resolution, as in SpatialNet
_STEM = 4  # modules of SpatialNet's body before its first block


class PlainLayer(nn.Module):
    """Norm, activation, 3x3 convolution: its maps replace those that came in.

    Examples
    --------
    >>> PlainLayer(8)(torch.rand(1, 8, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.GroupNorm(4, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.new(x)


class ResidualLayer(PlainLayer):
    """The same layer, added to what came in (He et al. 2016, "Identity mappings", ECCV).

    Examples
    --------
    >>> layer, x = ResidualLayer(8), torch.rand(1, 8, 5, 5)
    >>> torch.equal(layer(x), x + layer.new(x))
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        return x + self.new(x)


class PlainNet(SpatialNet):
    """A plain convolutional network, otherwise like `SpatialNet`: (B, 1, 64, 64) in [0, 1] to (B, 7) logits.

    Examples
    --------
    >>> net = PlainNet()
    >>> net(torch.rand(2, 1, 64, 64)).shape, net.units(net.maps(torch.rand(2, 1, 64, 64))).shape
    (torch.Size([2, 7]), torch.Size([2, 22]))
    """

    layer: type[PlainLayer] = PlainLayer

    def __init__(self, *, units: int = 22, dropout: float = 0.05) -> None:
        super().__init__(units=units)
        parts: list[nn.Module] = list(self.body[:_STEM])  # (B, 3, 64, 64) -> (B, 32, 16, 16)
        for block, (width, count) in enumerate(zip(WIDTHS, LAYERS, strict=True)):
            if block:
                parts.append(_transition(WIDTHS[block - 1], width, dropout))  # 16 -> 8 -> 4
            parts += [self.layer(width) for _ in range(count)]
        last = WIDTHS[-1]
        self.body = nn.Sequential(*parts, nn.GroupNorm(4, last), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(last * 16, len(LABELS)))
        self.units = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(last * 16, units))


class ResidualNet(PlainNet):
    """A residual network, otherwise like `SpatialNet`: (B, 1, 64, 64) in [0, 1] to (B, 7) logits.

    Examples
    --------
    >>> ResidualNet()(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 7])
    """

    layer = ResidualLayer


NETS: dict[str, type[SpatialNet]] = {"plain": PlainNet, "residual": ResidualNet, "dense": SpatialNet}


def parameters(net: nn.Module) -> int:
    """Count the numbers that training may change.

    Examples
    --------
    >>> parameters(nn.Linear(2, 3))
    9
    """
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def multiplications(net: nn.Module) -> int:
    """Count the multiplications of the convolutions and linear layers for one crop.

    Equal parameters are not equal work: a convolution uses each of its weights at every place.

    Examples
    --------
    >>> multiplications(PlainNet()) > 1_000_000
    True
    """
    total = 0
    twin = copy.deepcopy(net).eval()

    def count(module: nn.Module, _: tuple[Tensor, ...], out: Tensor) -> None:
        nonlocal total
        places = out[0, 0].numel() if out.ndim == 4 else 1  # (1, C, H, W) or (1, C)
        assert isinstance(module, nn.Conv2d | nn.Linear)
        total += places * module.weight.numel()

    for module in twin.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        twin(torch.full((1, 1, 64, 64), 0.5))
    return total
