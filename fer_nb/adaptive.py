"""Attacking a defense that is known: through its codec, averaged over its randomness, and without gradients.

The attacker knows the transformation and its distribution, not the draws to come. What these attacks find is
chosen and scored by `expected`, on draws of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from .attacks import Attackable, Attacked, check_epsilon, check_labels, launch, to_8_bits, under_attack
from .defense import DefendedModel
from .errors import BadInput
from .expected import ATTACK, answers_at_random, check_batch
from .gradient_attacks import pgd, shrink
from .image_attacks import bounded, minimal
from .labels import LABELS
from .pixels import check_pixels

_ROWS = 256  # transformed pictures in one pass with gradients


class Members(nn.Module):
    """Logits whose cross-entropy is the mean over draws of each draw's own cross-entropy.

    `DefendedModel` averages probabilities first and then takes the loss. Here each draw has its loss, and a
    draw that is already fooled does not silence the others. The logits are the mean log-probabilities; what
    they lack to a whole goes to one class more, (B, C + 1), so that a softmax changes nothing.

    Examples
    --------
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 7)).eval()
    >>> Members(DefendedModel(net, draws=4))(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 8])
    """

    def __init__(self, defended: DefendedModel) -> None:
        super().__init__()
        self.defended = defended
        self.train(defended.training)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.defended.member_logits(x).log_softmax(-1).mean(0)  # (K, B, C) -> (B, C)
        rest = (1 - mean.exp().sum(1, keepdim=True)).clamp_min(1e-12).log()
        return torch.cat([mean, rest], 1)


def eot(
    defended: DefendedModel,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    draws: int = 8,
    steps: int = 40,
    step: float = 0.1,
    restarts: int = 1,
    loss: str = "members",
    gradient: str = "soft",
    norm: str = "linf",
    seed: int = 0,
) -> Attacked:
    """PGD through the defense: expectation over transformation, with a stand-in for the codec's gradient.

    It is `gradient_attacks.pgd` on a model that averages over `draws` draws, new ones in each step. Costs in
    the answer count every draw.

    Parameters
    ----------
    x : pictures on the 256 levels; y : labels
    draws : the attacker's own number, whatever the defender's K is
    loss : "members" (see `Members`) or "mean" (of the averaged probabilities)
    gradient : of the codec, "soft" or "identity"

    Raises
    ------
    BadInput
        If loss or gradient is unknown, or as `attacks.launch` and `gradient_attacks.pgd`: among others, where
        the batch is empty, or a label is not one of 0 to 6.

    Source: Athalye et al. (2018), "Synthesizing robust adversarial examples", ICML (expectation over
    transformation); Athalye, Carlini and Wagner (2018), "Obfuscated gradients give a false sense of
    security", ICML (BPDA).
    """
    if gradient == "none":
        raise BadInput("adaptive: there is no gradient through a codec that rounds: use 'soft' or 'identity'")
    if loss not in ("members", "mean"):
        raise BadInput(f"adaptive: loss {loss!r} is unknown: use 'members' or 'mean'")
    seen = defended.with_gradient(gradient).with_draws(draws, seed=ATTACK + seed)
    target = under_attack(seen)
    target.check(x)
    check_labels(target, x, y)  # here, since `Members` has one class more, which is nobody's label
    if loss == "members":
        target = under_attack(Members(seen), classes=len(LABELS) + 1)
    attack = partial(
        pgd, epsilon=epsilon, steps=steps, step=step, restarts=restarts, norm=norm, seed=seed
    )  # fmt: skip
    found = launch(attack, target, x, y, epsilon=epsilon, norm=norm, seed=seed, size=max(1, _ROWS // draws))
    return _priced(found, draws)


def _priced(found: Attacked, draws: int) -> Attacked:
    """Count what an attack asked for in single draws."""
    fields = {**vars(found), "queries": found.queries * draws, "gradients": found.gradients * draws}
    return Attacked(**fields)


@dataclass(frozen=True)
class Plateau:
    """How accuracy fell as an attacker's effort was doubled."""

    counts: tuple[int, ...]
    accuracies: tuple[float, ...]
    reached: bool  # whether the last doubling brought less than the gain asked for

    @property
    def count(self) -> int:
        """The effort that is enough: the one whose doubling brought next to nothing, else the largest."""
        return self.counts[-2] if self.reached else self.counts[-1]


def grow(accuracy: Callable[[int], float], *, start: int = 1, limit: int = 64, gain: float = 0.01) -> Plateau:
    """Double an effort (draws, steps, restarts) until accuracy falls by less than `gain`.

    Examples
    --------
    >>> grow(lambda draws: 0.3 + 0.5 / draws).count
    32
    """
    if start < 1 or limit < start:
        raise BadInput(f"adaptive: start {start}, limit {limit}: give 1 <= start <= limit")
    counts, seen = [start], [accuracy(start)]
    while counts[-1] * 2 <= limit:
        counts.append(counts[-1] * 2)
        seen.append(accuracy(counts[-1]))
        if seen[-2] - seen[-1] < gain:
            return Plateau(tuple(counts), tuple(seen), True)
    return Plateau(tuple(counts), tuple(seen), False)


