"""Differential privacy for people: one clipped gradient a person, noise, and what it is worth.

A training is (epsilon, delta)-differentially private for people when adding or removing one person, with all
pictures of that person, changes the probability of any outcome by a factor of at most exp(epsilon), but for
delta. DP-SGD (Abadi et al. 2016) gets there in two moves: nobody's gradient may be longer than a bound, and
noise in proportion to the bound covers whether it was there. Who "nobody" is decides what is promised:
a bound for each picture hides pictures, not people.

Opacus counts the noise. The network has GroupNorm, for BatchNorm mixes people, and changes nothing in place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from .errors import BadInput
from .labels import LABELS
from .spatial import Normalize

Gradients = dict[str, Tensor]
ORDERS = tuple([1 + x / 10 for x in range(1, 100)] + list(range(11, 64)))  # Renyi orders, those of Opacus


class SmallNet(nn.Module):
    """A small convolutional network for trainings by the dozen: (B, 1, 64, 64) in [0, 1] to (B, 7) logits.

    It looks at 32 x 32 pixels, has some ten thousand weights, GroupNorm, and no operation in place.

    Examples
    --------
    >>> net = SmallNet()
    >>> net(torch.rand(2, 1, 64, 64)).shape, sum(p.numel() for p in net.parameters()) < 15_000
    (torch.Size([2, 7]), True)
    """

    def __init__(self, *, width: int = 16, dropout: float = 0.0) -> None:
        super().__init__()
        self.normalize = Normalize(window=7)
        parts: list[nn.Module] = []
        for before, after in ((3, width), (width, width), (width, 2 * width)):
            parts += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(4, after), nn.ReLU()]
        self.body = nn.Sequential(*parts)  # 32 -> 16 -> 8 -> 4
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(32 * width, len(LABELS)))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1:] != (1, 64, 64):
            raise BadInput(f"small network: input is {tuple(x.shape)}: give (B, 1, 64, 64) in [0, 1]")
        small = F.avg_pool2d(x, 2)  # (B, 1, 32, 32)
        return self.head(self.body(self.normalize(small)))


# ---------------------------------------------------------------- DP-SGD


@dataclass(frozen=True)
class PrivatePlan:
    """How to train. `noise` is in multiples of `clip`, `rate` the chance of a unit to be in a step."""

    noise: float
    clip: float = 1.0
    rate: float = 0.25
    steps: int = 100
    learning_rate: float = 0.5
    momentum: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        if self.noise < 0 or self.clip <= 0 or not 0 < self.rate <= 1 or self.steps < 1:
            raise BadInput("private plan: give noise >= 0, clip > 0, 0 < rate <= 1 and steps >= 1")


def gradients(model: nn.Module, x: Tensor, y: Tensor) -> Gradients:
    """Return the gradient of each unit's mean loss, all at once.

    Parameters
    ----------
    model : Module
        Maps (B, ...) to logits (B, C); without BatchNorm and operations in place.
    x : Tensor (U, S, ...)
        S inputs of each of U units. A unit is what is to be hidden: a person with S pictures, or
        (S = 1) one picture.
    y : Tensor (U, S)

    Returns
    -------
    dict of Tensor (U, ...), one for each parameter

    Raises
    ------
    BadInput
        If the model has a BatchNorm: its gradients are not those of single units.

    Examples
    --------
    >>> found = gradients(nn.Linear(3, 2), torch.rand(5, 4, 3), torch.zeros(5, 4, dtype=torch.long))
    >>> found["weight"].shape
    torch.Size([5, 2, 3])
    """
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        raise BadInput("private training: BatchNorm mixes people: use GroupNorm")
    weights = {name: value.detach() for name, value in model.named_parameters()}

    def loss(weights: Gradients, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(model, weights, (x,)), y)

    return vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)


def clipped(each: Gradients, bound: float) -> Gradients:
    """Shorten every unit's gradient to at most `bound` and add them up.

    Parameters
    ----------
    each : dict of Tensor (U, ...)
    bound : float
        Largest length of a unit's gradient over all parameters together.

    Returns
    -------
    dict of Tensor (...), the sum

    Examples
    --------
    >>> clipped({"w": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}, 1.0)["w"]
    tensor([0.9000, 1.2000])
    """
    length = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)  # (U,)
    factor = (bound / length.clamp(min=1e-12)).clamp(max=1.0)
    return {name: torch.tensordot(factor, g, dims=1) for name, g in each.items()}


def fit_private(model: nn.Module, x: Tensor, y: Tensor, plan: PrivatePlan) -> nn.Module:
    """Train with DP-SGD, in place, and return the model in evaluation mode.

    Parameters
    ----------
    model : Module, as in `gradients`
    x : Tensor (U, S, ...), S pictures of each of U units
    y : Tensor (U, S), their classes
    plan : PrivatePlan

    Source: Abadi et al. (2016), "Deep learning with differential privacy", CCS.

    Examples
    --------
    >>> plan = PrivatePlan(noise=1.0, steps=2)
    >>> x, y = torch.rand(6, 2, 3), torch.zeros(6, 2, dtype=torch.long)
    >>> fit_private(nn.Linear(3, 2), x, y, plan).training
    False
    """
    if len(x) != len(y) or not len(x):
        raise BadInput(f"private training: {len(x)} units of pictures, {len(y)} of classes: give as many")
    chance = torch.Generator().manual_seed(plan.seed)
    optimizer = torch.optim.SGD(model.parameters(), plan.learning_rate, momentum=plan.momentum)
    model.train()
    for step in range(plan.steps):
        drawn = torch.rand(len(x), generator=chance) < plan.rate  # each unit on its own: sizes vary
        if drawn.any():
            total = clipped(gradients(model, x[drawn], y[drawn]), plan.clip)
        else:
            total = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=chance) * plan.noise * plan.clip
            p.grad = (total[name] + noise) / (plan.rate * len(x))
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        optimizer.step()
    return model.eval()


# ---------------------------------------------------------------- counting


def noise_for(epsilon: float, *, delta: float, rate: float, steps: int) -> float:
    """Return the noise, in multiples of the bound, that a training with this epsilon needs (by Opacus).

    Infinite epsilon needs none.

    Raises
    ------
    BadInput
        If epsilon is not positive.
    """
    if epsilon <= 0:
        raise BadInput(f"epsilon is {epsilon}: give a positive number, or infinity for no privacy")
    if math.isinf(epsilon):
        return 0.0
    from opacus.accountants.utils import get_noise_multiplier

    options: dict[str, Any] = {"sample_rate": rate, "steps": steps, "accountant": "rdp"}
    return float(get_noise_multiplier(target_epsilon=epsilon, target_delta=delta, **options))


def epsilon_of(noise: float, *, delta: float, rate: float, steps: int) -> float:
    """Return the epsilon of a training with this noise (by Opacus); infinite without noise."""
    if noise <= 0:
        return math.inf
    from opacus.accountants.analysis import rdp

    spent = rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=steps, orders=ORDERS)
    return float(rdp.get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0])


def renyi(noise: float, rate: float, *, pictures: int = 1, orders: Sequence[float] = ORDERS) -> np.ndarray:
    """Return the Renyi divergence of one step when a person has several pictures, each clipped on its own.

    Each picture is drawn on its own with chance `rate`, so a person shifts the sum by j bounds, with j
    from a binomial distribution. The step is worst when all gradients point the same way; then it is a
    mixture of normal distributions on a line against a single one, and the divergence is an integral.
    With one picture this is what Opacus computes.

    Parameters
    ----------
    noise : float, in multiples of the bound of one picture
    rate : float, chance of a picture to be in a step
    pictures : int, of one person
    orders : Renyi orders, above 1

    Returns
    -------
    (len(orders),) array, the larger of both directions

    Source: Choquette-Choo et al. (2024), "Privacy amplification for matrix mechanisms", ICLR.

    Examples
    --------
    >>> one, seven = (renyi(2.0, 0.1, pictures=k, orders=[2.0])[0] for k in (1, 7))
    >>> bool(seven > 7 * one)
    True
    """
    from scipy.special import logsumexp
    from scipy.stats import binom

    span = 12 * noise + max(orders) * pictures
    at, width = np.linspace(-span, span + pictures, 20_001, retstep=True)  # (G,)
    shifts = np.arange(pictures + 1)[:, None]  # (J, 1)
    chances = binom.logpmf(shifts, pictures, rate)
    plain = -0.5 * (at / noise) ** 2 - math.log(noise * math.sqrt(2 * math.pi))
    gain = logsumexp(chances + (2 * shifts * at - shifts**2) / (2 * noise**2), axis=0)  # log of the ratio
    both = [[a * gain, (1 - a) * gain] for a in orders]  # with against without the person, and the reverse
    return np.array([max(logsumexp(plain + g) + math.log(width) for g in two) / (a - 1)
                     for a, two in zip(orders, both, strict=True)])  # fmt: skip


def person_epsilon(noise: float, *, pictures: int, delta: float, rate: float, steps: int) -> float:
    """Return what a training that hides single pictures promises to a person who has several of them.

    Parameters
    ----------
    noise, rate, steps : of the training, in which every picture was clipped on its own
    pictures : int, of one person
    delta : float, of the promise to the person
    """
    from opacus.accountants.analysis import rdp

    spent = steps * renyi(noise, rate, pictures=pictures)
    return float(rdp.get_privacy_spent(orders=ORDERS, rdp=spent, delta=delta)[0])
