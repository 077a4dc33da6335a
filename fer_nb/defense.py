"""The defense module: cover random boxes, compress at random quality, average the answers of several draws.

The randomness is explicit. `Transform.draw` makes numbers, `Transform.apply` uses them, and a `DefendedModel`
draws from a generator of its own, which can be seeded anew or frozen.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import jpeg
from .errors import BadInput
from .pixels import check_pixels

FILLS = ("mean", "random")


@dataclass(frozen=True)
class Draw:
    """The random numbers of one transformation of each of N images."""

    corners: Tensor  # (N, boxes, 4) top, bottom, left, right, in shares of the side
    greys: Tensor  # (N, boxes) in [0, 1]
    quality: Tensor  # (N,) int

    def __len__(self) -> int:
        return len(self.quality)

    def expand(self, images: int) -> Draw:
        """Use each draw for all of so many images: N draws become N * images rows, image by image."""
        return Draw(*(part.repeat_interleave(images, 0) for part in (self.corners, self.greys, self.quality)))


@dataclass(frozen=True)
class Transform:
    """T(x) = JPEG_q(x covered by boxes); what is drawn, and from what range.

    Parameters
    ----------
    boxes : int, how many boxes cover each image (0: no occlusion)
    size : pair, sides of a box in shares of the image's side, drawn uniformly, each side on its own
    fill : "mean" of the image, "random" grey for each box, or one grey in [0, 1]
    quality : pair of int, 1 to 100, JPEG quality drawn uniformly; None for no compression
    gradient : how the codec is differentiated, see `jpeg.coded`

    Source: the recipe of occlusion and compression is this book's reading of the defense module in the
    thesis it rebuilds; Guo et al. (2018), "Countering adversarial images using input transformations", ICLR.

    Examples
    --------
    >>> recipe = Transform(boxes=1, quality=None, fill=0.0)
    >>> draw = recipe.draw(4, torch.Generator().manual_seed(0))
    >>> recipe.apply(torch.ones(4, 1, 64, 64), draw).min().item()
    0.0
    """

    boxes: int = 2
    size: tuple[float, float] = (0.1, 0.3)
    fill: str | float = "mean"
    quality: tuple[int, int] | None = (30, 80)
    gradient: str = "soft"

    def __post_init__(self) -> None:
        if self.boxes < 0 or not 0 < self.size[0] <= self.size[1] <= 1:
            raise BadInput("transform: give boxes >= 0 and sizes 0 < low <= high <= 1 (shares of the side)")
        if isinstance(self.fill, str) and self.fill not in FILLS:
            raise BadInput(
                f"transform: fill {self.fill!r} is unknown: give a grey in [0, 1] or one of {FILLS}"
            )
        if not isinstance(self.fill, str) and not 0 <= self.fill <= 1:
            raise BadInput(f"transform: fill {self.fill} is outside [0, 1]: divide grey levels by 255")
        if self.quality is not None and not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise BadInput(f"transform: quality {self.quality}: give 1 <= low <= high <= 100, or None")
        if self.gradient not in jpeg.GRADIENTS:
            raise BadInput(f"transform: gradient {self.gradient!r}: choose from {', '.join(jpeg.GRADIENTS)}")

    def draw(self, count: int, generator: torch.Generator) -> Draw:
        """Draw the numbers for `count` images. Boxes lie wholly inside the image."""
        uniform = torch.rand(count, self.boxes, 5, generator=generator)
        side = self.size[0] + (self.size[1] - self.size[0]) * uniform[..., :2]  # (N, boxes, 2)
        start = uniform[..., 2:4] * (1 - side)
        corners = torch.stack([start, start + side], -1).flatten(-2)  # top, bottom, left, right
        low, high = self.quality or (100, 100)
        quality = torch.randint(low, high + 1, (count,), generator=generator)
        return Draw(corners, uniform[..., 4], quality)

    def mask(self, draw: Draw, box: int, height: int, width: int) -> Tensor:
        """Return where box number `box` of each image lies, (N, 1, H, W) bool."""
        top, bottom, left, right = (edge.view(-1, 1, 1, 1) for edge in draw.corners[:, box].unbind(-1))
        rows = ((torch.arange(height, device=top.device) + 0.5) / height).view(1, 1, -1, 1)
        columns = ((torch.arange(width, device=top.device) + 0.5) / width).view(1, 1, 1, -1)
        return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)

    def apply(self, x: Tensor, draw: Draw) -> Tensor:
        """Transform images (N, 1, H, W) in [0, 1], each with its own draw; differentiable by BPDA.

        Raises
        ------
        BadInput
            If there is not one draw for each image.
        """
        if len(draw) != len(x):
            raise BadInput(f"transform: {len(draw)} draws for {len(x)} images: give one for each")
        draw = Draw(*(part.to(x.device) for part in (draw.corners, draw.greys, draw.quality)))
        middle = x.mean((1, 2, 3), keepdim=True)  # (N, 1, 1, 1)
        out = x
        for box in range(self.boxes):
            if self.fill == "random":
                grey = draw.greys[:, box].view(-1, 1, 1, 1).to(x)
            else:
                grey = middle if isinstance(self.fill, str) else torch.full_like(middle, self.fill)
            out = torch.where(self.mask(draw, box, *x.shape[-2:]), grey, out)
        if self.quality is None:
            return out
        return jpeg.coded(out, draw.quality, gradient=self.gradient)


class DefendedModel(nn.Module):
    """A model behind random transformations: it answers with the mean probability over K draws.

    A drop-in: maps (B, 1, 64, 64) in [0, 1] to (B, C) logarithms of the averaged probabilities, which a
    softmax turns back into those probabilities. Every call draws anew; two calls differ. `seed` decides the
    whole sequence of calls.

    Parameters
    ----------
    model : Module, from (B, 1, 64, 64) in [0, 1] to logits (B, C)
    transform : Transform
    draws : int, K
    seed : int

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 7))
    >>> defended = DefendedModel(net, Transform(boxes=1), draws=3)
    >>> x = torch.rand(2, 1, 64, 64)
    >>> defended.member_logits(x).shape, defended(x).exp().sum(1).tolist()
    (torch.Size([3, 2, 7]), [1.0, 1.0])
    >>> with defended.frozen(seed=1):
    ...     bool((defended(x) == defended(x)).all())
    True
    """

    def __init__(
        self, model: nn.Module, transform: Transform | None = None, *, draws: int = 5, seed: int = 0
    ) -> None:
        super().__init__()
        if draws < 1:
            raise BadInput(f"defended model: draws {draws}: give at least one")
        self.model, self.transform, self.draws = model, transform or Transform(), draws
        self._generator = torch.Generator().manual_seed(seed)
        self._frozen: int | None = None
        self.train(model.training)

    def reseed(self, seed: int) -> DefendedModel:
        """Start the sequence of draws anew, and return the model itself."""
        self._generator.manual_seed(seed)
        return self

    @property
    def is_random(self) -> bool:
        """Whether two calls differ: True but inside `frozen`."""
        return self._frozen is None

    @contextmanager
    def frozen(self, seed: int) -> Iterator[DefendedModel]:
        """Use the same K draws for every image and every call: a deterministic model, inside a `with`.

        The draws belong to the seed and to their number: another K under the same seed is another model.
        """
        before, self._frozen = self._frozen, seed
        try:
            yield self
        finally:
            self._frozen = before

    def with_draws(self, draws: int, *, seed: int = 0) -> DefendedModel:
        """Return the same model under the same recipe, averaging over another number of draws.

        It has draws of its own and is random, also where this one is frozen.
        """
        return DefendedModel(self.model, self.transform, draws=draws, seed=seed)

    def with_gradient(self, gradient: str) -> DefendedModel:
        """Return the same defense, its codec differentiated in another way (see `jpeg.coded`).

        It goes on with the draws that would have come, and stays frozen where this one is.
        """
        recipe = Transform(**{**vars(self.transform), "gradient": gradient})
        twin = DefendedModel(self.model, recipe, draws=self.draws)
        twin._generator.set_state(self._generator.get_state())
        twin._frozen = self._frozen
        return twin

    def transformed(self, x: Tensor, draws: int) -> Tensor:
        """Return `draws` transformations of each image, (draws, B, 1, H, W)."""
        if self._frozen is None:
            drawn = self.transform.draw(draws * len(x), self._generator)
        else:
            drawn = self.transform.draw(draws, torch.Generator().manual_seed(self._frozen)).expand(len(x))
        return self.transform.apply(x.repeat(draws, 1, 1, 1), drawn).unflatten(0, (draws, len(x)))

    def member_logits(self, x: Tensor, draws: int | None = None) -> Tensor:
        """Return the logits of the single draws, (draws, B, C); K of them unless told otherwise."""
        if x.ndim != 4 or x.shape[1] != 1:
            raise BadInput(f"defended model: input is {tuple(x.shape)}: give (B, 1, 64, 64) in [0, 1]")
        check_pixels("defended model", x)
        count = draws or self.draws
        return self.model(self.transformed(x, count).flatten(0, 1)).unflatten(0, (count, len(x)))

    def forward(self, x: Tensor) -> Tensor:
        return log_mean(self.member_logits(x))  # (K, B, C) -> (B, C)

    def __deepcopy__(self, memo: dict[int, object]) -> DefendedModel:
        twin = DefendedModel(copy.deepcopy(self.model, memo), self.transform, draws=self.draws)
        twin._generator.set_state(self._generator.get_state())
        twin._frozen = self._frozen
        return twin.train(self.training)


def log_mean(member_logits: Tensor) -> Tensor:
    """Return the logarithm of the mean probability, (B, C), from the logits of K draws, (K, B, C).

    Examples
    --------
    >>> one_each = torch.tensor([[[100.0, 0.0]], [[0.0, 100.0]]])  # two draws, each sure of another class
    >>> log_mean(one_each).exp().tolist()
    [[0.5, 0.5]]
    """
    return member_logits.log_softmax(-1).logsumexp(0) - math.log(len(member_logits))
