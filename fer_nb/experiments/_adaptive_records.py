"""What the adaptive suite runs, what a campaign found, and the records that are written of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import results
from ..evaluation import Interval
from . import _adaptive_lab as lab
from . import _attack_lab as attack_lab
from ._people import enough
from ._tables import write_table

ARMS = ("none", "both", "static", "online", "online_alone")
MOST, LEVELS = 8, (1, 2, 4, 8)  # bounds in 1/255
FULL = (1, 2, 8)  # bounds of the rows on noise, transfer and the growth of EOT
DEEP = "static"  # the arm that every attack is tried on, at these bounds
EACH, AT_MOST = 1, {"none": 5, "static": 5, "online": 5}  # clips a person; of some arms more, at 8/255
STEPS, LIMIT = 40, 16  # of PGD; draws that EOT may grow to
PART, LABEL_PART, FROZEN_PART = 20, 8, 16  # pictures for Square, the label-only search, frozen draws
QUERIES, QUERY_DRAWS = 1000, 20  # of Square: questions, and the draws that answer one
LABEL_STEPS, LABEL_DRAWS = 6, 5
SEEDS = (1, 2)  # of further attacks on the online arm, beside 0
SEED_DRAWS = 4
SEEDS_AT = 2  # bound of these, in 1/255
ANEW = 3  # seed of the attacks that go over all pictures anew
HYPOTHESES = ("known_defense_breaks", "static_falls", "online_stands", "draws_matter", "white_beats_black",
              "noise_is_harmless")  # fmt: skip
TABLE, PLATEAUS = "adaptive.suite.csv", "adaptive.plateau.csv"
RANDOM = ("both", "static", "online")  # arms with a transformation
GROWTH, DEEP_ONLY = ("plateau", "one_draw"), ("frozen", "square", "label")
ALONE = {"bare": "PGD on the weights, without the transformation", "one": "EOT with one draw a step",
         "more": f"EOT with {SEED_DRAWS} draws a step"}  # fmt: skip
BETWEEN = (("both", "none"), ("static", "both"), ("online", "both"))  # arms that are compared face by face
BETWEEN_AT = (1, 2)  # at these bounds, where something is left and all arms meet the same faces
AGAINST = {"bare_minus_more": ("bare", "more"), "one_minus_more": ("one", "more")}  # on the same pictures
RECORDS = (
    "adaptive.breaks_known",
    *(f"defense.{a}.adaptive.eps{k}" for a in ARMS for k in LEVELS),
    *(f"adaptive.{a}.clean" for a in ARMS),
    *(f"adaptive.{a}.{what}.eps{k}" for a in ARMS for what in ("noise", "transfer") for k in FULL),
    *(f"adaptive.{a}.{what}.eps{k}" for a in RANDOM for what in (*GROWTH, *ALONE, *AGAINST) for k in FULL),
    *(f"adaptive.{DEEP}.{what}.eps{k}" for what in DEEP_ONLY for k in FULL),
    *(f"adaptive.{a}_minus_{b}.eps{k}" for a, b in BETWEEN for k in BETWEEN_AT),
    "adaptive.seed_spread", "adaptive.suite.hypotheses_held",
)  # fmt: skip

Key = tuple[str, int]  # an arm and a bound, in 1/255
Made = Iterator[results.Record]


def group(split: str) -> attack_lab.Victims:
    """Return the people of a block whose clips are attacked."""
    return attack_lab.victims(split, enough(split))


@dataclass(frozen=True)
class Found:
    """What one campaign found: shares (N,) on fresh draws, stages, EOT counts, and frozen accuracy."""

    who: attack_lab.Victims
    shares: np.ndarray
    clean: np.ndarray
    noise: np.ndarray
    transfer: np.ndarray
    stages: tuple[lab.Stage, ...]
    counts: tuple[int, ...] = ()
    accuracies: tuple[float, ...] = ()
    plateau: int = 1
    part: dict[str, float] | None = None  # on the same pictures: all EOT so far, one EOT run, Square, label
    anew: dict[str, np.ndarray] | None = None  # shares (N,) under one attack each, by the keys of `ALONE`


def verdicts(found: dict[Key, Found], scores: dict[Key, Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held."""
    most = {name: found[name, MOST] for name in ARMS}
    parts = [run.part for run in found.values() if run.part]
    return {
        "known_defense_breaks": scores["both", MOST].value <= 0.10,
        "static_falls": scores["static", MOST].value <= 0.5 * float(most["static"].clean.mean()),
        "online_stands": scores["online", MOST].low > scores["static", MOST].high,
        "draws_matter": any(run.plateau > 1 for run in found.values()),
        "white_beats_black": all(
            p["square"] >= p["square_eot"] and p["label"] >= p["label_eot"] for p in parts
        ),
        "noise_is_harmless": all(run.clean.mean() - run.noise.mean() <= 0.05 for run in most.values()),
    }


def growth(one: Found, cold: float | None) -> dict[str, tuple[float, int, str]]:
    """Return how EOT grew, and what was left of the parts that it is compared on: value, n, note."""
    made: dict[str, tuple[float, int, str]] = {
        "plateau": (one.plateau, len(one.who), f"beyond it, doubling takes under a point; <= {LIMIT}"),
        "one_draw": (one.accuracies[0], len(one.who), "after EOT with one draw a step; on draws of choice"),
    }
    if one.part is None or cold is None:
        return made
    eot = [
        f"no attack {one.part[f'{way}_clean']:.3f}, EOT left {one.part[f'{way}_eot']:.3f}, "
        f"one EOT run {one.part[f'{way}_more']:.3f}"
        for way in ("square", "label")
    ]
    return made | {
        "frozen": (cold, FROZEN_PART, f"PGD-{STEPS} against draws that are fixed and known"),
        "square": (one.part["square"], PART, f"Square, {QUERIES} queries of {QUERY_DRAWS}; {eot[0]}"),
        "label": (one.part["label"], LABEL_PART, f"HopSkipJump; {eot[1]}"),
    }


