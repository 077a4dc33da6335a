"""A defense with a proof against patches: random occlusion, turned around and made exhaustive.

The network is shown only a strip or a block of the face, in every position in turn, and the positions vote. A
patch, whatever it shows, changes only the votes of positions that it reaches. Counting them proves an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .errors import BadInput
from .training import Batch, Batches


@dataclass(frozen=True)
class Ablation:
    """Show only one strip or block at a time; everything else is one grey.

    Parameters
    ----------
    keep : int, width of the strip, or side of the block, in pixels; it wraps around the edges
    kind : "column" or "block"
    stride : int, pixels from one position to the next
    fill : grey of what is not shown

    Source: Levine and Feizi (2020), "(De)randomized smoothing for certifiable defense against patch attacks",
    NeurIPS. There, the hidden part has a code of its own in additional channels; here it is a grey.

    Examples
    --------
    >>> Ablation(keep=2).windows(4).int().tolist()
    [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]
    """

    keep: int
    kind: str = "column"
    stride: int = 1
    fill: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in ("column", "block") or self.keep < 1 or self.stride < 1:
            raise BadInput("ablation: give kind 'column' or 'block', keep >= 1 and stride >= 1")

    def windows(self, side: int) -> Tensor:
        """Return which pixels along one side are shown in each position, (positions, side) bool."""
        if self.keep > side:
            raise BadInput(f"ablation: keep {self.keep} is more than the image's {side}: keep less")
        starts = torch.arange(0, side, self.stride)
        return (torch.arange(side) - starts[:, None]) % side < self.keep

    def shown(self, height: int, width: int) -> Tensor:
        """Return which pixels are shown in each position, (A, H, W) bool."""
        columns = self.windows(width)
        if self.kind == "column":
            return columns[:, None, :].expand(-1, height, -1)
        return (self.windows(height)[:, None, :, None] & columns[None, :, None, :]).flatten(0, 1)

    def reached(self, height: int, width: int, patch: int) -> Tensor:
        """Return which positions show a piece of a square patch, for every place of it, (places, A) bool."""
        if not 1 <= patch <= min(height, width):
            raise BadInput(f"ablation: the patch is {patch} pixels wide, the image {width} x {height}")

        def meets(side: int) -> Tensor:  # (places, positions)
            places = torch.arange(side - patch + 1)[:, None]
            inside = (torch.arange(side) >= places) & (torch.arange(side) < places + patch)
            return (inside[:, None, :] & self.windows(side)).any(-1)

        across = meets(width)
        if self.kind == "column":
            return across
        down = meets(height)
        both = down[:, None, :, None] & across[None, :, None, :]  # (places, places, positions, positions)
        return both.flatten(2, 3).flatten(0, 1)

    def apply(self, x: Tensor, shown: Tensor) -> Tensor:
        """Hide all but what is shown, (B, 1, H, W); `shown` is (B, H, W) bool."""
        return torch.where(shown.unsqueeze(1).to(x.device), x, torch.as_tensor(self.fill).to(x))


def ablated(batches: Batches, ablation: Ablation) -> Batches:
    """Show one random part of each image of a batch producer, for `training.fit`."""

    def produce(rng: np.random.Generator) -> Iterator[Batch]:
        for x, *rest in batches(rng):
            shown = ablation.shown(*x.shape[-2:])
            yield (ablation.apply(x, shown[torch.from_numpy(rng.integers(0, len(shown), len(x)))]), *rest)

    return produce


def votes(
    answer: Callable[[Tensor], Tensor], image: Tensor, ablation: Ablation, *, threshold: float = 0.3,
    size: int = 256,
) -> Tensor:  # fmt: skip
    """Return which classes each position votes for, (A, C) bool: those with a probability above a threshold.

    Parameters
    ----------
    answer : model, from (B, 1, H, W) to logits (B, C)
    image : (1, H, W) in [0, 1]
    threshold : a position may vote for several classes, or for none
    """
    with torch.no_grad():
        return torch.cat([
            answer(ablation.apply(image.expand(len(part), -1, -1, -1), part)).softmax(1) > threshold
            for part in ablation.shown(*image.shape[-2:]).split(size)
        ])  # fmt: skip


@dataclass(frozen=True)
class PatchCertificate:
    """The class with most votes, and whether a patch can change it.

    `by_count` allows the patch the most positions that any place reaches, all of them against the winner:
    the rule of the paper. `by_place` goes through the places of the patch and counts the votes that are
    really cast there. It is just as much a proof, and never certifies less.
    """

    label: int
    by_count: bool
    by_place: bool


def certify_patch(cast: Tensor, reached: Tensor) -> PatchCertificate:
    """Certify one image against one patch of any content, anywhere.

    Parameters
    ----------
    cast : (A, C) bool, from `votes`
    reached : (places, A) bool, from `Ablation.reached`

    Examples
    --------
    >>> cast = torch.zeros(9, 2, dtype=torch.bool)
    >>> cast[:8, 0], cast[8, 1] = True, True  # eight positions for class 0, one for class 1
    >>> certify_patch(cast, Ablation(keep=1).reached(9, 9, patch=3))
    PatchCertificate(label=0, by_count=True, by_place=True)
    """
    counts = cast.sum(0)  # (C,)
    label = int(np.argmax(counts.numpy()))  # the first of equal ones
    rivals = torch.arange(cast.shape[1]) != label
    wins_ties = (torch.arange(cast.shape[1]) < label).int()  # a rival that comes first needs only a tie
    margin = counts[label] - counts - wins_ties  # (C,), negative: the rival is ahead
    reach = reached.float()
    lost = reach @ cast[:, label].float()  # (places,), votes the winner can lose
    gained = reach @ (~cast).float()  # (places, C), votes each rival can win
    left = margin - lost[:, None] - gained
    by_count = bool((margin - 2 * reach.sum(1).max() >= 0)[rivals].all())
    return PatchCertificate(label, by_count, bool((left >= 0)[:, rivals].all()))


def patch_side(share: float, face_width: float) -> int:
    """Return the side in whole pixels of a square patch that is at least a share of the face's width.

    Examples
    --------
    >>> [patch_side(share, 48.0) for share in (0.05, 0.10, 0.15)]
    [3, 5, 8]
    """
    return math.ceil(share * face_width - 1e-9)
