"""The settings that are compared: which structure and loss a recognizer is trained with.

Their values stand in the names of the kept units, so that changing one leaves the work on the others valid.
"""

from __future__ import annotations

from ..bottleneck import Setting

SETTINGS: dict[str, Setting] = {
    "plain": Setting(),
    "narrow": Setting(maps=2),
    "dense": Setting(numbers=16),
    "noise": Setting(rate=0.01),
    "adversary": Setting(adversary=3.0),
    "dependence": Setting(dependence=3.0),
    "hsic": Setting(independence=3.0),
    "combined": Setting(numbers=16, rate=0.002, adversary=1.0),
    "narrow4": Setting(maps=4),
    "noise_low": Setting(rate=0.003),
    "adversary_low": Setting(adversary=1.0),
    "dependence_low": Setting(dependence=1.0),
    "hsic_low": Setting(independence=0.3),
    "dense_noise": Setting(numbers=16, rate=0.002),
    "placed": Setting(maps=2, rate=0.01, adversary=1.0),
}
ALONE = ("narrow", "dense", "noise", "adversary", "dependence", "hsic")  # one change each
STRENGTHS = ("narrow4", "noise_low", "adversary_low", "dependence_low", "hsic_low", "dense_noise", "placed")
RECOMMENDED = "combined"


def key(name: str) -> str:
    """Return what a setting is, as part of a file's name.

    Examples
    --------
    >>> key("narrow")
    'maps2_numbersNone_rateNone_adversary0.0_dependence0.0_independence0.0'
    """
    return "_".join(f"{part}{value}" for part, value in vars(SETTINGS[name]).items())
