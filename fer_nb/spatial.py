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
from .shading import tones

_PEAK, _QUIET = 0.6, 0.12  # shares of a clip's largest displacement: expressive above, neutral below
_UNSURE = -100  # label of stills in between; only their action units are learned


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
        """Mean of the neighborhood: first along rows, then along columns, which is the same and faster."""
        k, half = self.window, self.window // 2
        rows = F.avg_pool2d(x, (1, k), 1, (0, half), count_include_pad=False)
        return F.avg_pool2d(rows, (k, 1), 1, (half, 0), count_include_pad=False)

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

    Maps (B, 1, 64, 64) in [0, 1] to (B, 7) logits. A face and its mirror image show the same expression:
    training mirrors half of the stills at random, evaluation averages the logits of both.

    Examples
    --------
    >>> net = SpatialNet()
    >>> net(torch.rand(2, 1, 64, 64)).shape, sum(p.numel() for p in net.parameters()) < 300_000
    (torch.Size([2, 7]), True)
    """

    def __init__(
        self,
        *,
        growth: int = 16,
        layers: tuple[int, ...] = (3, 4, 4),
        stem: int = 16,
        units: int = 22,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        self.normalize = Normalize()
        parts: list[nn.Module] = [
            nn.Conv2d(3, stem, 5, stride=2, padding=2, bias=False),  # 64 -> 32
            nn.GroupNorm(4, stem),
            nn.ReLU(),
            nn.Conv2d(stem, 2 * stem, 3, stride=2, padding=1, bias=False),  # 32 -> 16
        ]
        channels = 2 * stem
        for block, count in enumerate(layers):
            for _ in range(count):
                parts.append(DenseLayer(channels, growth))
                channels += growth
            if block < len(layers) - 1:
                half = channels // 8 * 4  # a multiple of the four groups
                parts.append(_transition(channels, half, dropout))  # 16 -> 8 -> 4
                channels = half
        self.body = nn.Sequential(*parts, nn.GroupNorm(4, channels), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels * 16, len(LABELS)))
        self.units = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(channels * 16, units))

    def forward(self, x: Tensor) -> Tensor:
        logits = self.head(self.maps(x))  # (B, C, 4, 4) -> (B, 7)
        return logits if self.training else (logits + self.head(self.maps(x.flip(-1)))) / 2

    def maps(self, x: Tensor) -> Tensor:
        """Return the last feature maps, (B, C, 4, 4)."""
        if x.ndim != 4 or x.shape[1:] != (1, 64, 64):
            raise BadInput(f"spatial branch: input is {tuple(x.shape)}: give (B, 1, 64, 64) in [0, 1]")
        return self.body(self.normalize(x))


def loss(model: SpatialNet, x: Tensor, labels: Tensor, units: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy of the label, and of every action unit's intensity as a second task.

    The units teach the network where to look: they are known for every still of Mime, weak ones included.
    """
    maps = model.maps(x)
    named = F.cross_entropy(model.head(maps), labels, label_smoothing=smoothing, ignore_index=_UNSURE)
    moved = F.binary_cross_entropy_with_logits(model.units(maps), units.clamp(0, 1))
    return named + 5 * moved


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
    sequences: Sequence[FaceSequence], rng: np.random.Generator, *, size: int = 64, repeats: int = 4
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield one epoch of augmented stills: of every clip `repeats` frames, half of them near the apex.

    Yields
    ------
    x (B, 1, 64, 64), labels (B,) with -100 where the still is neither peak nor quiet, units (B, U)
    """
    clips = rng.permutation(np.repeat(np.arange(len(sequences)), repeats))
    for start in range(0, len(clips), size):
        drawn = [_draw(sequences[i], rng) for i in clips[start : start + size]]
        crops, labels, units = zip(*drawn, strict=True)
        yield augment(to_input(np.stack(crops))), torch.tensor(labels), torch.from_numpy(np.stack(units))


def _draw(sequence: FaceSequence, rng: np.random.Generator) -> tuple[np.ndarray, int, np.ndarray]:
    """Draw a still: crop, label, true action units."""
    peaks, quiet = stills(sequence)
    row = rng.choice(peaks) if rng.random() < 0.5 else rng.choice(np.flatnonzero(sequence.found))
    label = index(sequence.label or "neutral") if row in peaks else 0 if row in quiet else _UNSURE
    if sequence.units is None:
        raise BadInput(f"{sequence.source}: has no true action units: train on Mime")
    crop = np.clip(sequence.crops[row] * tones(sequence.points[row], rng), 0, 255).astype(np.uint8)
    return crop, label, sequence.units[row].astype(np.float32)


def load(name: str | Path = "spatial", *, data_version: str | None = None, device: str = "cpu") -> SpatialNet:
    """Load a trained spatial branch, the shipped one by default."""
    return checkpoints.load(name, SpatialNet, data_version=data_version, device=device)[0]
