"""Our own projected gradient descent: on pictures as on videos, everywhere or only in places.

Foolbox has it for pictures; on videos a change may also be tied, so that all frames share it. Without ties
and without a random start it gives what Foolbox gives, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .attacks import Attackable, check_epsilon, check_labels, per_row
from .errors import BadInput


def shrink(change: Tensor, epsilon: float, norm: str) -> Tensor:
    """Bring a change (B, ...) back into the ball of radius epsilon.

    Examples
    --------
    >>> shrink(torch.tensor([[3.0, 4.0]]), 1.0, "l2").round(decimals=2).tolist()
    [[0.6, 0.8]]
    """
    check_epsilon(epsilon, norm)
    if norm == "linf":
        return change.clamp(-epsilon, epsilon)
    length = change.flatten(1).norm(dim=1).clamp_min(1e-12)
    return change * per_row((epsilon / length).clamp_max(1), change)


def check_effort(steps: int, restarts: int = 1) -> None:
    """Refuse an attack that would do nothing, and so make any model look robust.

    Examples
    --------
    >>> check_effort(steps=40, restarts=0)
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: attack: 40 steps, 0 restarts: give at least one of each
    """
    if steps < 1 or restarts < 1:
        raise BadInput(f"attack: {steps} steps, {restarts} restarts: give at least one of each")


def uphill(slope: Tensor, norm: str) -> Tensor:
    """Turn a gradient (B, ...) into a step of size 1: its signs, or its direction.

    Examples
    --------
    >>> uphill(torch.tensor([[3.0, -4.0]]), "l2").round(decimals=2).tolist()
    [[0.6, -0.8]]
    """
    if norm == "linf":
        return slope.sign()
    return slope / per_row(slope.flatten(1).norm(dim=1).clamp_min(1e-12), slope)


def random_change(shape: Sequence[int], epsilon: float, norm: str, generator: torch.Generator) -> Tensor:
    """Draw a change (B, ...) evenly from the ball of radius epsilon."""
    if norm == "linf":
        return (torch.rand(tuple(shape), generator=generator) * 2 - 1) * epsilon
    drawn = uphill(torch.randn(tuple(shape), generator=generator), norm)
    count = drawn[0].numel()
    return drawn * per_row(torch.rand(shape[0], generator=generator) ** (1 / count), drawn) * epsilon


def slope_of(model: Attackable, show: Callable[[Tensor], Tensor], at: Tensor, y: Tensor) -> Tensor:
    """Return the gradient of the cross-entropy, summed over rows, at `at`, of which `show` makes pictures."""
    at = at.detach().requires_grad_(True)
    loss = F.cross_entropy(model(show(at)), y, reduction="sum")
    return torch.autograd.grad(loss, at)[0]


def pgd(
    model: Attackable,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    steps: int = 40,
    step: float = 0.1,
    norm: str = "linf",
    restarts: int = 1,
    random_start: bool = True,
    targeted: bool = False,
    where: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Projected gradient descent, on pictures (B, C, H, W) as on videos (B, T, C, H, W).

    Source: Madry et al. (2018), "Towards deep learning models resistant to adversarial attacks", ICLR.
    Without a random start it is Foolbox's `LinfPGD` to the last bit.

    Parameters
    ----------
    model : Attackable
    x : pictures in [0, 1]; y : (B,) true labels, or the wanted ones if `targeted`
    epsilon : bound, such as 8/255
    steps, step : how many steps, and the size of one in epsilons
    norm : "linf" or "l2", over all that belongs to one row
    restarts : starts from other places; of each row the one with the highest loss is kept, or the first
        that fools the model
    where : mask that fits x, 1 where pixels may change, or None for everywhere
    seed : of the random starts

    Returns
    -------
    Changed pictures, not rounded.

    Raises
    ------
    BadInput
        As `Attackable`, `check_epsilon`, `check_effort` and `check_labels`.

    Examples
    --------
    >>> from fer_nb.attacks import under_attack
    >>> toy = under_attack(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 7)).eval())
    >>> x, y = torch.full((2, 1, 2, 2), 0.5), torch.tensor([0, 1])
    >>> float((pgd(toy, x, y, epsilon=8 / 255, steps=3) - x).abs().max()) <= 8 / 255 + 1e-6
    True
    """
    epsilon = check_epsilon(epsilon, norm)
    check_effort(steps, restarts)
    model.check(x)
    check_labels(model, x, y)
    generator = torch.Generator().manual_seed(seed)
    sign = -1.0 if targeted else 1.0
    best, score = x, torch.full((len(x),), -torch.inf, dtype=x.dtype)

    def into_bounds(z: Tensor) -> Tensor:
        z = (x + shrink(z - x, epsilon, norm)).clamp(0, 1)
        return z if where is None else torch.where(where.bool(), z, x)

    for _ in range(restarts):
        z = x
        if random_start:
            z = into_bounds(x + random_change(x.shape, epsilon, norm, generator).to(x.dtype))
        for _ in range(steps):
            up = uphill(slope_of(model, lambda z: z, z, y), norm)
            z = into_bounds(z + sign * step * epsilon * up)
        if restarts == 1:
            return z
        gain = sign * success_first(model(z).detach(), y, targeted)
        better = gain > score
        best, score = torch.where(per_row(better, x), z, best), torch.where(better, gain, score)
    return best


