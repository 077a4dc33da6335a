"""Warnings about an evaluation: signs that a model looks robust only because the attack went wrong.

Each check looks for one way in which attacks have failed before. A finding does not say that a defense is
bad, it says that the figures mean nothing until it is explained.

Source: Athalye, Carlini and Wagner (2018), "Obfuscated gradients give a false sense of security", ICML;
Carlini et al. (2019), "On evaluating adversarial robustness", arXiv:1902.06705.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .attacks import launch, under_attack
from .errors import BadInput
from .expected import answers_at_random, check_truth
from .image_attacks import bounded

NAMES = (
    "training mode", "wrong bounds", "probabilities", "not finite", "hidden randomness", "zero gradient",
    "saturated softmax", "masked gradient", "one step beats many", "noise beats the attack",
    "black box beats white box", "room does not help",
)  # fmt: skip
_PROBE = 1 / 255  # length of the step that tests a gradient
_HONEST = (0.2, 5.0)  # the margin's real fall over the predicted one, for gradients that can be used
_ROOM = 0.5  # a bound at which any picture can be made grey, and no model can be right


class WeakAttackWarning(UserWarning):
    """An evaluation shows a sign of an attack that did not work."""


@dataclass(frozen=True)
class Finding:
    """One sign, what was seen, and what to do."""

    name: str  # one of NAMES
    text: str


def diagnose(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    epsilon: float,
    steps: int = 20,
    queries: int = 200,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Look for signs that attacks on a model cannot be trusted.

    The randomness of a `DefendedModel` is declared, so its draws are frozen here. Any other randomness is a
    finding. Checks that would make no sense after an earlier finding are left out.

    Parameters
    ----------
    model : Module, from (B, 1, 64, 64) in [0, 1] to logits (B, C)
    x, y : pictures on the 256 levels that the model mostly reads rightly, and labels; 32 are enough
    epsilon : l-inf bound, such as 8/255
    steps, queries : of PGD, and of Square

    Returns
    -------
    findings, none for a model that is in order

    Raises
    ------
    BadInput
        If there is no picture, or labels are not one class number for each of them.

    Examples
    --------
    >>> toy = nn.Sequential(nn.Flatten(), nn.Linear(4, 7))
    >>> found = diagnose(toy, torch.rand(2, 1, 2, 2), torch.tensor([0, 1]), epsilon=8 / 255)
    >>> [finding.name for finding in found]
    ['training mode']
    """
    if not isinstance(y, Tensor):
        raise BadInput(f"diagnose: labels are a {type(y).__name__}: give a tensor, torch.as_tensor(labels)")
    if x.ndim != 4 or not len(x) or y.shape != (len(x),):
        shapes = f"{tuple(x.shape)} and {tuple(y.shape)}"
        raise BadInput(f"diagnose: got {shapes}: give pictures (B, C, H, W) and one label each")
    frozen: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if answers_at_random(model):
        frozen = model.frozen(seed)
    with frozen:
        found = _basics(model, x, y, epsilon) or _randomness(model, x)
        if any(finding.name != "hidden randomness" for finding in found):
            return tuple(found)  # attacks would be refused, or mean nothing
        slopes = _slopes(model, x, y)
        found += slopes
        if any(finding.name in ("not finite", "zero gradient") for finding in slopes):
            return tuple(found)
        return (*found, *_contests(model, x, y, epsilon, steps, queries, seed))


def inspect(images: Tensor, x: Tensor, *, epsilon: float) -> tuple[Finding, ...]:
    """Look at what an attack returned: is it within [0, 1], and within the bound?

    Examples
    --------
    >>> white = torch.ones(1, 1, 2, 2)
    >>> [finding.name for finding in inspect(1.1 * white, white, epsilon=0.2)]
    ['wrong bounds']
    """
    low, high = images.aminmax()
    if low < 0 or high > 1:
        text = f"attacked pixels run from {low:.3g} to {high:.3g}: tell the attack that bounds are (0, 1)"
        return (Finding("wrong bounds", text),)
    far = (images - x).abs().max()
    if far > epsilon + 1e-6:
        text = f"a pixel changed by {255 * far:.1f}/255, the bound is {255 * epsilon:.1f}/255: project on it"
        return (Finding("wrong bounds", text),)
    return ()


def warn(findings: Iterable[Finding]) -> None:
    """Turn findings into Python warnings."""
    for finding in findings:
        warnings.warn(f"{finding.name}: {finding.text}", WeakAttackWarning, stacklevel=2)


# ---------------------------------------------------------------- before any attack


def _basics(model: nn.Module, x: Tensor, y: Tensor, epsilon: float) -> list[Finding]:
    """What can be seen from the mode, the numbers given, and one answer."""
    if any(part.training for part in model.modules()):
        return [Finding("training mode", "dropout or batch statistics are active: call model.eval()")]
    low, high = x.aminmax()
    if low < 0 or high > 1:
        return [Finding("wrong bounds", f"pixels run from {low:.3g} to {high:.3g}: give [0, 1]")]
    if not 0 < epsilon <= 1:
        return [Finding("wrong bounds", f"epsilon is {epsilon:g} where pixels are in [0, 1]: give k/255")]
    z = _ask(model, x)
    check_truth("diagnose", y, z)
    if not torch.isfinite(z).all():
        return [Finding("not finite", "some logits are infinite or no numbers: repair the model")]
    if (z >= 0).all() and ((z.sum(1) - 1).abs() < 1e-4).all():
        return [Finding("probabilities", "the model answers with probabilities: take away its softmax")]
    as_is = _right(z, y)
    for name, other in (("[0, 255]", x * 255), ("[-1, 1]", 2 * x - 1)):
        if _share_read(model, other, y) > as_is + 0.2:
            text = f"the model reads pictures in {name} much better than in [0, 1]: scale inside the model"
            return [Finding("wrong bounds", text)]
    return []


