"""What the units of the reconstruction experiment add up to: means over seeds, intervals over victims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..evaluation import Interval, bootstrap
from ..reconstruct import Verdict, fall, judge
from . import _reconstruction_units as units
from ._reconstruction_lab import World

SEEDS = (0, 1, 2)
WAYS = ("naive", "parrot")
Arrays = units.Arrays


class Scores:
    """Everything that is measured, with intervals over the victims; seeds are averaged first."""

    def __init__(self, who: World, done: dict[str, Arrays]) -> None:
        self.who, self.done = who, done
        self.person = [str(p) for p in who.victims.person]
        self.moving = units.moving(who)

    def of(self, name: str, side: int = 32) -> list[Arrays]:
        """Return the units of a setting, one for each seed that was run."""
        seeds = SEEDS if side == 32 else (0,)
        return [self.done[f"{name}-{side}-{s}"] for s in seeds if f"{name}-{side}-{s}" in self.done]

    def each(self, name: str, value: Callable[[Scores], Interval]) -> tuple[float, ...]:
        """Return a figure of a setting at 32 pixels for each seed alone; nothing where only one was run."""
        seeds = [s for s in SEEDS if f"{name}-32-{s}" in self.done]
        return tuple(value(self.only(seed)).value for seed in seeds) if len(seeds) > 1 else ()

    def only(self, seed: int) -> Scores:
        """Return the scores of one seed at 32 pixels; what was run once stays."""
        others = tuple(f"-32-{s}" for s in SEEDS if s != seed)
        return Scores(self.who, {name: unit for name, unit in self.done.items() if not name.endswith(others)})

    def stills(self, name: str, key: str, side: int = 32) -> np.ndarray:
        """Return one number for each still (N,) or probe clip (C,), averaged over seeds."""
        found = self.of(name, side)
        return np.mean([a[f"{key}.medium"] if f"{key}.medium" in a else a[key] for a in found], 0)

    def over_people(self, values: np.ndarray) -> Interval:
        """Return the mean of numbers of stills (N,), with its interval."""
        return bootstrap(lambda rows: float(values[rows].mean()), self.person)

    def ratio(self, name: str, side: int = 32) -> Interval:
        """Return the share of the similarity above the floor that a setting takes away."""
        plain, hard, floor = (self.stills(n, "ssim", side) for n in ("plain", name, "floor"))
        return bootstrap(
            lambda rows: fall(*(float(v[rows].mean()) for v in (plain, hard, floor))), self.person
        )

    def clips(self, name: str, keys: Sequence[str], side: int = 32) -> tuple[np.ndarray, str]:
        """Return hits of the probe clips (C,), averaged over seeds, of the strongest way, and its name."""
        every = {key: self.stills(name, key, side) for key in keys}
        best = max(every, key=lambda key: every[key].mean())
        return every[best], best

    def times_chance(self, hits: np.ndarray, person: np.ndarray) -> Interval:
        """Return the share of probe clips recognized, as a multiple of guessing."""
        count = self.who.people
        return bootstrap(lambda rows: count * float(hits[rows].mean()), [str(p) for p in person])

    def identity(self, name: str, keys: Sequence[str] = WAYS, side: int = 32) -> Interval:
        """Return how often people are recognized in a setting, as a multiple of guessing."""
        return self.times_chance(self.clips(name, keys, side)[0], self.of(name, side)[0]["probe_person"])

    def right(self, name: str, side: int = 32) -> np.ndarray:
        """Return hits of expression at the apex stills (A,), averaged over seeds."""
        return np.mean([a["right"][self.who.victims.apex] for a in self.of(name, side)], 0)

    def cost(self, name: str, side: int = 32, *, beside: str = "plain") -> Interval:
        """Return the points of accuracy that a setting costs, beside another one."""
        lost = self.right(beside, side) - self.right(name, side)
        people = [p for p, apex in zip(self.person, self.who.victims.apex, strict=True) if apex]
        return bootstrap(lambda rows: 100 * float(lost[rows].mean()), people)

    def explained(self, name: str, side: int = 32) -> Callable[[np.ndarray], float]:
        """Return a function from rows of stills to what the probe explains there, averaged over seeds."""
        truth = self.who.victims.units[:, self.moving]
        said = [a["units"] for a in self.of(name, side)]
        return lambda rows: float(np.mean([units.r_squared(truth[rows], s[rows]) for s in said]))

    def unit_cost(self, name: str, side: int = 32) -> Interval:
        """Return the fall of what a linear probe explains of the action units."""
        plain, hard = self.explained("plain", side), self.explained(name, side)
        return bootstrap(lambda rows: plain(rows) - hard(rows), self.person, resamples=300)

    def verdict(self, side: int = 32, name: str = "plain") -> Verdict:
        """Ask whether a ratio may be given: is this undefended attack strong enough?"""
        above = float((self.stills(name, "ssim", side) - self.stills("floor", "ssim", side)).mean())
        hits = self.clips(name, WAYS, side)[0].mean()
        return judge(above, float(hits), 1 / self.who.people)

    def shipped(self) -> Verdict:
        """Ask the same of the attack on the shipped branch, over the floor at its size."""
        mine = self.done["shipped"]
        above = float((mine["ssim"] - self.stills("floor", "ssim", 64)).mean())
        return judge(above, max(float(mine[way].mean()) for way in WAYS), 1 / self.who.people)