def compared(one: Found) -> list[tuple[str, Interval, str]]:
    """Score the attacks that each went over all pictures, and their differences: name, score, note."""
    assert one.anew is not None
    made = [(what, one.who.score(one.anew[what]), f"{how}, alone") for what, how in ALONE.items()]
    for what, (a, b) in AGAINST.items():
        made.append((what, one.who.score(one.anew[a] - one.anew[b]), f"{ALONE[a]}, minus {ALONE[b]}"))
    return made


def _left(found: dict[Key, Found], scores: dict[Key, Interval], about: dict[str, Any]) -> Made:
    """Record what the suite leaves of each arm, and what there was before."""
    for (name, k), one in found.items():
        note = f"strongest of {len(one.stages) - 1} attacks a picture, {k}/255; chosen on 20, scored on 100"
        yield attack_lab.record(
            f"defense.{name}.adaptive.eps{k}", scores[name, k], one.who, note=note, **about
        )
    for name in ARMS:
        one = found[name, MOST]
        score, note = one.who.score(one.clean), "no attack, 20 evaluations"
        yield attack_lab.record(f"adaptive.{name}.clean", score, one.who, note=note, **about)
    known = "occlusion and JPEG, trained on them but not on attacks, under the suite at 8/255"
    yield attack_lab.record("adaptive.breaks_known", scores["both", MOST], found["both", MOST].who,
                            direction="down", target=0.10, note=known, **about)  # fmt: skip


def _alone(found: dict[Key, Found], about: dict[str, Any]) -> Made:
    """Record what single attacks leave, each on all pictures."""
    for name, k in ((name, k) for name in ARMS for k in FULL):
        one = found[name, k]
        made = [("noise", one.who.score(one.noise), f"noise of {k}/255"),
                ("transfer", one.who.score(one.transfer),
                 f"PGD-{STEPS} on the undefended branch, {k}/255")]  # fmt: skip
        if name in RANDOM:
            made += [(what, s, f"{k}/255; {how}, {STEPS} steps") for what, s, how in compared(one)]
        for what, score, note in made:
            yield attack_lab.record(f"adaptive.{name}.{what}.eps{k}", score, one.who, note=note, **about)


def _between(found: dict[Key, Found], scores: dict[Key, Interval], about: dict[str, Any]) -> Made:
    """Record how much more one arm keeps than another, face by face."""
    for (a, b), k in ((pair, k) for pair in BETWEEN for k in BETWEEN_AT):
        one, other = found[a, k], found[b, k]
        score = one.who.score(one.shares - other.shares)
        note = (
            f"{k}/255; {a} minus {b} under the suite, {scores[a, k].value:.3f} and {scores[b, k].value:.3f}"
        )
        yield attack_lab.record(f"adaptive.{a}_minus_{b}.eps{k}", score, one.who, note=note, **about)


def _grown(found: dict[Key, Found], cold: dict[int, float], about: dict[str, Any]) -> Made:
    """Record how EOT grew, and the checks on parts of the pictures."""
    for name, k in ((name, k) for name in RANDOM for k in FULL):
        one = found[name, k]
        for what, (value, n, note) in growth(one, cold.get(k)).items():
            fields = about | {"unit": "draws" if what == "plateau" else "accuracy"}
            yield attack_lab.record(f"adaptive.{name}.{what}.eps{k}", float(value), None, n=n,
                                    split=one.who.split, note=f"{k}/255; {note}", **fields)  # fmt: skip


def report(
    found: dict[Key, Found], cold: dict[int, float], spread: list[float], *, seconds: float
) -> list[results.Record]:
    """Write every record and both tables."""
    about: dict[str, Any] = {"seconds": seconds, "unit": "accuracy"}
    scores = {key: one.who.score(one.shares) for key, one in found.items()}
    split = found["both", MOST].who.split
    seeds = attack_lab.record(
        "adaptive.seed_spread", max(spread) - min(spread), None, n=len(group(split).some(1)), split=split,
        seeds=(0, *SEEDS), per_seed=tuple(spread), **about,
        note=f"online arm, EOT of {SEED_DRAWS} draws, {SEEDS_AT}/255: largest minus least",
    )  # fmt: skip
    held = attack_lab.hypotheses(
        "adaptive.suite.hypotheses_held", verdicts(found, scores), split, seconds=seconds
    )
    write_tables(found, scores)
    return [
        *_left(found, scores, about), *_alone(found, about), *_between(found, scores, about),
        *_grown(found, cold, about), seeds, held,
    ]  # fmt: skip


def write_tables(found: dict[Key, Found], scores: dict[Key, Interval]) -> None:
    """Write what each attack took, and the growth of EOT."""
    rows = [
        {"arm": name, "level": k, **vars(stage)} for (name, k), one in found.items() for stage in one.stages
    ]
    for (name, k), one in found.items():
        last = {"attack": "scored", "tried": len(one.shares), "after": scores[name, k].value}
        rows.append({"arm": name, "level": k, **last})
    write_table(rows, results.folder() / TABLE)
    write_table(
        [{"arm": name, "level": k, "draws": count, "left": left} for (name, k), one in found.items()
         for count, left in zip(one.counts, one.accuracies, strict=True)],
        results.folder() / PLATEAUS,
    )  # fmt: skip