def _share_read(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of pictures read rightly; none where the model refuses such pictures."""
    try:
        return _right(_ask(model, x), y)
    except BadInput:
        return 0.0


def _randomness(model: nn.Module, x: Tensor) -> list[Finding]:
    """Whether the same question gets different answers."""
    away = (_ask(model, x) - _ask(model, x)).abs().max()
    if away > 1e-4:
        text = f"the same picture gets logits that differ by {away:.2g}: average over draws"
        return [Finding("hidden randomness", text)]
    return []


def _slopes(model: nn.Module, x: Tensor, y: Tensor) -> list[Finding]:
    """Whether gradients are there, and whether the model moves as they say."""
    by_margin, by_loss = (_gradient(model, x, y, of) for of in (margin, _loss))
    if not (torch.isfinite(by_margin).all() and torch.isfinite(by_loss).all()):
        return [Finding("not finite", "some gradients are infinite or no numbers: look for sqrt or log")]
    steep, steep_loss = (g.flatten(1).abs().sum(1) for g in (by_margin, by_loss))  # (B,)
    dead = float((steep == 0).float().mean())
    if dead > 0.1:
        text = f"the gradient is zero for {dead:.0%} of the pictures: a step that rounds hides it, use BPDA"
        return [Finding("zero gradient", text)]
    out = []
    flat = float((steep_loss < 1e-20).float().mean())
    if flat > 0.1:
        text = f"the loss is flat for {flat:.0%} of the pictures, the logits are not: attack the margin"
        out.append(Finding("saturated softmax", text))
    with torch.no_grad():
        moved = (x - _PROBE * by_margin.sign()).clamp(0, 1)
        fall = margin(model(x), y) - margin(model(moved), y)
        promised = ((x - moved) * by_margin).flatten(1).sum(1)
    ratio = float((fall / promised.clamp_min(1e-30)).median())
    if not _HONEST[0] <= ratio <= _HONEST[1]:
        text = f"a small step moves the answer {ratio:.2g} times as far as the gradient says: use BPDA or EOT"
        out.append(Finding("masked gradient", text))
    return out


# ---------------------------------------------------------------- attacks against each other


def _contests(
    model: nn.Module, x: Tensor, y: Tensor, epsilon: float, steps: int, queries: int, seed: int
) -> list[Finding]:
    """Whether a weaker attacker does better than a stronger one."""
    target = under_attack(model, classes=_ask(model, x[:1]).shape[1])

    def after(name: str, size: float, **more: int) -> float:
        attack = bounded(name, size, seed=seed, **more)  # type: ignore[arg-type]
        return launch(attack, target, x, y, epsilon=size, seed=seed, size=64).accuracy(y)

    slack = max(0.03, 1.5 / len(x))
    many, out = after("PGD", epsilon, steps=steps), []
    rivals = {
        "one step beats many": ("FGSM", after("FGSM", epsilon), "take smaller steps, or more of them"),
        "noise beats the attack": ("noise", after("noise", epsilon), "the gradients lead nowhere"),
        "black box beats white box": (
            "Square", after("Square", epsilon, steps=queries), "gradients are masked: use BPDA or EOT",
        ),
    }  # fmt: skip
    for name, (rival, accuracy, remedy) in rivals.items():
        if many - accuracy > slack:
            text = f"accuracy {accuracy:.2f} under {rival}, {many:.2f} under PGD-{steps}: {remedy}"
            out.append(Finding(name, text))
    most = after("PGD", _ROOM, steps=steps)
    if most > 1.5 / target.classes + slack:
        text = f"accuracy {most:.2f} under PGD within {_ROOM:g}, where any picture can be made grey"
        out.append(Finding("room does not help", text))
    return out


def margin(logits: Tensor, y: Tensor) -> Tensor:
    """Return how far the true class is ahead of the best other one, (B,); negative when it is not.

    Examples
    --------
    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0])).tolist()
    [1.0]
    """
    true = logits.gather(1, y[:, None])[:, 0]
    others = logits.masked_fill(F.one_hot(y, logits.shape[1]).bool(), -torch.inf)
    return true - others.amax(1)


def _loss(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits, y, reduction="none")


def _gradient(model: nn.Module, x: Tensor, y: Tensor, of: object) -> Tensor:
    at = x.detach().clone().requires_grad_(True)
    value = of(model(at), y).sum()  # type: ignore[operator]
    if not value.requires_grad:
        return torch.zeros_like(x)
    (slope,) = torch.autograd.grad(value, at, allow_unused=True)
    return torch.zeros_like(x) if slope is None else slope


def _ask(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)


def _right(logits: Tensor, y: Tensor) -> float:
    return float((logits.argmax(1) == y).float().mean())