# ---------------------------------------------------------------- attackers without gradients, and controls


def square(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    queries: int = 1000,
    draws: int = 20,
    seed: int = 0,
) -> Attacked:
    """Search at random with scores alone, those of the mean of so many draws.

    They are the same draws for each question: with new ones each time a lucky answer would stay the best for
    good. And the search goes on after it has fooled this mean, since other draws will follow. The library
    would stop there, and would give back the original where it fails.

    Source: Andriushchenko et al. (2020), "Square attack", ECCV, as torchattacks has it.
    """
    check_epsilon(epsilon)
    if not answers_at_random(model):
        search = bounded("Square", epsilon, steps=queries, seed=seed)
        return launch(search, under_attack(model), x, y, epsilon=epsilon, seed=seed)
    asked = model.with_draws(draws)
    untiring = partial(_untiring, epsilon=epsilon, queries=queries)
    with asked.frozen(ATTACK + seed):
        return _priced(launch(untiring, under_attack(asked), x, y, epsilon=epsilon, seed=seed), draws)


def _untiring(model: Attackable, x: Tensor, y: Tensor, *, epsilon: float, queries: int) -> Tensor:
    """Run Square to its last question on every picture, and return the best attempts."""
    import torchattacks

    class Untiring(torchattacks.Square):  # type: ignore[misc]
        def margin_and_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            margin, loss = super().margin_and_loss(x, y)
            return margin.clamp_min(1e-6), loss  # never "fooled"

    search = Untiring(model, eps=epsilon, n_queries=queries)
    search.init_hyperparam(x)
    attempt: Tensor = search.attack_single_run(x, y)[1]
    return attempt


def hard_label(
    model: nn.Module, x: Tensor, y: Tensor, *, epsilon: float, steps: int = 10, draws: int = 20, seed: int = 0
) -> Attacked:  # fmt: skip
    """Look for the decision boundary with labels alone, those of the mean of so many draws.

    It looks for the smallest change; what is longer than the bound is cut to it.

    Source: Chen, Jordan and Wainwright (2020), "HopSkipJumpAttack", IEEE S&P, as Foolbox has it.
    """
    check_epsilon(epsilon)
    asked, count = (
        (model.with_draws(draws, seed=ATTACK + seed), draws) if answers_at_random(model) else (model, 1)
    )
    search = minimal("HopSkipJump", norm="linf", steps=steps)

    def within(seen: Attackable, a: Tensor, b: Tensor) -> Tensor:
        return a + shrink(search(seen, a, b) - a, epsilon, "linf")

    return _priced(launch(within, under_attack(asked), x, y, epsilon=epsilon, seed=seed), count)


def transfer(
    surrogate: nn.Module, x: Tensor, y: Tensor, *, epsilon: float, steps: int = 40, seed: int = 0
) -> Attacked:
    """Attack another model by PGD; the answer's logits are the surrogate's, its images are for the target.

    With the undefended twin as the surrogate these are the grey-box rows: codec and boxes are ignored.
    """
    attack = partial(pgd, epsilon=epsilon, steps=steps, seed=seed)
    return launch(attack, under_attack(surrogate), x, y, epsilon=epsilon, seed=seed)


def noise(x: Tensor, *, epsilon: float, count: int = 1, seed: int = 0) -> list[Tensor]:
    """Return control pictures: every pixel up or down by epsilon at random, rounded to 8 bits.

    Raises
    ------
    BadInput
        If there is no picture or none is asked for, pixels leave [0, 1], or the bound makes no sense.

    Examples
    --------
    >>> noise(torch.zeros(0, 1, 64, 64), epsilon=8 / 255)
    Traceback (most recent call last):
        ...
    fer_nb.errors.BadInput: adaptive: the batch is empty: give at least one picture
    """
    check_epsilon(epsilon)
    check_pixels("adaptive", x)
    check_batch("adaptive", x)
    if count < 1:
        raise BadInput(f"adaptive: {count} pictures of noise: ask for at least one")
    generator = torch.Generator().manual_seed(ATTACK + seed)
    signs = torch.randint(0, 2, (count, *x.shape), generator=generator) * 2 - 1
    return [to_8_bits((x + epsilon * sign).clamp(0, 1), x, epsilon=epsilon) for sign in signs]


def frozen_accuracy(
    defended: DefendedModel,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    steps: int = 40,
    seeds: Sequence[int] = (0,),
) -> float:
    """Accuracy when the defender's draws are fixed and known: what is left is not owed to randomness.

    An attack that fails even here is too weak, and its result on the random model means nothing.
    """
    if not len(seeds):
        raise BadInput("adaptive: no seeds to freeze the draws by: give at least one")
    shares = []
    for seed in seeds:
        with defended.frozen(seed):
            attack = partial(pgd, epsilon=epsilon, steps=steps, seed=seed)
            found = launch(attack, under_attack(defended), x, y, epsilon=epsilon, seed=seed, size=64)
            shares.append(found.accuracy(y))
    return sum(shares) / len(shares)
