"""The settings that are compared: which structure and loss a recognizer is trained with.

Their values stand in the names of the kept units, so that changing one leaves the work on the others valid.
"""

from __future__ import annotations

from ..bottleneck import Setting

SETTINGS: dict[str, Setting] = {
    "plain": Setting(),
    "narrow": Setting(maps=2),
    "noise": Setting(rate=0.01),
    "adversary": Setting(adversary=3.0),
    "dependence": Setting(dependence=3.0),
    "hsic": Setting(independence=3.0),
    "combined": Setting(maps=2, rate=0.01, adversary=1.0),
    "narrow4": Setting(maps=4),
    "noise_low": Setting(rate=0.003),
    "adversary_low": Setting(adversary=1.0),
    "dependence_low": Setting(dependence=1.0),
}
ALONE = ("narrow", "noise", "adversary", "dependence", "hsic")  # one change each
STRENGTHS = ("narrow4", "noise_low", "adversary_low", "dependence_low")  # milder, one seed
RECOMMENDED = "combined"


def key(name: str) -> str:
    """Return what a setting is, as part of a file's name.

    Examples
    --------
    >>> key("narrow")
    'maps2_rateNone_adversary0.0_dependence0.0_independence0.0'
    """
    return "_".join(f"{part}{value}" for part, value in vars(SETTINGS[name]).items())
