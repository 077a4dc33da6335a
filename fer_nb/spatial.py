"""The spatial branch: what one still frame says, read by a small densely connected network.

Input is the aligned grey crop in [0, 1]. Everything that evens out light and skin happens inside the model,
so an attacker, too, works on plain pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoints
from .augment import augment
from .errors import BadInput
from .labels import LABELS, index
from .preprocess import FaceSequence

_PEAK, _QUIET = 0.6, 0.12  # shares of a clip's largest displacement: expressive above, neutral below


class Normalize(nn.Module):
    """Grey in [0, 1] to three channels: local contrast, and its slopes along x and y.

    Subtracts the mean of the neighborhood and divides by its spread, so that light, skin tone and camera
    leave little trace. Differentiable.

    Examples
    --------
    >>> Normalize()(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(self, *, window: int = 13, floor: float = 0.04) -> None:
        super().__init__()
        self.window, self.floor = window, floor

    def _blur(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, self.window, 1, self.window // 2, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        centered = x - self._blur(x)  # (B, 1, H, W)
        spread = (self._blur(centered**2) + self.floor**2).sqrt()
        even = centered / spread
        dx = F.pad(even[..., :, 2:] - even[..., :, :-2], (1, 1, 0, 0))
        dy = F.pad(even[..., 2:, :] - even[..., :-2, :], (0, 0, 1, 1))
        return torch.cat([even, dx, dy], 1)  # (B, 3, H, W)


class DenseLayer(nn.Module):
    """Norm, activation, 3x3 convolution; its few new maps are appended to everything seen so far."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.new = nn.Sequential(
            nn.GroupNorm(4, channels), nn.ReLU(), nn.Conv2d(channels, growth, 3, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.new(x)], 1)


def _transition(channels: int, out: int, dropout: float) -> nn.Sequential:
    """Halve width and resolution between two dense blocks."""
    return nn.Sequential(
        nn.GroupNorm(4, channels), nn.ReLU(), nn.Conv2d(channels, out, 1, bias=False),
        nn.AvgPool2d(2), nn.Dropout2d(dropout),
    )  # fmt: skip


class SpatialNet(nn.Module):
    """A small DenseNet from scratch (Huang et al. 2017) with GroupNorm in place of BatchNorm.

    Maps (B, 1, 64, 64) in [0, 1] to (B, 7) logits.

    Examples
    --------
    >>> net = SpatialNet()
    >>> net(torch.rand(2, 1, 64, 64)).shape, sum(p.numel() for p in net.parameters()) < 300_000
    (torch.Size([2, 7]), True)
    """

    def __init__(
        self, *, growth: int = 12, layers: tuple[int, ...] = (4, 4, 4), stem: int = 24, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.normalize = Normalize()
        parts: list[nn.Module] = [nn.Conv2d(3, stem, 5, stride=2, padding=2, bias=False)]  # 64 -> 32
        channels = stem
        for block, count in enumerate(layers):
            for _ in range(count):
                parts.append(DenseLayer(channels, growth))
                channels += growth
            if block < len(layers) - 1:
                half = channels // 8 * 4  # a multiple of the four groups
                parts.append(_transition(channels, half, dropout))  # 32 -> 16 -> 8
                channels = half
        self.body = nn.Sequential(*parts, nn.GroupNorm(4, channels), nn.ReLU())
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels * 16, len(LABELS))
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 1:
            raise BadInput(f"spatial branch: input has shape {tuple(x.shape)}: give (B, 1, 64, 64) in [0, 1]")
        return self.head(self.body(self.normalize(x)))  # (B, C, 8, 8) -> (B, 7)


def to_input(crops: np.ndarray) -> Tensor:
    """Turn (N, 64, 64) uint8 crops into the model's input, (N, 1, 64, 64) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(crops)).float().div(255).unsqueeze(1)


def clip_input(sequence: FaceSequence) -> Tensor:
    """Return the apex frame of a clip as the model's input, (1, 1, 64, 64)."""
    return to_input(sequence.crops[sequence.apex][None])


def stills(sequence: FaceSequence) -> tuple[np.ndarray, np.ndarray]:
    """Number the frames of a clip that surely show its label, and those that surely show neutral."""
    rows, size = np.flatnonzero(sequence.found), sequence.displacement
    top = size[rows].max()
    if sequence.label == "neutral":
        return rows, rows
    return rows[size[rows] >= _PEAK * top], rows[size[rows] <= max(_QUIET * top, size[rows].min())]


def batches(
    sequences: Sequence[FaceSequence], rng: np.random.Generator, *, size: int = 128, neutral: float = 0.15
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch: an expressive still of every clip, and a neutral one of some, augmented."""
    chosen: list[tuple[np.ndarray, int]] = []
    for s in sequences:
        peaks, quiet = stills(s)
        chosen.append((s.crops[rng.choice(peaks)], index(s.label or "neutral")))
        if rng.random() < neutral:
            chosen.append((s.crops[rng.choice(quiet)], 0))
    order = rng.permutation(len(chosen))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        x = to_input(np.stack([chosen[i][0] for i in rows]))
        yield augment(x), torch.tensor([chosen[i][1] for i in rows])


def load(name: str | Path = "spatial", *, data_version: str | None = None, device: str = "cpu") -> SpatialNet:
    """Load a trained spatial branch, the shipped one by default."""
    return checkpoints.load(name, SpatialNet, data_version=data_version, device=device)[0]
