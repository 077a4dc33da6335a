"""The fusion that won on validation, with constants that travel with the package.

The constants stand in `weights/fusion.json`, beside the weights of the branches that they were fitted for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from . import checkpoints
from .calibration import scale
from .errors import BadInput
from .fusion import Rule, mix, opinions, standardized, weighted_sum

_TINY = 1e-12


@dataclass(frozen=True)
class Settings:
    """A rule with what it has learned: `temperatures` of the branches, `lam` of the mix.

    `final` is the temperature of the fused answer, so that 0.9 means right nine times in ten.
    """

    rule: str = "sum"
    temperatures: tuple[float, ...] = (1.0, 1.0)
    lam: float = 0.0
    final: float = 1.0


MEAN = Settings()  # the plain mean of both branches; nothing is fitted


def apply(settings: Settings, p: np.ndarray) -> np.ndarray:
    """Fuse opinions (M, ..., C) by a rule with its constants; return probabilities (..., C).

    Raises
    ------
    BadInput
        If the rule is unknown.

    Examples
    --------
    >>> p = np.array([[0.8, 0.2], [0.4, 0.6]])
    >>> apply(Settings("calibrated product", (1.0, 2.0)), p).round(2).tolist()
    [0.77, 0.23]
    """
    log_p = np.log(np.maximum(p, _TINY))
    scaled = np.stack([scale(z, t) for z, t in zip(log_p, settings.temperatures, strict=True)])
    rules: dict[str, Rule] = {
        "sum": weighted_sum,
        "product": lambda q: q.prod(0),
        "standardized logits": lambda q: np.exp(standardized(np.log(np.maximum(q, _TINY)))),
        "mix M1": partial(mix, lam=settings.lam),
    }
    name = settings.rule.removeprefix("calibrated ")
    if name not in rules:
        raise BadInput(f"fusion: no rule {settings.rule!r} with constants: use one of {', '.join(rules)}")
    return scale(np.log(np.maximum(rules[name](scaled), _TINY)), settings.final)


@lru_cache(maxsize=1)
def shipped_settings() -> Settings:
    """Read the constants that the package ships; `fer_nb.experiments.fusion_system` makes them.

    Raises
    ------
    BadInput
        If they are missing or damaged.
    """
    path = checkpoints.WEIGHTS / "fusion.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["settings"]
        return Settings(kept["rule"], tuple(kept["temperatures"]), kept["lam"], kept["final"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{path}: missing or damaged: run `python -m fer_nb.experiments.fusion_system`"
        ) from None


def shipped(temporal: np.ndarray | None, spatial: np.ndarray | None) -> np.ndarray:
    """Fuse the probabilities (..., C) of the shipped branches by the rule that won on validation."""
    return fuse(shipped_settings(), temporal, spatial)


def fuse(settings: Settings, temporal: np.ndarray | None, spatial: np.ndarray | None) -> np.ndarray:
    """Fuse the probabilities (..., C) of two branches of which one may be unable to run.

    The other then speaks alone, at its own temperature.

    Raises
    ------
    BadInput
        If both are None, their shapes differ, or they are no probabilities.

    Examples
    --------
    >>> fuse(Settings(), None, np.array([0.4, 0.6])).round(2).tolist()
    [0.4, 0.6]
    """
    if temporal is None or spatial is None:
        p = opinions(*(q for q in (temporal, spatial) if q is not None))[0]
        return scale(np.log(np.maximum(p, _TINY)), settings.temperatures[0 if spatial is None else 1])
    return apply(settings, opinions(temporal, spatial))