def success_first(logits: Tensor, y: Tensor, targeted: bool) -> Tensor:
    """Return the cross-entropy (B,), made endless in the attacker's direction where she has succeeded.

    Examples
    --------
    >>> success_first(torch.tensor([[0.0, 5.0], [0.0, 0.0]]), torch.tensor([0, 0]), False).tolist()
    [inf, 0.6931471824645996]
    """
    loss = F.cross_entropy(logits, y, reduction="none")
    done = (logits.argmax(1) == y) if targeted else (logits.argmax(1) != y)
    return torch.where(done, torch.full_like(loss, -torch.inf if targeted else torch.inf), loss)


def tied_pgd(
    model: Attackable,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    tied: Sequence[int],
    steps: int = 40,
    step: float = 0.1,
    where: Tensor | None = None,
    random_start: bool = True,
    targeted: bool = False,
    seed: int = 0,
) -> Tensor:
    """Projected gradient descent (l-inf) on a change that is the same along some axes.

    The change itself keeps the bound; a frame shows as much of it as fits between black and white. Along the
    time axis of (B, T, C, H, W), (1,), it is one pattern over all frames; along (2, 3, 4) it is flicker: one
    number for each frame. Along the batch, (0,), it is universal: one change for all. With an axis of length
    1 nothing is tied, and it is `pgd`.

    Source: Moosavi-Dezfooli et al. (2017), "Universal adversarial perturbations", CVPR; for flicker, Pony et
    al. (2021), "Over-the-air adversarial flickering attacks against video recognition networks", CVPR.

    Parameters
    ----------
    tied : axes along which the change is the same
    others : as in `pgd`

    Examples
    --------
    >>> from fer_nb.attacks import under_attack
    >>> toy = under_attack(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 7)).eval(), video=True)
    >>> x, y = torch.full((2, 2, 1, 2, 2), 0.5), torch.tensor([0, 1])
    >>> change = tied_pgd(toy, x, y, epsilon=8 / 255, tied=(1,), steps=3) - x
    >>> bool((change[:, 0] == change[:, 1]).all())
    True
    """
    epsilon = check_epsilon(epsilon)
    check_effort(steps)
    model.check(x)
    check_labels(model, x, y)
    axes = sorted(set(tied))
    if not axes or not 0 <= axes[0] <= axes[-1] < x.ndim:
        raise BadInput(
            f"attack: tied axes {list(tied)}: give axes of {tuple(x.shape)}, such as (1,) for time"
        )
    shape = [1 if axis in axes else length for axis, length in enumerate(x.shape)]
    most, least = x.amax(axes, keepdim=True), x.amin(axes, keepdim=True)
    sign = -1.0 if targeted else 1.0

    def into_bounds(change: Tensor) -> Tensor:  # beyond -most or 1 - least it would show nowhere
        return change.clamp(-epsilon, epsilon).maximum(-most).minimum(1 - least)

    def show(change: Tensor) -> Tensor:
        return (x + (change if where is None else change * where)).clamp(0, 1)

    change = torch.zeros(shape, dtype=x.dtype)
    if random_start:
        generator = torch.Generator().manual_seed(seed)
        change = into_bounds(random_change(shape, epsilon, "linf", generator).to(x.dtype))
    for _ in range(steps):
        change = into_bounds(change + sign * step * epsilon * slope_of(model, show, change, y).sign())
    return show(change)
