"""Fusion of features: both branches without their last layers, one head on top, trained on together.

Rules of `fusion` join two finished answers. Here the branches are joined one step earlier, where they still
hold what they saw, and are fine-tuned together, so that each may learn what the other cannot see.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoints, spatial, temporal
from .augment import augment
from .labels import LABELS, index
from .preprocess import FaceSequence
from .shading import tones


class JointNet(nn.Module):
    """The trunks of both branches, their features side by side, and a linear head.

    Maps motion (B, T, F) and stills (B, 1, 64, 64) in [0, 1] to (B, 7) logits. The head begins as the two
    heads of the branches added: before any training this is the product rule (to a power of two).

    Parameters
    ----------
    motion, still : the branches to begin with, which are copied; untrained ones by default

    Source: Jung et al. (2015), "Joint fine-tuning in deep neural networks for facial expression
    recognition", ICCV, which joins two logits; here the features are joined.

    Examples
    --------
    >>> net = JointNet()  # of two untrained branches
    >>> net(torch.zeros(2, 24, temporal.FEATURES), torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 7])
    """

    def __init__(
        self, motion: temporal.TemporalNet | None = None, still: spatial.SpatialNet | None = None
    ) -> None:
        super().__init__()
        self.motion = temporal.TemporalNet() if motion is None else copy.deepcopy(motion)
        self.still = spatial.SpatialNet() if still is None else copy.deepcopy(still)
        ends: list[Any] = [self.motion.leave[-1], self.still.head[-1]]  # the last layer of each branch
        self.motion.leave = self.motion.leave[:-1]  # features (B, 4H) from here on
        self.still.head = self.still.head[:-1]  # features (B, 16 C)
        self.head = nn.Linear(sum(end.in_features for end in ends), len(LABELS))
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([end.weight for end in ends], 1))
            self.head.bias.copy_(ends[0].bias + ends[1].bias)

    def forward(self, motion: Tensor, still: Tensor) -> Tensor:
        return self.head(self.features(motion, still))

    def features(self, motion: Tensor, still: Tensor) -> Tensor:
        """Return what both trunks hold, side by side, (B, 4H + 16 C)."""
        return torch.cat([self.motion(motion), self.still(still)], 1)


def loss(model: JointNet, motion: Tensor, still: Tensor, labels: Tensor, *, smoothing: float = 0.1) -> Tensor:
    """Cross-entropy of the joint answer."""
    return F.cross_entropy(model(motion, still), labels, label_smoothing=smoothing)


def sample(sequence: FaceSequence, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw one training example: a stretch of motion, a still that shows the same, and their label.

    A stretch in which nothing happens comes with a quiet still, any other with one near the peak.

    Returns
    -------
    (24, F) float32 features, (64, 64) uint8 crop, the label's position
    """
    x, label = temporal.sample(sequence, rng)
    peaks, quiet = spatial.stills(sequence)
    row = rng.choice(peaks if label == index(sequence.label or "neutral") else quiet)
    crop = np.clip(sequence.crops[row] * tones(sequence.points[row], rng), 0, 255).astype(np.uint8)
    return x, crop, label


def batches(
    sequences: Sequence[FaceSequence], rng: np.random.Generator, *, size: int = 64, repeats: int = 1
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield the (motion, stills, labels) of one epoch: every clip `repeats` times, each time drawn anew."""
    order = rng.permutation(np.repeat(np.arange(len(sequences)), repeats))
    for start in range(0, len(order), size):
        motion, crops, labels = zip(
            *(sample(sequences[i], rng) for i in order[start : start + size]), strict=True
        )
        stills = augment(spatial.to_input(np.stack(crops)))  # (B, 1, 64, 64)
        yield torch.from_numpy(np.stack(motion)), stills, torch.tensor(labels)


def clip_inputs(sequences: Sequence[FaceSequence]) -> tuple[Tensor, Tensor]:
    """Return whole clips as the model's inputs: motion (N, 24, F) and apex stills (N, 1, 64, 64)."""
    motion = torch.from_numpy(np.stack([temporal.clip_input(s) for s in sequences]))
    return motion, torch.cat([spatial.clip_input(s) for s in sequences])


def logits(model: JointNet, motion: Tensor, still: Tensor, *, size: int = 256) -> Tensor:
    """Return the logits (N, 7) of many inputs, a batch at a time, without gradients."""
    model = model.eval()
    with torch.no_grad():
        parts = [model(m, s) for m, s in zip(motion.split(size), still.split(size), strict=True)]
    return torch.cat(parts) if parts else torch.zeros(0, len(LABELS))


def load(name: str | Path = "joint", *, data_version: str | None = None, device: str = "cpu") -> JointNet:
    """Load a trained joint model, the shipped one by default."""
    return checkpoints.load(name, JointNet, data_version=data_version, device=device)[0]
