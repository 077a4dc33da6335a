"""What can be recovered from released pictures? `python -m fer_nb.experiments.reconstruction_images`.

Threat I2, asked of pictures in place of codes. `reconstruction` had asked one decoder of medium size, and
only of coarse squares and of redrawn faces. Here fresh decoders of three sizes and ridge are asked, with the
same victims, the same people of the attacker, the same facts told and the same scores. The methods that
belong into every privacy table stand beside: blur, k-same, lines of landmarks on everybody's resting shape,
and a stock face for the class that is read. Each has one setting, that of the figure of attacks in chapter 09
(squares: that of `reconstruction`); its sweep over strength is there. The undefended release, *original*,
says whether an attacker is strong enough for a ratio. One seed, pictures of 32 pixels, a still at a time.
Decoders of three sizes are asked of original, squares and redrawn faces, the medium one and ridge of all.

What had been seen before: the medium decoder on squares and on redrawn faces, the probe on both, every attack
on codes by ridge, and chapter 09. No setting was chosen by what these attackers find.

Hypotheses, written down before the run:

originals_allow  With each of the four attackers, undefended pictures allow a ratio by `reconstruct.judge`.
larger_is_nearer From squares, each larger decoder comes nearer, and ridge comes nearer than all of them.
simple_leak      From squares, from blur and from k-same, the strongest attacker recognizes at least ten times
                 chance.
label_at_floor   From stock faces, neither attacker lies further than 0.02 of SSIM from its own floor.
lines_at_floor   From lines, no attacker lies 0.05 of SSIM or more above its own floor.
redrawn_at_floor From redrawn faces, no attacker lies 0.02 of SSIM or more above its own floor.
redrawn_unknown  From redrawn faces, no attacker recognizes more than three times chance.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import results
from .._parallel import bar
from ..cache import save_arrays
from ..evaluation import bootstrap
from ..reconstruct import Verdict, fall, judge
from . import _images_lab as lab
from . import _reconstruction_units as units
from . import reconstruction_linear as linear
from ._hypotheses import hypotheses
from ._reconstruction_lab import SPLIT, World, world
from ._reconstruction_report import Book
from ._reconstruction_scores import WAYS, Scores
from ._tables import write_table

HYPOTHESES = ("originals_allow", "larger_is_nearer", "simple_leak", "label_at_floor", "lines_at_floor",
              "redrawn_at_floor", "redrawn_unknown")  # fmt: skip
SIZES = ("small", "medium", "large")
SIZED = ("original", "squares", "anonymized")  # releases of which decoders of every size are asked
HIDDEN = tuple(name for name in lab.NAMES if name != "original")
ATTACKS = tuple(
    (name, attacker)
    for name in ("floor", *lab.NAMES)
    for attacker in (*(SIZES if name in (*SIZED, "floor") else ("medium",)), "ridge")
)
RECORDS = (
    *(f"reconstruct.images.{what}.{name}.{attacker}" for name, attacker in ATTACKS
      for what in ("ssim", "identity")),
    *(f"reconstruct.images.above.{name}.{attacker}" for name, attacker in ATTACKS if name != "floor"),
    *(f"reconstruct.images.taken.{name}.{attacker}" for name, attacker in ATTACKS if name in HIDDEN),
    *(f"reconstruct.images.{what}.{name}" for name in lab.NAMES for what in ("probe", "as_is")),
    *(f"reconstruct.images.ratio_allowed.{attacker}" for attacker in (*SIZES, "ridge")),
    "reconstruct.images.hypotheses_held", *(f"reconstruct.images.hypotheses_held.{h}" for h in HYPOTHESES),
)  # fmt: skip
TABLE = "reconstruct.images.csv"
GALLERY = "predictions/reconstruct.images.npz"
Arrays = units.Arrays
Work = dict[str, Callable[[World], Arrays]]


def attack(who: World, name: str, attacker: str) -> Arrays:
    """Make or read one unit: a release, or the floor, and who attacks it."""
    if name == "floor":
        if attacker == "ridge":
            return linear.attack(who, "floor", lab.SIDE, lab.SEED)
        return units.floor(who, lab.SIDE, lab.SEED, attacker)
    return lab.ridge(who, name) if attacker == "ridge" else lab.decoder(who, name, attacker)


def plan() -> Work:
    """Return every unit of work by its name: ridge first, then decoders from the medium one outward."""
    order = ("ridge", "medium", "small", "large")
    pairs = sorted(ATTACKS, key=lambda pair: order.index(pair[1]))
    return {f"{name}.{attacker}": partial(attack, name=name, attacker=attacker) for name, attacker in pairs}


# ---------------------------------------------------------------- what the units add up to


class Found:
    """What was measured, by name of a unit, with intervals over the victims."""

    def __init__(self, who: World, done: Mapping[str, Arrays]) -> None:
        self.done, self.scores, self.people = done, Scores(who, {}), who.people

    def near(self, name: str, attacker: str) -> np.ndarray:
        """Return the similarity of each still, (N,)."""
        return self.done[f"{name}.{attacker}"]["ssim"]

    def above(self, name: str, attacker: str) -> np.ndarray:
        """Return how far each still lies above the floor of the same attacker, (N,)."""
        return self.near(name, attacker) - self.near("floor", attacker)

    def hits(self, name: str, attacker: str) -> tuple[np.ndarray, str]:
        """Return hits of the probe clips (C,) of the stronger way to recognize, and its name."""
        unit = self.done[f"{name}.{attacker}"]
        best = max(WAYS, key=lambda way: unit[way].mean())
        return unit[best], best

    def times(self, name: str, attacker: str) -> float:
        """Return how often people are recognized, as a multiple of guessing."""
        return self.people * float(self.hits(name, attacker)[0].mean())

    def verdict(self, attacker: str) -> Verdict:
        """Ask whether an attacker is strong enough: may a fall be given as a ratio?"""
        above = float(self.above("original", attacker).mean())
        return judge(above, float(self.hits("original", attacker)[0].mean()), 1 / self.people)

    def taken(self, name: str, attacker: str) -> Any:
        """Return the share of the similarity above the floor that a method takes away, with its interval."""
        three = [self.near(n, attacker) for n in ("original", name, "floor")]
        return bootstrap(
            lambda rows: fall(*(float(values[rows].mean()) for values in three)), self.scores.person
        )

    def of(self, name: str) -> tuple[str, ...]:
        """Return who attacked a release."""
        return tuple(attacker for n, attacker in ATTACKS if n == name)


def verdicts(found: Found) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""

    def above(name: str) -> list[float]:
        return [float(found.above(name, attacker).mean()) for attacker in found.of(name)]

    def most(name: str) -> float:
        return max(found.times(name, attacker) for attacker in found.of(name))

    rising = [float(found.near("squares", attacker).mean()) for attacker in (*SIZES, "ridge")]
    return {
        "originals_allow": all(found.verdict(attacker).allowed for attacker in (*SIZES, "ridge")),
        "larger_is_nearer": rising == sorted(rising),
        "simple_leak": all(most(name) >= 10 for name in ("squares", "blur", "k_same")),
        "label_at_floor": max(map(abs, above("label_only"))) <= 0.02,
        "lines_at_floor": max(above("landmarks")) < 0.05,
        "redrawn_at_floor": max(above("anonymized")) < 0.02,
        "redrawn_unknown": most("anonymized") <= 3,
    }


# ---------------------------------------------------------------- what is written


def write(found: Found, who: World, seconds: float) -> list[results.Record]:
    """Write every record, the table and the gallery."""
    book = Book(who, seconds, (lab.SEED,))
    for name, attacker in ATTACKS:
        _put_attack(book, found, name, attacker)
    for name in lab.NAMES:
        unit = found.done[f"{name}.ridge"]
        times = found.scores.times_chance(unit["probe"], unit["probe_person"])
        book.put(f"images.probe.{name}", times, unit="times chance", n=len(unit["probe"]),
                 note="discriminants on the released picture")  # fmt: skip
        near = found.scores.over_people(unit["as_is"])
        book.put(f"images.as_is.{name}", near, unit="SSIM", note="the released picture itself, no attack")
    for attacker in (*SIZES, "ridge"):
        verdict = found.verdict(attacker)
        allowed = float(verdict.allowed)
        book.put(f"images.ratio_allowed.{attacker}", allowed, unit="yes or no", note=verdict.reason)
    about = {k: v for k, v in book.common.items() if k != "n"}
    each = {"n": 1, "unit": "yes or no"}
    for record in hypotheses("reconstruct.images", verdicts(found), about, each=each):
        results.write(record)
        book.made.append(record)
    write_table(table(found), results.folder() / TABLE)
    save_arrays(results.folder() / GALLERY, gallery(found.done))
    return book.made


def _put_attack(book: Book, found: Found, name: str, attacker: str) -> None:
    """Write what one attacker made of one release; the share taken only where a ratio is allowed."""
    over, end = found.scores.over_people, f"{name}.{attacker}"
    unit, (hits, way) = found.done[end], found.hits(name, attacker)
    book.put(f"images.ssim.{end}", over(unit["ssim"]), unit="SSIM", note="inside the oval, window 11")
    book.put(f"images.identity.{end}", found.scores.times_chance(hits, unit["probe_person"]), n=len(hits),
             unit="times chance", note=f"recognized in what was computed back, {way} attacker")  # fmt: skip
    if name == "floor":
        return
    note = "over the floor of the same attacker"
    book.put(f"images.above.{end}", over(found.above(name, attacker)), unit="SSIM", note=note)
    if name not in HIDDEN:
        return
    if found.verdict(attacker).allowed:
        book.put(f"images.taken.{end}", found.taken(name, attacker), unit="share",
                 note="of what the same attacker draws from originals above the floor")  # fmt: skip
    else:
        (results.folder() / f"reconstruct.images.taken.{end}.json").unlink(missing_ok=True)


def table(found: Found) -> list[dict[str, Any]]:
    """Return one row for each attack."""
    rows = []
    for name, attacker in ATTACKS:
        unit = found.done[f"{name}.{attacker}"]
        above = np.zeros(1) if name == "floor" else found.above(name, attacker)
        rows.append({
            "release": name, "attacker": attacker, "ssim": unit["ssim"].mean(), "above_floor": above.mean(),
            "identity": found.times(name, attacker), "way": found.hits(name, attacker)[1],
            "distance": unit["distance"].mean(), "price": float(unit.get("price", np.array(np.nan))),
        })  # fmt: skip
    return rows


def gallery(done: Mapping[str, Arrays]) -> Arrays:
    """Return pictures of a few victims: what was released, and what came back by ridge and decoder."""
    out = {"floor.ridge": done["floor.ridge"]["shown"], "floor.medium": done["floor.medium"]["shown"]}
    for name in lab.NAMES:
        out[name] = done[f"{name}.ridge"]["released"]
        out |= {f"{name}.{attacker}": done[f"{name}.{attacker}"]["shown"] for attacker in ("ridge", "medium")}
    return out


def run(split: str = SPLIT, only: Sequence[str] = (), minutes: float = math.inf) -> list[results.Record]:
    """Make the units, then write records, table and gallery.

    Parameters
    ----------
    split : block of the victims; `fit` rehearses among parts of *fit*
    only : names of units to make, such as `squares.ridge`; nothing is written then
    minutes : no new unit is begun after so long; without all of them nothing is written
    """
    began, who, work = time.perf_counter(), world(split), plan()
    chosen = {name: work[name] for name in only} if only else work
    done: dict[str, Arrays] = {}
    with bar("released pictures", len(chosen)) as step:
        for name, make in chosen.items():
            if time.perf_counter() - began > 60 * minutes:
                return []
            done[name] = make(who)
            step()
    return [] if only else write(Found(who, done), who, time.perf_counter() - began)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=SPLIT, help="block of the victims")
    parser.add_argument("--only", nargs="*", default=(), help="units of work to make; no records then")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no unit after so long")
    given = parser.parse_args()
    for made in run(given.split, given.only, given.minutes):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")
