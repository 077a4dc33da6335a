"""Attacks on the temporal branch: landmarks that are a little off, within what a detector might report.

The way from points to features is written again in torch, so that gradients can flow back to the points;
tests hold that it gives what `features` and `preprocess` give. Lengths are in pixels at a face width of
128 pixels (landmark 234 to 454), so that they mean the same for near and far faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import features, temporal
from .errors import BadInput
from .features import EYE_OUTER, MEASURES, STABLE
from .labels import index
from .preprocess import FaceSequence, sequence_from_points, window_features

WIDTH = 128.0  # pixels between landmarks 234 and 454, to which lengths refer
SPACE, TIME = 0.12, 0.06  # reach of the smoothing: share of the eye distance, seconds
_EARS = (234, 454)


def face_width(points: np.ndarray) -> float:
    """Return the width of a face in pixels, from landmark 234 to 454: the median over frames (T, 478, 3).

    Examples
    --------
    >>> points = np.zeros((1, 478, 3)); points[0, 454, 0] = 64
    >>> face_width(points)
    64.0
    """
    apart = points[:, _EARS[0], :2] - points[:, _EARS[1], :2]
    return float(np.nanmedian(np.linalg.norm(apart, axis=-1)))


def jitter(points: np.ndarray) -> float:
    """Return by how much a detector trembles on a still head, in pixels at a face width of 128.

    Parameters
    ----------
    points : (T, 478, 3) array, the same head in the same pose in every frame; NaN where no face

    Returns
    -------
    Root mean square distance of a point from its mean place, in the picture plane.

    Examples
    --------
    >>> points = np.zeros((2, 478, 3)); points[:, 454, 0] = 128; points[0, 5, 1] = 2
    >>> round(jitter(points) * 478 ** 0.5, 2)
    1.0
    """
    away = points[..., :2] - np.nanmean(points[..., :2], axis=0)
    return float(np.sqrt(np.nanmean((away**2).sum(-1))) * WIDTH / face_width(points))


# ---------------------------------------------------------------- from points to features, in torch


def neutral_frame(p: Tensor) -> Tensor:
    """Twin of `features.neutral_frame`: (478, 3) to (478, 3), upright, in inter-ocular units.

    Examples
    --------
    >>> upright = neutral_frame(torch.randn(478, 3, dtype=torch.float64))
    >>> round(float((upright[33] - upright[263]).norm()), 6)
    1.0
    """
    unit = (p[EYE_OUTER[0]] - p[EYE_OUTER[1]]).norm()
    x = p[[263, 362]].mean(0) - p[[33, 133]].mean(0)
    x = x / (x.norm() + 1e-12)
    y = p[152] - p[10]
    y = y - x * (x @ y)
    y = y / (y.norm() + 1e-12)
    axes = torch.stack([x, y, torch.linalg.cross(x, y)])  # (3, 3)
    return ((p - p[[33, 133, 362, 263]].mean(0)) @ axes.T) / unit


def align(points: Tensor, reference: Tensor) -> Tensor:
    """Twin of `features.align`: (T, 478, 3) onto (478, 3); every frame must have a face.

    Examples
    --------
    >>> face = neutral_frame(torch.randn(478, 3, dtype=torch.float64))
    >>> torch.allclose(align(3 * face[None] + 5, face)[0], face)
    True
    """
    w = torch.as_tensor(features._WEIGHTS / features._WEIGHTS.sum(), dtype=points.dtype)[:, None]
    target = reference[list(STABLE)]  # (S, 3)
    target_mean = (w * target).sum(0)
    source = points[:, list(STABLE)]  # (T, S, 3)
    source_mean = (w * source).sum(1, keepdim=True)  # (T, 1, 3)
    centered = source - source_mean
    covariance = torch.einsum("tsi,sj->tij", centered * w, target - target_mean)  # (T, 3, 3)
    u, s, vt = torch.linalg.svd(covariance)
    sign = torch.sign(torch.linalg.det((u @ vt).detach()))
    flip = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)  # (T, 3)
    rotation = (u * flip[:, None, :]) @ vt  # (T, 3, 3), applied from the right
    scale = (s * flip).sum(-1) / (w * centered**2).sum((1, 2)).clamp_min(1e-12)
    return (points - source_mean) @ rotation * scale[:, None, None] + target_mean


def measure(aligned: Tensor) -> Tensor:
    """Twin of `features.measure`: (T, 478, 3) to (T, M).

    Examples
    --------
    >>> measure(torch.zeros(5, 478, 3)).shape == (5, len(MEASURES))
    True
    """
    xy = aligned[..., :2]
    columns = []
    for m in MEASURES:
        first, last = xy[:, m.points[0]], xy[:, m.points[-1]]
        if m.kind == "distance":
            columns.append((last - first).norm(dim=-1))
        elif m.kind == "up":
            columns.append(-first[:, 1])
        elif m.kind == "out":
            columns.append(first[:, 0].abs())
        else:
            run = (last[:, 0] - first[:, 0]).abs() + 0.05
            columns.append(0.5 * torch.atan2(first[:, 1] - last[:, 1], run))
    return torch.stack(columns, -1)


@dataclass(frozen=True)
class Path:
    """What is fixed on the way from a clip's points to its features, with a face in K of T frames.

    Attributes
    ----------
    quiet : (k,) numbers among the K frames, the neutral reference
    weights : (24, K), resampling in time; seen : (24,), was a face found
    """

    quiet: np.ndarray
    weights: Tensor
    seen: Tensor

    @classmethod
    def of(cls, sequence: FaceSequence) -> Path:
        """Read it off a clip."""
        rows = np.flatnonzero(sequence.found)
        quiet = np.searchsorted(rows, features.quiet_frames(sequence.points, sequence.found, sequence.fps))
        table = window_features(np.eye(len(sequence)), sequence.found)  # what each step takes of each frame
        return cls(quiet, torch.from_numpy(table[:, rows]), torch.from_numpy(table[:, -1]))

    def features(self, points: Tensor) -> Tensor:
        """Return the features (24, F) of the points (K, 478, 3) of the frames with a face."""
        quiet = align(points[self.quiet], neutral_frame(points[self.quiet[0]]))
        reference = neutral_frame(quiet.quantile(0.5, dim=0))
        motion = measure(align(points, reference)) - measure(reference[None])  # (K, M)
        x = self.weights.to(motion.dtype) @ motion
        return torch.cat([x, self.seen.to(x.dtype)[:, None]], 1).float()


# ---------------------------------------------------------------- the attack


@dataclass(frozen=True)
class Moved:
    """A clip with moved landmarks.

    Attributes
    ----------
    sequence : FaceSequence, made anew from the moved points: neutral face, motion and apex are its own
    largest, mean : float, displacement of a point in pixels at a face width of 128
    """

    sequence: FaceSequence
    largest: float
    mean: float


class _Clip:
    """One clip on its way through the attack: a change (K, 478, 2) of its points, in pixels."""

    def __init__(self, sequence: FaceSequence, pixels: float, smooth: bool) -> None:
        rows = np.flatnonzero(sequence.found)
        self.sequence, self.rows, self.path = sequence, rows, Path.of(sequence)
        self.points = torch.from_numpy(sequence.points[rows].astype(np.float64))
        self.bound = pixels * face_width(sequence.points) / WIDTH
        self.space = self.time = None
        if smooth:
            near = torch.from_numpy(sequence.neutral.astype(np.float64))
            self.space = _kernel(torch.cdist(near, near), SPACE)  # (478, 478)
            when = torch.from_numpy(rows / sequence.fps)[:, None]
            self.time = _kernel(torch.cdist(when, when), TIME)  # (K, K)

    def shown(self, change: Tensor) -> Tensor:
        """Return the displacement (K, 478, 2): averages over neighbors, so never longer than `change`."""
        if self.space is None or self.time is None:
            return change
        return torch.einsum("kl,lpc,qp->kqc", self.time, change, self.space)

    def look(self, change: Tensor) -> None:
        """Choose the neutral frames again, as the branch will: other frames may be the quietest now."""
        s, points = self.sequence, self.sequence.points.copy()
        points[self.rows, :, :2] += self.shown(change).numpy()
        quiet = features.quiet_frames(points, s.found, s.fps)
        self.path = replace(self.path, quiet=np.searchsorted(self.rows, quiet))

    def features(self, change: Tensor) -> Tensor:
        return self.path.features(self.points + F.pad(self.shown(change), (0, 1)))

    def into_bounds(self, change: Tensor) -> Tensor:
        length = change.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return change * (self.bound / length).clamp_max(1)

    def moved(self, change: Tensor) -> Moved:
        away = self.shown(change).numpy()
        points, s = self.sequence.points.copy(), self.sequence
        points[self.rows, :, :2] += away.astype(np.float32)
        made = sequence_from_points(
            points, s.crops, fps=s.fps, source=s.source, label=s.label, subject=s.subject, units=s.units,
            conditions=s.conditions,
        )  # fmt: skip
        size = np.linalg.norm(away, axis=-1) * WIDTH / face_width(s.points)
        return Moved(made, float(size.max()), float(size.mean()))


def _kernel(distance: Tensor, reach: float) -> Tensor:
    """Gaussian weights of neighbors, each row summing to 1."""
    w = torch.exp(-0.5 * (distance / reach) ** 2)
    return w / w.sum(1, keepdim=True)


def landmark_pgd(
    model: nn.Module,
    sequences: Sequence[FaceSequence],
    *,
    pixels: float,
    smooth: bool = True,
    steps: int = 30,
    step: float = 0.1,
    seed: int = 0,
) -> list[Moved]:
    """Move the landmarks of clips so that the temporal branch reads them wrongly.

    Every point of every frame may move in the picture plane by at most `pixels`. A plausible displacement is
    smooth: it is averaged over neighbors on the face and in time, so that no point jumps on its own.

    Parameters
    ----------
    model : temporal branch in evaluation mode, (B, 24, F) to logits
    sequences : clips with a label
    pixels : bound, at a face width of 128 pixels
    smooth : False lets each point of each frame go where it likes
    steps, step : of PGD, the size of one step in bounds
    seed : of the random start

    Returns
    -------
    list of Moved, in order; neutral face and motion are found anew from the moved points.

    Raises
    ------
    BadInput
        If there is no clip, a clip has no label, the bound is not positive, or the model is in training.
    """
    if not len(sequences):
        raise BadInput("attack: there is no clip: give at least one")
    if not 0 < pixels < WIDTH:
        raise BadInput(f"attack: a bound of {pixels} pixels: give more than 0, at a face width of 128 pixels")
    if any(part.training for part in model.modules()):
        raise BadInput("attack: the model is in training mode, its answers are random: call model.eval()")
    if unnamed := [s.source for s in sequences if s.label is None]:
        raise BadInput(f"{unnamed[0]}: has no label to turn: give clips with one")
    y = torch.tensor([index(s.label or "") for s in sequences])
    clips = [_Clip(s, pixels, smooth) for s in sequences]
    generator = torch.Generator().manual_seed(seed)
    changes = [
        c.into_bounds(c.bound * torch.randn(*c.points.shape[:2], 2, generator=generator).double() / 10)
        for c in clips
    ]
    for _ in range(steps):
        for clip, change in zip(clips, changes, strict=True):
            clip.look(change)
        held = [change.requires_grad_(True) for change in changes]
        x = torch.stack([clip.features(change) for clip, change in zip(clips, held, strict=True)])
        slopes = torch.autograd.grad(F.cross_entropy(model(x), y, reduction="sum"), held)
        changes = [
            clip.into_bounds(
                change.detach()
                + step * clip.bound * slope / slope.norm(dim=-1, keepdim=True).clamp_min(1e-12)
            )
            for clip, change, slope in zip(clips, held, slopes, strict=True)
        ]
    return [clip.moved(change) for clip, change in zip(clips, changes, strict=True)]


def noise(sequences: Sequence[FaceSequence], *, pixels: float, seed: int = 0) -> list[Moved]:
    """Move every point at random by exactly `pixels`: the control of equal size."""
    generator = torch.Generator().manual_seed(seed)
    out = []
    for clip in (_Clip(s, pixels, False) for s in sequences):
        drawn = torch.randn(*clip.points.shape[:2], 2, generator=generator).double()
        out.append(clip.moved(clip.bound * drawn / drawn.norm(dim=-1, keepdim=True)))
    return out


def answers(model: nn.Module, sequences: Sequence[FaceSequence]) -> Tensor:
    """Return the temporal branch's logits (N, 7) on whole clips, by the way that everyone else takes."""
    x = torch.from_numpy(np.stack([temporal.clip_input(s) for s in sequences]))
    with torch.no_grad():
        return model(x)
