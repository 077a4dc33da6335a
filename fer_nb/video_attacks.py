"""Attacks on videos, which no maintained library has: (B, T, C, H, W) in [0, 1].

White box: one pattern shared by all frames, flicker, or only a few frames, all by our own PGD. Black box: the
whole system on one clip, landmark detector inside, asked for scores only. What is changed there are the
frames as they come from the camera.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .attacks import Attackable, check_labels
from .clips import Clip
from .crops import SIZE, crop_face
from .errors import BadInput, NoFace
from .gradient_attacks import pgd, slope_of, tied_pgd
from .labels import LABELS, index
from .landmarks import FaceTracker
from .prediction import Answer, Models, judge
from .preprocess import FaceSequence, sequence_from_points

TIME = 1  # the axis of (B, T, C, H, W)
NO_CHANGE = 128 / 255  # what a pixel of a laid-over change is where nothing changes


class OverTime(nn.Module):
    """A still-picture model, read over a clip: the mean of its logits over the frames.

    Maps (B, T, C, H, W) to (B, classes). An attacker of one frame has to shout down the others.

    Examples
    --------
    >>> still = nn.Sequential(nn.Flatten(), nn.Linear(4, 7))
    >>> OverTime(still)(torch.rand(2, 5, 1, 2, 2)).shape
    torch.Size([2, 7])
    """

    def __init__(self, still: nn.Module) -> None:
        super().__init__()
        self.still = still
        self.training = still.training

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 5:
            raise BadInput(f"video: input is {tuple(x.shape)}: give (B, T, C, H, W), with x.unsqueeze(1)")
        z = self.still(x.flatten(0, 1))  # (B, T, C, H, W) -> (B T, classes)
        return z.unflatten(0, x.shape[:2]).mean(TIME)


def shared(model: Attackable, x: Tensor, y: Tensor, *, epsilon: float, **options: Any) -> Tensor:
    """PGD with one pattern that lies over all frames of a clip, as dirt on the lens would.

    Parameters
    ----------
    model : Attackable of videos; x : (B, T, C, H, W); y : (B,)
    epsilon : bound, such as 8/255; options : those of `gradient_attacks.tied_pgd`

    Examples
    --------
    >>> from fer_nb.attacks import under_attack
    >>> toy = under_attack(OverTime(nn.Sequential(nn.Flatten(), nn.Linear(4, 7))).eval(), video=True)
    >>> x = torch.full((1, 3, 1, 2, 2), 0.5)
    >>> change = shared(toy, x, torch.tensor([0]), epsilon=8 / 255, steps=3) - x
    >>> bool((change[:, 0] == change[:, 2]).all())
    True
    """
    return tied_pgd(model, x, y, epsilon=epsilon, tied=(TIME,), **options)


def flicker(model: Attackable, x: Tensor, y: Tensor, *, epsilon: float, **options: Any) -> Tensor:
    """PGD with one number for each frame: the light flickers. Bounds and options as in `shared`.

    Source: Pony et al. (2021), "Over-the-air adversarial flickering attacks against video recognition
    networks", CVPR, who also penalize roughness in time.
    """
    return tied_pgd(model, x, y, epsilon=epsilon, tied=(2, 3, 4), **options)


def heaviest_frames(model: Attackable, x: Tensor, y: Tensor, count: int) -> Tensor:
    """Mark the frames of each clip in which the loss is most sensitive, (B, T, 1, 1, 1) of 0 and 1.

    Parameters
    ----------
    count : int, how many frames, 1 to T

    Raises
    ------
    BadInput
        If a clip does not have so many frames.

    Examples
    --------
    >>> from fer_nb.attacks import under_attack
    >>> toy = under_attack(OverTime(nn.Sequential(nn.Flatten(), nn.Linear(4, 7))).eval(), video=True)
    >>> heaviest_frames(toy, torch.rand(1, 5, 1, 2, 2), torch.tensor([0]), 2).sum().item()
    2.0
    """
    model.check(x)
    check_labels(model, x, y)
    if not 1 <= count <= x.shape[TIME]:
        raise BadInput(f"attack: {count} frames of {x.shape[TIME]}: give 1 to {x.shape[TIME]}")
    weight = slope_of(model, lambda z: z, x, y).abs().flatten(2).sum(2)  # (B, T)
    marks = torch.zeros_like(weight).scatter(1, weight.topk(count, dim=1).indices, 1.0)
    return marks[:, :, None, None, None]


def sparse(model: Attackable, x: Tensor, y: Tensor, *, epsilon: float, frames: int, **options: Any) -> Tensor:
    """PGD in few frames of each clip, those in which the loss is most sensitive; the rest stays.

    Source: Wei et al. (2019), "Sparse adversarial perturbations for videos", AAAI, who also learn which
    frames to take.

    Parameters
    ----------
    frames : int, how many frames may change; options : those of `gradient_attacks.pgd`
    """
    where = heaviest_frames(model, x, y, frames)
    return pgd(model, x, y, epsilon=epsilon, where=where, **options)


# ---------------------------------------------------------------- the whole system as a black box


def few_frames(clip: Clip, count: int) -> Clip:
    """Keep frames evenly spread over a clip, first and last included; a cheap clip for many questions.

    Raises
    ------
    BadInput
        If fewer than 2 are asked for.

    Examples
    --------
    >>> few_frames(Clip(np.zeros((9, 4, 4, 3), np.uint8), 30.0), 3).fps
    10.0
    """
    if count < 2:
        raise BadInput(f"video: {count} frames are no motion: keep 2 or more")
    rows = np.unique(np.linspace(0, len(clip) - 1, count).round().astype(int))
    fps = clip.fps * len(rows) / len(clip)
    frames = np.stack([np.asarray(clip.frames[int(row)]) for row in rows])
    return Clip(frames, fps, label=clip.label, subject=clip.subject, source=clip.source)


class EndToEnd(nn.Module):
    """The whole system on one clip, as a black box: detector, crops, both branches, fusion.

    Maps changes (N, 3, H, W) in [0, 1] to the logarithms of the fused probabilities (N, 7). A change is laid
    over every frame; it is written as a picture in which 128/255 means "as it was", so that libraries can
    attack it. Frames are rounded to 8 bits, and the face is searched in each of them afresh.

    A change that makes the detector lose a face it had found is counted in `lost` and answered as if
    nothing had happened to the label: blinding the detector is another attack than turning the answer.

    Parameters
    ----------
    clip : Clip with a label
    models : the branches and their fusion
    tracker : a `FaceTracker.static()` to share between clips, or None for a new one

    Raises
    ------
    BadInput
        If the clip has no label. When asked: if a change does not fit the frames.
    NoFace
        If no frame of the clip shows a face.
    """

    def __init__(self, clip: Clip, models: Models, *, tracker: FaceTracker | None = None) -> None:
        super().__init__()
        if clip.label is None:
            raise BadInput(f"{clip.source}: has no label to turn: give a clip with one")
        self.frames = np.stack([np.asarray(frame) for frame in clip.frames])  # (T, H, W, 3)
        self.fps, self.label, self.source = clip.fps, index(clip.label), clip.source
        self.models, self.tracker = models, tracker or FaceTracker.static()
        self.anchor = nn.Parameter(torch.zeros(()))  # torchattacks asks parameters for their device
        self.lost = 0
        self.clean = self.see(self.frames)
        self.eval()

    @property
    def nothing(self) -> Tensor:
        """The change that changes nothing, (1, 3, H, W)."""
        return torch.full((1, 3, *self.frames.shape[1:3]), NO_CHANGE)

    def see(self, frames: np.ndarray) -> FaceSequence:
        """Find, crop and follow the face in frames (T, H, W, 3)."""
        points = np.stack([self.tracker(frame) for frame in frames])
        crops = [crop_face(f, p) if np.isfinite(p).all() else np.zeros((SIZE, SIZE), np.uint8)
                 for f, p in zip(frames, points, strict=True)]  # fmt: skip
        return sequence_from_points(points, np.stack(crops), fps=self.fps, source=self.source)

    def changed(self, change: Tensor) -> np.ndarray:
        """Lay a change (3, H, W) over the frames; return (T, H, W, 3) uint8."""
        if change.shape != self.nothing.shape[1:]:
            want = tuple(self.nothing.shape[1:])
            raise BadInput(f"{self.source}: a change of {tuple(change.shape)} does not fit: give {want}")
        levels = np.round(255 * (change.detach().double().numpy() - NO_CHANGE)).transpose(1, 2, 0)
        return np.clip(self.frames.astype(np.int16) + levels.astype(np.int16), 0, 255).astype(np.uint8)

    def answer(self, change: Tensor) -> Answer | None:
        """Return what the system says of the changed clip; None where a face is lost."""
        try:
            sequence = self.see(self.changed(change))
        except NoFace:
            return None
        return judge(sequence, self.models) if (sequence.found >= self.clean.found).all() else None

    def forward(self, changes: Tensor) -> Tensor:
        rows = []
        for change in changes:
            said = self.answer(change)
            if said is None:
                self.lost += 1
                rows.append(np.log(np.where(np.arange(len(LABELS)) == self.label, 0.99, 0.01 / 6)))
            else:
                rows.append(np.log(np.maximum(said.fused, 1e-12)))
        return torch.from_numpy(np.stack(rows)).to(changes.dtype)
