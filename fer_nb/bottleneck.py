"""Features that say less about the face: structure and loss of a recognizer changed against reconstruction.

A recognizer here is an encoder, whose features are released, and a head. Structure: how many numbers are
released, and whether noise is added to them. Loss: a price on what the features carry besides expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .augment import mirror, move, noise, relight
from .dependence import distance_correlation, divergence, hsic
from .errors import BadInput
from .labels import LABELS
from .spatial import Normalize

UNSURE = -100  # label of a picture between neutral and apex: only its action units are learned
_WIDTHS = (16, 32, 64, 64)


def _size(maps: int, numbers: int | None) -> int:
    """Return how many numbers a code has: 4x4 places of each map, or sums of them."""
    return 16 * maps if numbers is None else numbers


class Recognizer(nn.Module):
    """A small convolutional encoder whose code is released, and linear heads on the code.

    Maps (B, 1, S, S) in [0, 1] to (B, 7) logits; S is 32 or 64. The code is a stack of `maps` maps of 4x4
    places, or, where `numbers` is given, so many weighted sums of them: each sees the whole face, and says
    nothing of where in it. With `noisy`, the code is drawn from a normal distribution of which the network
    gives mean and spread, in training and whenever it is released.

    Raises
    ------
    BadInput
        If there is no such side, or less than one map or number.

    Examples
    --------
    >>> x = torch.rand(2, 1, 32, 32)
    >>> Recognizer()(x).shape, Recognizer(maps=2).release(x).shape, Recognizer(numbers=16).release(x).shape
    (torch.Size([2, 7]), torch.Size([2, 32]), torch.Size([2, 16]))
    """

    def __init__(
        self,
        *,
        side: int = 32,
        maps: int = 64,
        numbers: int | None = None,
        noisy: bool = False,
        units: int = 22,
    ) -> None:
        super().__init__()
        size = _size(maps, numbers)
        if side not in (32, 64) or maps < 1 or size < 1:
            raise BadInput(
                f"recognizer: side {side}, {maps} maps, {numbers} numbers: give a side of 32 or 64, and 1 "
                "or more of what is released"
            )
        self.side, self.noisy = side, noisy
        parts: list[nn.Module] = []
        before, both = 3, 2 if noisy else 1  # mean and spread
        for k, width in enumerate(_WIDTHS[: int(math.log2(side)) - 2]):  # side -> 4
            window = 5 if k == 0 else 3
            parts += [nn.Conv2d(before, width, window, stride=2, padding=window // 2)]
            parts += [nn.GroupNorm(4, width), nn.ReLU()]
            before = width
        if numbers is None:
            parts.append(nn.Conv2d(before, maps * both, 1))
        else:
            parts += [nn.Conv2d(before, maps, 1), nn.Flatten(), nn.Dropout(0.2)]
            parts.append(nn.Linear(16 * maps, numbers * both))
        left_out = 0.2 if numbers is None else 0.0  # places are dropped before they are summed, sums never
        self.normalize = Normalize(window=13 if side == 64 else 7)
        self.body = nn.Sequential(*parts)
        self.head = nn.Sequential(nn.Dropout(left_out), nn.Linear(size, len(LABELS)))
        self.units = nn.Sequential(nn.Dropout(left_out), nn.Linear(size, units))

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the mean of the code (B, K), and the log of its variance (B, K) or None without noise."""
        if x.ndim != 4 or x.shape[1:] != (1, self.side, self.side):
            raise BadInput(
                f"recognizer: input is {tuple(x.shape)}: give (B, 1, {self.side}, {self.side}) in [0, 1]"
            )
        stack = self.body(self.normalize(x))  # (B, maps, 4, 4) or (B, numbers), twice as many where noisy
        if not self.noisy:
            return stack.flatten(1), None  # (B, K), K = 16 maps or `numbers`
        mean, spread = (half.flatten(1) for half in stack.chunk(2, 1))
        return mean, spread.clamp(-8, 4)

    def release(self, x: Tensor) -> Tensor:
        """Return what leaves the device, (B, K): the code, drawn anew at each call where it is noisy."""
        mean, spread = self.parts(x)
        return mean if spread is None else mean + torch.randn_like(mean) * (spread / 2).exp()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.release(x))


# ---------------------------------------------------------------- training


@dataclass(frozen=True)
class Setting:
    """One way to harden a recognizer. All prices 0 and many maps: the plain one.

    Attributes
    ----------
    maps : of 4x4 numbers that are released
    numbers : weighted sums of all these that are released in their place; None for the maps themselves
    rate : price of a nat of a noisy code; None for a code without noise
    adversary : price of what a decoder, trained along, explains of the picture's variance
    dependence : price of the distance correlation of picture and code
    independence : price of the normalized HSIC of picture and code
    """

    maps: int = 64
    numbers: int | None = None
    rate: float | None = None
    adversary: float = 0.0
    dependence: float = 0.0
    independence: float = 0.0

    def __post_init__(self) -> None:
        prices = (self.rate or 0.0, self.adversary, self.dependence, self.independence)
        if self.maps < 1 or self.size < 1 or min(prices) < 0:
            raise BadInput(f"setting: {self}: give 1 map or number or more, and prices of 0 or more")

    @property
    def size(self) -> int:
        """How many numbers are released."""
        return _size(self.maps, self.numbers)

    def build(self, *, side: int = 32, units: int = 22) -> Recognizer:
        """Return an untrained recognizer of this structure."""
        return Recognizer(
            side=side, maps=self.maps, numbers=self.numbers, noisy=self.rate is not None, units=units
        )


