"""A toy for the defense and its attackers: linear, of coarse patterns that JPEG leaves standing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE, EPS = 16, 8 / 255


class Blocks(nn.Module):
    """Maps (B, 1, 16, 16) to 7 logits: products with seven smooth templates."""

    def __init__(self, scale: float = 60.0) -> None:
        super().__init__()
        coarse = torch.randn(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))
        w = F.interpolate(coarse, SIDE, mode="bilinear").flatten(1)
        self.w = nn.Parameter(w * scale / SIDE**2)

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.5).flatten(1) @ self.w.T


def faces(model: Blocks, count: int = 12) -> tuple[Tensor, Tensor]:
    """Return 8-bit pictures that a model reads rightly, by a margin that 8/255 overcomes, and labels."""
    w = model.w.detach().view(7, 1, SIDE, SIDE)
    y = torch.arange(count) % 7
    x = 0.5 + 0.02 * w[y] / w[y].abs().amax((1, 2, 3), keepdim=True)
    grain = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    x = ((x + 0.01 * grain) * 255).round() / 255
    right = model(x).argmax(1) == y
    return x[right], y[right]
