"""Models under attack: what an attacker may ask, how far a change may go, and what it really was.

The attacked variable is the picture in [0, 1], before any equalization. A model is wrapped once; the wrapper
owns bounds and normalization, answers in logits, counts what it is asked, and refuses what would make an
attack look weaker or stronger than it is. Bounds are always in k/255 and are measured again afterwards, on
pictures rounded to 8 bits, as a stored picture is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from .errors import BadInput
from .labels import LABELS
from .pixels import check_pixels

NORMS = ("linf", "l2")
_LEVEL = 1e-3  # of a gray level
_LOOSE = 1e-3  # of a bound, by which an attack of a library may miss it
_AXES = {4: "(B, C, H, W)", 5: "(B, T, C, H, W)"}


class Attackable(nn.Module):
    """A model as attackers meet it: pictures in [0, 1] in, logits out, every question counted.

    Foolbox and torchattacks take it as an ordinary PyTorch model. Gradients reach the picture, not the
    weights, which stay as they are.

    Parameters
    ----------
    model : Module in evaluation mode, maps pictures to logits (B, C)
    video : bool; pictures are (B, T, C, H, W) rather than (B, C, H, W)
    mean, std : numbers for each channel, where the model wants (x - mean) / std
    classes : int, C

    Attributes
    ----------
    queries, gradients : int, pictures that were judged, and pictures that a gradient was computed for

    Raises
    ------
    BadInput
        If the model is in training mode. When asked: if the input has the wrong axes, is empty or leaves
        [0, 1], or if the answers are probabilities.

    Examples
    --------
    >>> toy = under_attack(nn.Sequential(nn.Flatten(), nn.Linear(4, 7)).eval())
    >>> toy(torch.rand(3, 1, 2, 2)).shape, toy.queries
    (torch.Size([3, 7]), 3)
    """

    bounds = (0.0, 1.0)
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        model: nn.Module,
        *,
        video: bool = False,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        classes: int = len(LABELS),
    ) -> None:
        super().__init__()
        self.model, self.axes, self.classes = model, 5 if video else 4, classes
        self.plain = list(mean) == [0.0] and list(std) == [1.0]
        shape = (1,) * (self.axes - 3) + (-1, 1, 1)  # channels are third from the end
        self.register_buffer("mean", torch.tensor(mean).view(shape))
        self.register_buffer("std", torch.tensor(std).view(shape))
        self.queries = self.gradients = 0
        self.training = model.training
        self._check_mode()

    def _check_mode(self) -> None:
        if self.training or any(part.training for part in self.model.modules()):
            raise BadInput("attack: the model is in training mode, its answers are random: call model.eval()")

    def check(self, x: Tensor) -> None:
        """Refuse pictures that this model cannot be attacked on."""
        wanted = _AXES[self.axes]
        check_pixels("attack", x)
        if x.ndim != self.axes:
            fix = "add the time axis with x.unsqueeze(1)" if x.ndim == 4 else "give one picture for each row"
            raise BadInput(f"attack: input is {tuple(x.shape)}, this model wants {wanted}: {fix}")
        if not len(x):
            raise BadInput("attack: the batch is empty: give at least one picture")

    def forward(self, x: Tensor) -> Tensor:
        self._check_mode()
        self.check(x)
        weights = {name: value.detach() for name, value in self.model.named_parameters()}
        z = functional_call(self.model, weights, (x if self.plain else (x - self.mean) / self.std,))
        if z.ndim != 2 or len(z) != len(x) or z.shape[1] != self.classes:
            want = f"({len(x)}, {self.classes})"
            raise BadInput(f"attack: the model answers with shape {tuple(z.shape)}, not {want}: give logits")
        seen = z.detach()
        if (seen >= 0).all() and ((seen.sum(1) - 1).abs() < 1e-4).all():
            raise BadInput("attack: the model answers with probabilities: take away its softmax, give logits")
        self.queries += len(x)
        if z.requires_grad:
            z.register_hook(self._count)
        return z

    def _count(self, slope: Tensor) -> None:
        self.gradients += len(slope)

    def forget(self) -> None:
        """Start counting from zero."""
        self.queries = self.gradients = 0


def under_attack(model: nn.Module, **options: object) -> Attackable:
    """Wrap a model for attackers; `options` are those of `Attackable`. What is wrapped stays as it is.

    Examples
    --------
    >>> under_attack(nn.Flatten())
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: attack: the model is in training mode, its answers are random: call model.eval()
    """
    return model if isinstance(model, Attackable) else Attackable(model, **options)  # type: ignore[arg-type]


def check_epsilon(epsilon: float, norm: str = "linf") -> float:
    """Return a bound that makes sense: in (0, 1] for a pixel, positive for a length.

    Examples
    --------
    >>> check_epsilon(8)
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: attack: epsilon is 8, pixels are in [0, 1]: give 8/255
    """
    if norm not in NORMS:
        raise BadInput(f"attack: unknown norm {norm!r}: use one of {', '.join(NORMS)}")
    if not 0 < epsilon < float("inf"):
        raise BadInput(f"attack: epsilon is {epsilon}: give a positive number such as 8/255")
    if norm == "linf" and epsilon > 1:
        raise BadInput(f"attack: epsilon is {epsilon:g}, pixels are in [0, 1]: give {epsilon:g}/255")
    return float(epsilon)


def check_labels(model: Attackable, x: Tensor, y: Tensor) -> None:
    """Refuse labels that are not one class number for each picture.

    Examples
    --------
    >>> toy = under_attack(nn.Flatten().eval())
    >>> check_labels(toy, torch.zeros(1, 1, 1, 7), torch.tensor([7]))
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: attack: labels run from 7 to 7: give 0 to 6
    """
    if not isinstance(y, Tensor):
        raise BadInput(f"attack: labels are a {type(y).__name__}: give a tensor, torch.as_tensor(labels)")
    if y.shape != (len(x),) or y.is_floating_point() or y.dtype == torch.bool:
        raise BadInput(f"attack: labels are {y.dtype} {tuple(y.shape)}: give {len(x)} class numbers")
    if y.dtype != torch.long:
        raise BadInput(f"attack: labels are {y.dtype}: give labels.long()")
    if len(y) and (int(y.min()) < 0 or int(y.max()) >= model.classes):
        raise BadInput(
            f"attack: labels run from {int(y.min())} to {int(y.max())}: give 0 to {model.classes - 1}"
        )


# ---------------------------------------------------------------- what it really was

Attack = Callable[[Attackable, Tensor, Tensor], Tensor]


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """Shape one value for each row (B,) so that it multiplies (B, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Attacked:
    """Pictures after an attack, as they would be stored.

    Attributes
    ----------
    images : (B, ...) in [0, 1], on the 256 levels of 8 bits
    logits : (B, C), the model's answer to these
    levels : (B,) largest change of a pixel, in 1/255; l2 : (B,) length of the change
    queries, gradients : float, what the attack asked for, for each picture
    """

    images: Tensor
    logits: Tensor
    levels: Tensor
    l2: Tensor
    queries: float
    gradients: float

    def accuracy(self, y: Tensor) -> float:
        """Share of pictures that are still read rightly."""
        return float((self.logits.argmax(1) == y).float().mean())

    def __str__(self) -> str:
        cost = f"{self.gradients:.0f} gradients and {self.queries:.0f} queries a picture"
        return f"at most {self.levels.max():.0f}/255 (l2 {self.l2.mean():.2f}), {cost}"


def to_8_bits(changed: Tensor, x: Tensor, *, epsilon: float | None = None, norm: str = "linf") -> Tensor:
    """Round changed pictures to the 256 levels that a file can hold, without leaving the bound.

    A pixel goes to the nearest level. Where that would leave the bound, the row is rounded toward the
    original one instead ("linf"), or its change is made a little shorter before it is rounded ("l2"): to
    round every pixel of a short change inward would leave nothing of it.

    Parameters
    ----------
    changed, x : (B, ...) in [0, 1]; x must lie on the levels already
    epsilon, norm : the bound to keep, None for no bound

    Raises
    ------
    BadInput
        If x is not on the levels, the bound makes no sense, or a change leaves it before it is rounded.

    Examples
    --------
    >>> x = torch.full((1, 1, 1, 2), 100 / 255)
    >>> (255 * to_8_bits(x + 1.6 / 255, x, epsilon=1.6 / 255)).round().flatten().tolist()
    [101.0, 101.0]
    """
    start = (x * 255).round()
    if ((start - x * 255).abs() > 1e-3).any():
        raise BadInput("attack: the originals are not 8-bit pictures: give k/255, such as uint8 crops / 255")
    change = changed.clamp(0, 1) * 255 - start
    levels = change.round()
    if epsilon is not None:
        limit = 255 * check_epsilon(epsilon, norm)
        largest = float(_size(change, norm).max())
        if largest > limit * (1 + _LOOSE) + _LEVEL:
            raise BadInput(
                f"attack: a change of {largest:.3g}/255 leaves its bound, {limit:.3g}/255 ({norm}): clip it, "
                "as gradient_attacks.shrink does, or give the bound that the attack was made for"
            )
        over = _size(levels, norm) > limit + _LEVEL
        inward = _inward(change) if norm == "linf" else _shorter(change, limit)
        levels = torch.where(per_row(over, x), inward, levels)
    return (start + levels) / 255


def _inward(change: Tensor) -> Tensor:
    """Round every pixel of a change, in levels, toward no change."""
    return (change.abs() + _LEVEL).floor() * change.sign()


def _shorter(change: Tensor, limit: float, *, tries: int = 12) -> Tensor:
    """Return the longest of some rounded multiples of a change, in levels, that keep an l2 bound."""
    low, high = torch.zeros(len(change)), torch.ones(len(change))
    best = _inward(change)  # always within the bound
    for _ in range(tries):
        factor = (low + high) / 2
        levels = (per_row(factor, change) * change).round()
        fits = levels.flatten(1).norm(dim=1) <= limit + _LEVEL
        best = torch.where(per_row(fits, change), levels, best)
        low, high = torch.where(fits, factor, low), torch.where(fits, high, factor)
    return best


def _size(change: Tensor, norm: str) -> Tensor:
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


def measured(
    model: Attackable, x: Tensor, images: Tensor, *, queries: int = 0, gradients: int = 0
) -> Attacked:
    """Measure stored pictures against their originals, and ask the model about them."""
    with torch.no_grad():
        logits = torch.cat([model(part) for part in images.split(128)])
    change = images - x
    each = len(x)
    return Attacked(
        images, logits, 255 * _size(change, "linf"), _size(change, "l2"), queries / each, gradients / each
    )


def launch(
    attack: Attack,
    model: Attackable,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float | None = None,
    norm: str = "linf",
    seed: int = 0,
    size: int = 128,
) -> Attacked:
    """Attack, round to 8 bits, measure and score again, and say what it cost.

    Parameters
    ----------
    attack : from (model, x, y) to changed pictures: `gradient_attacks.pgd` with a bound, or one of
        `image_attacks`
    x, y : pictures on the 256 levels, and labels
    epsilon, norm : the bound to keep in rounding; None for attacks that look for the smallest change
    seed : of torch's random numbers, which libraries use
    size : pictures in a batch

    Raises
    ------
    BadInput
        If the model is not wrapped, pictures, labels or bound make no sense, or the attack leaves its bound.

    Examples
    --------
    >>> toy = under_attack(nn.Sequential(nn.Flatten(), nn.Linear(4, 7)).eval())
    >>> x, y = torch.full((2, 1, 2, 2), 100 / 255), torch.tensor([0, 1])
    >>> print(launch(lambda model, x, y: x + 8 / 255, toy, x, y, epsilon=8 / 255))
    at most 8/255 (l2 0.06), 0 gradients and 0 queries a picture
    """
    if not isinstance(model, Attackable):
        raise BadInput(f"attack: the model is a {type(model).__name__}: wrap it, under_attack(model)")
    if epsilon is not None:
        check_epsilon(epsilon, norm)
    model.check(x)
    check_labels(model, x, y)
    model.forget()
    with seeded(seed):
        parts = [attack(model, a, b).detach() for a, b in zip(x.split(size), y.split(size), strict=True)]
    images = to_8_bits(torch.cat(parts), x, epsilon=epsilon, norm=norm)
    return measured(model, x, images, queries=model.queries, gradients=model.gradients)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside a block, and put its random state back after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
