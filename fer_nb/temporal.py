"""The temporal branch: what moving landmarks say about an expression.

Input is a stretch of motion resampled to 24 steps (`preprocess.window_features`): named distances and angles
minus the clip's own neutral face. A small recurrent network reads it in both directions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from . import checkpoints, features
from .errors import BadInput
from .labels import LABELS, index
from .preprocess import FEATURES, FaceSequence, displacement, window_features

_PEAK, _QUIET = 0.6, 0.15  # shares of a clip's largest displacement: expressive above, neutral below
_GAIN = (np.log(0.25), np.log(1.3))  # of a stretch of motion: many real expressions are weak
_FLIP = torch.tensor([*features.MIRROR, len(features.NAMES)])


class TemporalNet(nn.Module):
    """A bidirectional GRU over resampled motion, pooled over time.

    Maps (B, T, F) features to (B, 7) logits. Scaling lives inside (`scale`), so that weights and units
    travel together.

    Examples
    --------
    >>> TemporalNet()(torch.zeros(2, 24, FEATURES)).shape
    torch.Size([2, 7])
    """

    scale: Tensor

    def __init__(self, *, inputs: int = FEATURES, hidden: int = 48, dropout: float = 0.3) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(inputs))
        self.enter = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout))
        self.recurrent = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.leave = nn.Sequential(
            nn.LayerNorm(4 * hidden), nn.Dropout(dropout), nn.Linear(4 * hidden, len(LABELS))
        )

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[-1] != len(self.scale):
            raise BadInput(f"temporal branch: input is {tuple(x.shape)}: give (B, T, {len(self.scale)})")
        h = self.enter((x / self.scale).clamp(-8, 8))  # (B, T, H)
        h, _ = self.recurrent(h)  # (B, T, 2H)
        return self.leave(torch.cat([h.mean(1), h.amax(1)], -1))  # (B, 4H) -> (B, 7)


class Committee(nn.Module):
    """Several temporal networks, trained with other seeds, that answer with their mean probability.

    Maps (B, T, F) features to (B, 7) logits, the logarithm of that mean. One network's whims average out.

    Source: Lakshminarayanan et al. (2017), "Simple and scalable predictive uncertainty estimation using
    deep ensembles", NeurIPS.

    Examples
    --------
    >>> Committee()(torch.zeros(2, 24, FEATURES)).exp().sum(1).detach().numpy().round(4).tolist()
    [1.0, 1.0]
    """

    def __init__(self, *, members: int = 3) -> None:
        super().__init__()
        self.members = nn.ModuleList(TemporalNet() for _ in range(members))

    def forward(self, x: Tensor) -> Tensor:
        each = torch.stack([member(x).log_softmax(-1) for member in self.members])  # (M, B, 7)
        return each.logsumexp(0) - math.log(len(self.members))


def fit_scale(model: TemporalNet, sequences: Sequence[FaceSequence]) -> None:
    """Set the model's scale to the spread of each feature over training motion."""
    rows = np.concatenate([s.motion[s.found] for s in sequences])
    spread = np.maximum(np.sqrt((rows**2).mean(0)), 0.004)
    model.scale[: rows.shape[1]] = torch.from_numpy(spread.astype(np.float32))


def clip_input(sequence: FaceSequence) -> np.ndarray:
    """Return the whole clip as the model's input, (24, F) float32."""
    return window_features(sequence.motion, sequence.found)


def mirror(x: Tensor) -> Tensor:
    """Exchange the halves of the face in (..., F) features: left and right measures change places."""
    return x[..., _FLIP]


def sample(sequence: FaceSequence, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draw one training example from a clip: a stretch of it, seen with imperfect sensors.

    The stretch is the clip, a part around the peak, a pair of stills (neutral, then peak), a quiet part, or
    a pair the wrong way round, whose reference is the peak and which ends in neutral: that one is "neutral".
    The neutral reference is often slightly wrong, frames drop out, landmarks jitter.

    Parameters
    ----------
    sequence : FaceSequence with a label
    rng : numpy Generator

    Returns
    -------
    (24, F) float32 features, and the label's position
    """
    motion, found = sequence.motion, sequence.found
    rows = np.flatnonzero(found)
    size = displacement(motion)
    top = size[rows].max() + 1e-9
    peaks = rows[size[rows] >= _PEAK * top]
    quiet = rows[size[rows] <= max(_QUIET * top, size[rows].min())]
    label = index(sequence.label or "neutral")
    kind = rng.choice(5, p=[0.4, 0.15, 0.25, 0.1, 0.1])
    if kind == 0:  # the clip, ends cut a little
        stretch = np.arange(
            rng.integers(0, 1 + len(found) // 8), len(found) - rng.integers(0, 1 + len(found) // 8)
        )
        stretch = stretch if np.isin(peaks, stretch).any() else np.arange(len(found))
    elif kind == 1:  # a part that holds the peak
        peak = rng.choice(peaks)
        stretch = np.arange(rng.integers(0, peak + 1), rng.integers(peak, len(found)) + 1)
    elif kind == 2:  # two stills
        stretch = np.array([rng.choice(quiet), rng.choice(peaks)])
    elif kind == 3:  # nothing happens
        stretch, label = rng.choice(quiet, size=rng.integers(2, 6)), 0
    else:  # the wrong way round
        stretch, label = np.array([rng.choice(peaks), rng.choice(quiet)]), 0
        motion = motion - motion[stretch[0]]
    x = _imperfect(motion[stretch], found[stretch], rng)
    return x, label


def _imperfect(motion: np.ndarray, found: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gain, wrong neutral, jitter, dropped frames; then resample (and mirror half of the time)."""
    motion, found = motion * np.exp(rng.uniform(*_GAIN)), found.copy()
    if len(found) > 4 and rng.random() < 0.3:
        keep = rng.random(len(found)) > rng.uniform(0, 0.4)
        found &= keep if (keep & found).any() else True
    if rng.random() < 0.5:
        offset = motion[rng.choice(np.flatnonzero(found))]
        motion = motion - rng.uniform(-0.1, 0.2) * offset
    motion = motion + rng.normal(0, rng.uniform(0.001, 0.007), motion.shape[1])  # of the reference
    motion = motion + rng.normal(0, rng.uniform(0.001, 0.005), motion.shape)  # of each frame
    x = window_features(motion, found)
    return x[:, _FLIP.numpy()] if rng.random() < 0.5 else x


def batches(
    sequences: Sequence[FaceSequence], rng: np.random.Generator, *, size: int = 128, repeats: int = 2
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the (inputs, labels) of one epoch: every clip `repeats` times, each time drawn anew."""
    order = rng.permutation(np.repeat(np.arange(len(sequences)), repeats))
    for start in range(0, len(order), size):
        drawn = [sample(sequences[i], rng) for i in order[start : start + size]]
        yield torch.from_numpy(np.stack([x for x, _ in drawn])), torch.tensor([y for _, y in drawn])


def load(name: str | Path = "temporal", *, data_version: str | None = None, device: str = "cpu") -> Committee:
    """Load a trained temporal branch, the shipped one by default."""
    return checkpoints.load(name, Committee, data_version=data_version, device=device)[0]
