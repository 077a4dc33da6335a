"""A densely connected network from scratch, in the words of the paper: Huang et al. (2017), CVPR.

Every layer reads the maps of all layers before it and adds a few of its own. Nothing is computed twice, so
a deep network needs few parameters, which is why it suits small data. Loaded with torchvision's weights it
gives torchvision's answers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .errors import BadInput


class Layer(nn.Module):
    """Norm, ReLU, 1x1 convolution (the bottleneck), norm, ReLU, 3x3 convolution: `growth` new maps.

    Examples
    --------
    >>> Layer(8, growth=4)(torch.rand(1, 8, 5, 5)).shape  # what came in, and 4 new maps
    torch.Size([1, 12, 5, 5])
    """

    def __init__(self, channels: int, *, growth: int, bottleneck: int = 4) -> None:
        super().__init__()
        middle = bottleneck * growth
        self.new = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, middle, 1, bias=False),
            nn.BatchNorm2d(middle), nn.ReLU(), nn.Conv2d(middle, growth, 3, padding=1, bias=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], 1)  # (B, C, H, W) -> (B, C + growth, H, W)


class DenseNet(nn.Module):
    """DenseNet-BC: stem, dense blocks with transitions that halve width and resolution, linear classifier.

    Maps (B, 3, H, W) to (B, classes) logits; H and W of 32 or more. The arguments of DenseNet-121 are the
    defaults.

    Examples
    --------
    >>> net = DenseNet(growth=8, layers=(2, 2), stem=16, classes=7).eval()
    >>> net(torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 7])
    """

    def __init__(
        self,
        *,
        growth: int = 32,
        layers: tuple[int, ...] = (6, 12, 24, 16),
        stem: int = 64,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = [
            nn.Conv2d(3, stem, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(stem), nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        ]  # fmt: skip
        channels = stem
        for block, count in enumerate(layers):
            if block:  # between two blocks
                parts += [nn.BatchNorm2d(channels), nn.ReLU(),
                          nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]  # fmt: skip
                channels //= 2
            for _ in range(count):
                parts.append(Layer(channels, growth=growth))
                channels += growth
        self.body = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.body(x).mean((2, 3)))  # (B, C, h, w) -> (B, C) -> (B, classes)


def copy_weights(source: Mapping[str, Tensor], target: DenseNet) -> None:
    """Copy the weights of torchvision's DenseNet, which names its parts otherwise but orders them alike.

    Parameters
    ----------
    source : state dict of a `torchvision.models.DenseNet`
    target : a `DenseNet` of the same size, changed in place

    Raises
    ------
    BadInput
        If the two do not have the same parts.

    Examples
    --------
    >>> from torchvision.models import DenseNet as Twin
    >>> size = dict(growth_rate=8, block_config=(2, 2), num_init_features=16, num_classes=7)
    >>> twin, ours = Twin(**size), DenseNet(growth=8, layers=(2, 2), stem=16, classes=7)
    >>> copy_weights(twin.state_dict(), ours)
    """
    ours = target.state_dict()
    if [v.shape for v in ours.values()] != [v.shape for v in source.values()]:
        raise BadInput("copy_weights: the two networks differ: give the same growth, layers, stem, classes")
    target.load_state_dict(dict(zip(ours, source.values(), strict=True)))
