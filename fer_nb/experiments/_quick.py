"""The spatial network again, answering the same in half the time: for experiments that ask it very often.

Weights are those that it is given. Only the arithmetic differs: the local mean is two products with a band
matrix instead of two poolings, and pictures that need no gradient go through in small parts, channels last.
Answers agree up to rounding, which a test holds.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from .. import spatial
from ..defense import DefendedModel
from ..expected import answers_at_random

Net = TypeVar("Net", bound=nn.Module)
_SIDE = 64  # of a crop, in pixels
_PART = 32  # pictures in a part: about what a core's cache holds


class Banded(spatial.Normalize):
    """`spatial.Normalize` whose local mean is a product with a band matrix from either side.

    Examples
    --------
    >>> x = torch.rand(2, 1, 64, 64)
    >>> torch.allclose(Banded()(x), spatial.Normalize()(x), atol=1e-4)
    True
    """

    band: Tensor

    def __init__(self, *, window: int = 13, floor: float = 0.04) -> None:
        super().__init__(window=window, floor=floor)
        at = torch.arange(_SIDE)
        near = ((at[:, None] - at[None]).abs() <= window // 2).float()  # (64, 64)
        self.register_buffer("band", near / near.sum(1, keepdim=True), persistent=False)

    def _blur(self, x: Tensor) -> Tensor:
        return self.band @ x @ self.band.T  # (B, 1, 64, 64)


def quick(net: Net) -> Net:
    """Return a copy of a spatial network with a `Banded` normalization; other models stay as they are."""
    if not isinstance(net, spatial.SpatialNet):
        return net
    twin = copy.deepcopy(net)
    twin.normalize = Banded(window=net.normalize.window, floor=net.normalize.floor)
    return twin.train(net.training)


class InParts(nn.Module):
    """A spatial network that answers in small parts, channels last: for questions, not for gradients."""

    def __init__(self, net: spatial.SpatialNet) -> None:
        super().__init__()
        self.net = quick(net).to(memory_format=torch.channels_last)
        self.train(net.training)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.net(part) for part in x.split(_PART)])


def judge(model: nn.Module) -> nn.Module:
    """Return a model that answers as `model` does, draw for draw, and sooner.

    What is frozen, or no spatial network, stays as it is.

    Examples
    --------
    >>> net = spatial.SpatialNet().eval()
    >>> x = torch.rand(3, 1, 64, 64)
    >>> torch.allclose(judge(DefendedModel(net))(x), DefendedModel(net)(x), atol=1e-3)
    True
    """
    if isinstance(model, spatial.SpatialNet):
        return InParts(model)
    if answers_at_random(model) and isinstance(model.model, spatial.SpatialNet):
        return DefendedModel(InParts(model.model), model.transform, draws=model.draws)
    return model
