"""What can be recovered from released features? `python -m fer_nb.experiments.reconstruction`.

Threat I2. Small recognizers of expression release a code of 32-pixel faces; a fresh decoder, trained on faces
of other people, turns the code of a victim back into a face. The settings change structure or loss against
this: fewer maps, a few numbers that each see the whole face, a noisy code with a price on its rate, a price
on what a decoder explains, a price on the dependence of picture and code, and a combination. Three seeds.
One setting is repeated at 64 pixels, where the features of the shipped spatial branch are attacked, too.

A first run was on 50 other people. Its combination, here called `placed`, hid the faces and lost the
expressions. Trials among *fit* people suggested why: a few maps spend their numbers on places. They chose the
dense code, its size, its noise, and twice as many epochs. The victims of this run had not been looked at.

Hypotheses, written down before the run. The first seven stood before the first run and were kept:

plain_is_strong     The plain attack is strong enough for a ratio by the rule of `reconstruct.judge`.
each_helps          Each change alone lowers the similarity; the interval of the difference is above 0.
combined_halves     The combination takes away half of the similarity above the floor, for at most 2 points
                    of accuracy and 0.1 of what a linear probe explains of the action units.
decoder_beats_slope On the same stills of the plain recognizer, the decoder comes nearer than inversion.
probe_bounds        In every setting the probe on the code recognizes at least as many as any decoder.
unseen_is_unknown   In the recommended setting the probe recognizes fewer than 3 times chance.
shipped_leaks       The features of the shipped branch are strong enough for a ratio, too.
places_cost         Of the two codes of few numbers, the one with places loses more accuracy.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import results
from .._parallel import bar
from ..cache import save_arrays
from . import _reconstruction_other as other
from . import _reconstruction_units as units
from ._reconstruction_lab import SPLIT, World, world
from ._reconstruction_report import CHANGED, Book, write_base, write_others, write_side
from ._reconstruction_scores import SEEDS, WAYS, Scores
from ._reconstruction_settings import ALONE, RECOMMENDED, STRENGTHS
from ._tables import write_table

HYPOTHESES = ("plain_is_strong", "each_helps", "combined_halves", "decoder_beats_slope", "probe_bounds",
              "unseen_is_unknown", "shipped_leaks", "places_cost")  # fmt: skip
RECORDS = (
    "reconstruct.ssim_gain", "reconstruct.identity", "reconstruct.identity_probe",
    "reconstruct.expression_cost", "reconstruct.au_cost", "reconstruct.ratio_allowed",
    "reconstruct.accuracy.plain", "reconstruct.au_r2.plain", "reconstruct.identity.originals",
    "reconstruct.identity.floor", "reconstruct.identity.plain", "reconstruct.identity_probe.plain",
    "reconstruct.ssim.plain", "reconstruct.ssim.floor", "reconstruct.distance.plain",
    "reconstruct.distance.floor",
    *(f"reconstruct.{what}.{name}" for name in CHANGED for what in
      ("ssim", "ssim_gain", "distance", "identity", "identity_probe", "expression_cost", "au_cost")),
    *(f"reconstruct.ssim.{name}.{size}" for name in ("plain", RECOMMENDED)
      for size in ("small", "large")),
    "reconstruct.ssim.floor.px64", "reconstruct.ssim.plain.px64", "reconstruct.ssim.shipped",
    *(f"reconstruct.{what}.px64" for what in
      ("ssim_gain", "identity", "identity_probe", "expression_cost", "au_cost", "ratio_allowed")),
    "reconstruct.identity.plain.px64", "reconstruct.identity_probe.plain.px64",
    *(f"reconstruct.{what}.{name}" for name in ("shipped", *other.RELEASES) for what in
      ("identity", "identity_probe")),
    *(f"reconstruct.ssim.{name}" for name in other.RELEASES),
    *(f"reconstruct.inversion.{name}" for name in ("plain", "decoder", RECOMMENDED, "mean_face",
                                                   "prior")),
    "reconstruct.by_name.plain", f"reconstruct.by_name.{RECOMMENDED}",
    "reconstruct.hypotheses_held", *(f"reconstruct.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
FRONTIER = "reconstruct.frontier.csv"
GALLERY = "predictions/reconstruct.gallery.npz"
Arrays = units.Arrays
Work = dict[str, Callable[[World], Arrays]]


def plan(seeds: Sequence[int] = SEEDS) -> Work:
    """Return every unit of work by its name: the first seed of everything, then the others."""
    work: Work = {"originals-32": partial(units.originals, side=32)}
    work |= _one_seed(seeds[0])
    for name in ("plain", RECOMMENDED):
        work[f"{name}-inverted"] = partial(other.inverted, name=name, side=32, seed=0)
        work[f"{name}-named"] = partial(other.named, name=name, side=32, seed=0)
        for size in ("small", "large"):
            work[f"{name}-32-0-{size}"] = partial(units.study, name=name, side=32, seed=0, sizes=(size,))
        work[f"{name}-64-0"] = partial(units.study, name=name, side=64, seed=0)
    work["floor-64-0"] = partial(units.floor, side=64, seed=0)
    work["shipped"] = other.shipped
    for name in other.RELEASES:
        work[name] = partial(other.picture, name=name, side=32, seed=0)
    for seed in seeds[1:]:
        work |= _one_seed(seed)
    for name in STRENGTHS:
        work[f"{name}-32-0"] = partial(units.study, name=name, side=32, seed=0)
    return work


def _one_seed(seed: int) -> Work:
    """Return the units of one seed at 32 pixels: the floor and every setting."""
    names = ("plain", *CHANGED)
    found: Work = {f"{name}-32-{seed}": partial(units.study, name=name, side=32, seed=seed) for name in names}
    return {f"floor-32-{seed}": partial(units.floor, side=32, seed=seed), **found}


def verdicts(scores: Scores) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    plain, best = scores.stills("plain", "ssim"), RECOMMENDED
    lower = [scores.over_people(plain - scores.stills(n, "ssim")).low > 0 for n in ALONE]
    allowed = scores.verdict().allowed
    inverted = scores.done["plain-inverted"]
    decoder = scores.of("plain")[0]["ssim.medium"][inverted["rows"]]
    bound = [
        scores.clips(n, ("probe",))[0].mean() >= scores.clips(n, WAYS)[0].mean() for n in ("plain", *CHANGED)
    ]
    cheap = scores.cost(best).value <= 2 and scores.unit_cost(best).value <= 0.1
    return {
        "plain_is_strong": allowed,
        "each_helps": all(lower),
        "combined_halves": allowed and cheap and scores.ratio(best).value >= 0.5,
        "decoder_beats_slope": float(decoder.mean()) > float(inverted["ssim"].mean()),
        "probe_bounds": all(bound),
        "unseen_is_unknown": scores.identity(best, ("probe",)).value < 3,
        "shipped_leaks": scores.shipped().allowed,
        "places_cost": scores.cost("narrow", beside="dense").low > 0,
    }


def frontier(scores: Scores) -> list[dict[str, Any]]:
    """Return one row for each setting: what it keeps, and what it gives away."""
    rows = []
    floor = scores.stills("floor", "ssim")
    for name in ("plain", *CHANGED, *STRENGTHS):
        above = scores.over_people(scores.stills(name, "ssim") - floor)
        rows.append({
            "setting": name, "seeds": len(scores.of(name)), "accuracy": scores.right(name).mean(),
            "au_r2": scores.explained(name)(np.arange(len(scores.person))),
            "ssim": scores.stills(name, "ssim").mean(),
            "above_floor": above.value, "above_low": above.low, "above_high": above.high,
            "identity": scores.identity(name).value,
            "identity_probe": scores.identity(name, ("probe",)).value,
            "distance": scores.stills(name, "distance").mean(),
        })  # fmt: skip
    return rows


def gallery(done: dict[str, Arrays]) -> Arrays:
    """Return the pictures that the book shows: originals, released-and-decoded ones, the floor."""
    best = RECOMMENDED
    return {
        "original": done["originals-32"]["shown"], "floor": done["floor-32-0"]["shown"],
        "plain": done["plain-32-0"]["shown.medium"], "hardened": done[f"{best}-32-0"]["shown.medium"],
        "plain64": done["plain-64-0"]["shown.medium"], "hardened64": done[f"{best}-64-0"]["shown.medium"],
        "floor64": done["floor-64-0"]["shown"], "shipped64": done["shipped"]["shown"],
        "inverted": done["plain-inverted"]["shown"], "inverted_true": done["plain-inverted"]["true"],
        **{name: done[name]["shown"] for name in other.RELEASES},
        "named": done["plain-named"]["shown"], "named_true": done["plain-named"]["true"],
    }  # fmt: skip


def run(
    split: str = SPLIT, only: Sequence[str] = (), minutes: float = math.inf, seeds: int = len(SEEDS)
) -> list[results.Record]:
    """Make the units, then write records, frontier and gallery.

    Parameters
    ----------
    split : block of the victims; `fit` rehearses among parts of *fit*
    only : names of units to make; nothing is written then
    minutes : no new unit is begun after so long; without all of them nothing is written
    seeds : how many, at 32 pixels
    """
    began, who, work = time.perf_counter(), world(split), plan(SEEDS[:seeds])
    chosen = {name: work[name] for name in only} if only else work
    done: dict[str, Arrays] = {}
    with bar("reconstruction", len(chosen)) as step:
        for name, make in chosen.items():
            if time.perf_counter() - began > 60 * minutes:
                return []
            done[name] = make(who)
            step()
    if only:
        return []
    return write(Scores(who, done), time.perf_counter() - began)


def write(scores: Scores, seconds: float) -> list[results.Record]:
    """Write every record, the frontier and the gallery."""
    book = Book(scores.who, seconds, SEEDS[: len(scores.of("plain"))])
    write_base(book, scores)
    write_side(book, scores, 32, CHANGED)
    write_side(book, scores, 64, (RECOMMENDED,))
    write_others(book, scores)
    held = verdicts(scores)
    about = {"n": len(held), "unit": "hypotheses", "note": "of those written down before the run"}
    book.put("hypotheses_held", float(sum(held.values())), **about)
    for name, yes in held.items():
        book.put(f"hypotheses_held.{name}", float(yes), n=1, unit="yes or no")
    write_table(frontier(scores), results.folder() / FRONTIER)
    save_arrays(results.folder() / GALLERY, gallery(scores.done))
    return book.made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=SPLIT, help="block of the victims")
    parser.add_argument("--only", nargs="*", default=(), help="units of work to make; no records then")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no unit after so long")
    parser.add_argument("--seeds", type=int, choices=(1, 2, 3), default=3, help="at 32 pixels")
    given = parser.parse_args()
    for made in run(given.split, given.only, given.minutes, given.seeds):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")