def task_loss(net: Recognizer, code: Tensor, labels: Tensor, units: Tensor) -> Tensor:
    """Cross-entropy of the label and of each action unit's intensity, as for the spatial branch."""
    named = F.cross_entropy(net.head(code), labels, ignore_index=UNSURE, label_smoothing=0.1)
    if not bool((labels != UNSURE).any()):
        named = code.sum() * 0
    return named + 5 * F.binary_cross_entropy_with_logits(net.units(code), units.clamp(0, 1))


def penalty(setting: Setting, x: Tensor, code: Tensor, mean: Tensor, spread: Tensor | None) -> Tensor:
    """Return the price of a batch of codes, without the adversary's share."""
    cost = code.sum() * 0
    if setting.rate and spread is not None:
        cost = cost + setting.rate * divergence(mean, spread)
    if setting.dependence:
        cost = cost + setting.dependence * distance_correlation(x, code)
    if setting.independence:
        cost = cost + setting.independence * hsic(x, code)
    return cost


def explained(guess: Tensor, x: Tensor) -> Tensor:
    """Share of the pixels' variance over a batch that a guess explains; below 0 when it is worse than none.

    Examples
    --------
    >>> x = torch.rand(4, 1, 2, 2)
    >>> explained(x, x).item()
    1.0
    """
    away = (x - x.mean(0, keepdim=True)).square().mean().clamp_min(1e-8)
    return 1 - (guess - x).square().mean() / away


def harden(
    setting: Setting,
    x: Tensor,
    labels: Tensor,
    units: Tensor,
    *,
    epochs: int = 12,
    batch: int = 64,
    seed: int = 0,
    rate: float = 2e-3,
    adversary: Callable[[int, int], nn.Module] | None = None,
    inner: int = 1,
) -> tuple[Recognizer, list[float]]:
    """Train a recognizer under a setting's prices; return it in evaluation mode, and each epoch's loss.

    The adversary is a decoder that learns along, `inner` steps for each step of the recognizer. It judges
    the pictures as augmented, and so do the dependence penalties.

    Parameters
    ----------
    x : (N, 1, S, S) in [0, 1]
    labels : (N,), `UNSURE` where a picture is neither neutral nor apex
    units : (N, U) in [0, 1]
    adversary : from the size of the code and S to a decoder (B, K) -> (B, 1, S, S)

    Raises
    ------
    BadInput
        If there is a price on an adversary and none is given, lengths differ, or a loss is not finite.

    Examples
    --------
    >>> x, labels, units = torch.rand(8, 1, 32, 32), torch.zeros(8, dtype=torch.long), torch.rand(8, 22)
    >>> net, losses = harden(Setting(maps=1), x, labels, units, epochs=1, batch=4)
    >>> net.release(x).shape, len(losses)
    (torch.Size([8, 16]), 1)
    """
    if setting.adversary and adversary is None:
        raise BadInput("harden: the setting has a price on an adversary: give one to train along")
    if not len(x) == len(labels) == len(units) >= 2:
        raise BadInput(f"harden: {len(x)} pictures, {len(labels)} labels, {len(units)} units: align them")
    torch.manual_seed(seed)
    net = setting.build(side=x.shape[-1], units=units.shape[1])
    rival = adversary(setting.size, x.shape[-1]) if setting.adversary and adversary else None
    mine = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-2)
    theirs = torch.optim.Adam(rival.parameters(), 2e-3) if rival is not None else None
    losses, steps = [], 0
    for epoch in range(epochs):
        total = []
        for rows in _shuffled(len(x), batch, (seed, epoch)):
            seen = noise(relight(move(mirror(x[rows]))))
            if rival is not None and theirs is not None:
                _teach(rival, theirs, net, seen, inner)
            mean, spread = net.parts(seen)
            code = mean if spread is None else mean + torch.randn_like(mean) * (spread / 2).exp()
            loss = task_loss(net, code, labels[rows], units[rows]) + penalty(
                setting, seen, code, mean, spread
            )
            if rival is not None:
                loss = loss + setting.adversary * F.relu(explained(rival(code), seen))
            if not bool(torch.isfinite(loss)):
                raise BadInput(f"harden: the loss is {loss.item()} in epoch {epoch + 1}: lower the prices")
            for group in mine.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * epoch / epochs)) * min(1, (1 + steps) / 50)
            mine.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            mine.step()
            total.append(loss.item())
            steps += 1
        losses.append(float(np.mean(total)))
    return net.eval(), losses


def _teach(
    rival: nn.Module, optimizer: torch.optim.Optimizer, net: Recognizer, x: Tensor, times: int
) -> None:
    """Let the adversary learn from the codes as they are now."""
    with torch.no_grad():
        code = net.release(x)
    for _ in range(times):
        loss = F.mse_loss(rival(code), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _shuffled(count: int, size: int, seed: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield the rows of an epoch, a batch at a time; a last batch of one is left out."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(count))
    for rows in order.split(size):
        if len(rows) > 1:
            yield rows
