"""Faults, planted on purpose into a model, its input or an attack, each with the warning it must raise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..defense import DefendedModel, Transform
from ..diagnostics import Finding, diagnose, inspect

Findings = tuple[Finding, ...]
Change = Callable[[nn.Module, Tensor], Tensor]  # from (model, x) to what a faulty model answers


class Faulty(nn.Module):
    """A model whose forward pass was changed."""

    def __init__(self, model: nn.Module, change: Change) -> None:
        super().__init__()
        self.model, self.change = model, change
        self.train(model.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.change(self.model, x)


def rounded(model: nn.Module, x: Tensor) -> Tensor:
    """Round the picture to 32 grey levels first: same answers, no gradient."""
    return model((x * 31).round() / 31)


def flipped(model: nn.Module, x: Tensor) -> Tensor:
    """Answer as before, with the gradient of the picture turned upside down."""
    decoy = x.flip(-2)
    return model(decoy - decoy.detach() + x.detach())


def reversed_(model: nn.Module, x: Tensor) -> Tensor:
    """Answer as before, with the sign of the gradient reversed."""
    return model(2 * x.detach() - x)


def shattered(model: nn.Module, x: Tensor) -> Tensor:
    """Add a wave that is zero on all 256 levels and steep between them."""
    z = model(x)
    drawn = torch.randn(x[0].numel(), z.shape[1], generator=torch.Generator().manual_seed(0)).to(x)
    return z + (2 * math.pi * 255 * x).sin().flatten(1) @ drawn


def noisy(model: nn.Module, x: Tensor) -> Tensor:
    """Add noise in the forward pass and tell nobody."""
    return model(x + 0.05 * torch.randn_like(x))


def saturated(model: nn.Module, x: Tensor) -> Tensor:
    """Stretch the logits, so that float32 holds no gradient of the loss."""
    return 1e5 * model(x)


def probabilities(model: nn.Module, x: Tensor) -> Tensor:
    """Answer with probabilities."""
    return model(x).softmax(1)


def bytes_wanted(model: nn.Module, x: Tensor) -> Tensor:
    """Read pictures in [0, 255]: a bound of 8/255 is then nothing."""
    return model(x / 255)


def rooted(model: nn.Module, x: Tensor) -> Tensor:
    """Add the root of zero, whose slope is infinite."""
    return model(x + 0 * (x - x.detach()).abs().sqrt())


def unstoppable(model: nn.Module, x: Tensor) -> Tensor:
    """Divide by zero in the logits of one class."""
    z = model(x)
    return torch.cat([z[:, :-1], z[:, -1:] / 0], 1)


_CHANGES: dict[str, tuple[Change, str]] = {
    "input rounded to 32 levels": (rounded, "zero gradient"),
    "gradient upside down": (flipped, "masked gradient"),
    "gradient reversed": (reversed_, "masked gradient"),
    "wave between the grey levels": (shattered, "masked gradient"),
    "noise in the forward pass": (noisy, "hidden randomness"),
    "logits times 100,000": (saturated, "saturated softmax"),
    "softmax at the end": (probabilities, "probabilities"),
    "model that wants [0, 255]": (bytes_wanted, "wrong bounds"),
    "root of zero": (rooted, "not finite"),
    "division by zero": (unstoppable, "not finite"),
}


@dataclass(frozen=True)
class Fault:
    """A planted fault, the finding that must come, and the findings that came."""

    name: str
    wanted: str
    found: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether the right warning was raised."""
        return self.wanted in self.found


def planted(model: nn.Module, x: Tensor, y: Tensor, *, epsilon: float, queries: int = 200) -> list[Fault]:
    """Plant every fault in turn and diagnose it.

    Parameters
    ----------
    model : Module in evaluation mode, in order, from pictures in [0, 1] to logits
    x, y : pictures on the 256 levels that it reads rightly, and labels
    """

    def of(other: nn.Module) -> Findings:
        return diagnose(other, x, y, epsilon=epsilon, queries=queries)

    blind = DefendedModel(model, Transform(boxes=0, quality=(60, 60), gradient="none"), draws=1)
    away = torch.where(x < 0.5, -1.0, 1.0)
    runs: dict[str, tuple[str, Findings]] = {
        name: (wanted, of(Faulty(model, change))) for name, (change, wanted) in _CHANGES.items()
    }
    runs |= {
        "JPEG without BPDA": ("zero gradient", of(blind)),
        "dropout left on": ("training mode", of(copy.deepcopy(model).train())),
        "pictures in [0, 255]": ("wrong bounds", diagnose(model, 255 * x, y, epsilon=epsilon)),
        "epsilon of 8 instead of 8/255": ("wrong bounds", diagnose(model, x, y, epsilon=8.0)),
        "attack that believes in [0, 255]": ("wrong bounds", inspect(x + 8 * away, x, epsilon=epsilon)),
        "attack that forgets the bound": (
            "wrong bounds", inspect((x - 2 * epsilon * away).clamp(0, 1), x, epsilon=epsilon),
        ),
    }  # fmt: skip
    return [Fault(name, wanted, tuple(f.name for f in found)) for name, (wanted, found) in runs.items()]


def false_alarms(model: nn.Module, x: Tensor, y: Tensor, *, epsilon: float, queries: int = 200) -> Findings:
    """Diagnose models that are in order: the model itself, and the same behind occlusion and JPEG."""
    found: list[Finding] = []
    for sound in (model, DefendedModel(model, Transform(), draws=5)):
        found += diagnose(sound, x, y, epsilon=epsilon, queries=queries)
    return tuple(found)
