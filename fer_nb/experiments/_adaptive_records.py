"""What the adaptive suite runs, what a campaign found, and the records that are written of it."""

from __future__ import annotations

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
EACH = {(DEEP, MOST): 2}  # clips a person; 1 elsewhere
STEPS, LIMIT = 40, 8  # of PGD; draws that EOT may grow to
PART, LABEL_PART, FROZEN_PART = 20, 8, 16  # pictures for Square, the label-only search, frozen draws
QUERIES, QUERY_DRAWS = 200, 10  # of Square: questions, and the draws that answer one
LABEL_STEPS, LABEL_DRAWS = 6, 5
SEEDS = (1, 2)  # of further attacks on the online arm, beside 0
SEED_DRAWS = 4
SEEDS_AT = 2  # bound of these, in 1/255
HYPOTHESES = ("known_defense_breaks", "static_falls", "online_stands", "draws_matter", "white_beats_black",
              "noise_is_harmless")  # fmt: skip
TABLE, PLATEAUS = "adaptive.suite.csv", "adaptive.plateau.csv"
RANDOM = ("both", "static", "online")  # arms with a transformation
GROWTH, DEEP_ONLY = ("plateau", "one_draw"), ("frozen", "square", "label")
RECORDS = (
    "adaptive.breaks_known",
    *(f"defense.{a}.adaptive.eps{k}" for a in ARMS for k in LEVELS),
    *(f"adaptive.{a}.clean" for a in ARMS),
    *(f"adaptive.{a}.{what}.eps{k}" for a in ARMS for what in ("noise", "transfer") for k in FULL),
    *(f"adaptive.{a}.{what}.eps{k}" for a in RANDOM for what in GROWTH for k in FULL),
    *(f"adaptive.{DEEP}.{what}.eps{k}" for what in DEEP_ONLY for k in FULL),
    "adaptive.seed_spread", "adaptive.suite.hypotheses_held",
)  # fmt: skip


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
    part: dict[str, float] | None = None  # accuracy on the same pictures: EOT, Square, label


def verdicts(found: dict[tuple[str, int], Found], scores: dict[tuple[str, int], Interval]) -> dict[str, bool]:
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


def report(
    found: dict[tuple[str, int], Found],
    cold: dict[int, float],
    spread: list[float],
    *,
    seconds: float,
) -> list[results.Record]:
    """Write every record and both tables."""
    common: dict[str, Any] = {"seconds": seconds, "unit": "accuracy"}
    made: list[results.Record] = []

    def put(id: str, value: Interval | float, who: attack_lab.Victims | None, **more: Any) -> None:
        made.append(attack_lab.record(id, value, who, **{**common, **more}))

    scores = {key: one.who.score(one.shares) for key, one in found.items()}
    for (name, k), one in found.items():
        note = f"strongest of {len(one.stages) - 1} attacks a picture, {k}/255; chosen on 20, scored on 100"
        put(f"defense.{name}.adaptive.eps{k}", scores[name, k], one.who, note=note)
    for name in ARMS:
        one = found[name, MOST]
        put(f"adaptive.{name}.clean", one.who.score(one.clean), one.who, note="no attack, 20 evaluations")
    for name, k in ((name, k) for name in ARMS for k in FULL):
        one = found[name, k]
        put(f"adaptive.{name}.noise.eps{k}", one.who.score(one.noise), one.who, note=f"noise of {k}/255")
        note = f"PGD-{STEPS} on the undefended branch, {k}/255"
        put(f"adaptive.{name}.transfer.eps{k}", one.who.score(one.transfer), one.who, note=note)
    for name, k in ((name, k) for name in RANDOM for k in FULL):
        one = found[name, k]
        alone = {
            "plateau": (one.plateau, len(one.who), f"beyond it, doubling takes under a point; <= {LIMIT}"),
            "one_draw": (
                one.accuracies[0],
                len(one.who),
                "after EOT with one draw a step; on draws of choice",
            ),
        }
        if part := one.part:
            eot = [
                f"no attack {part[f'{way}_clean']:.3f}, EOT left {part[f'{way}_eot']:.3f}"
                for way in ("square", "label")
            ]
            alone |= {
                "frozen": (cold[k], FROZEN_PART, f"PGD-{STEPS} against draws that are fixed and known"),
                "square": (part["square"], PART, f"Square, {QUERIES} queries of {QUERY_DRAWS}; {eot[0]}"),
                "label": (part["label"], LABEL_PART, f"HopSkipJump; {eot[1]}"),
            }
        for what, (value, n, note) in alone.items():
            unit = "draws" if what == "plateau" else "accuracy"
            put(f"adaptive.{name}.{what}.eps{k}", float(value), None, n=n, split=one.who.split, unit=unit,
                note=f"{k}/255; {note}")  # fmt: skip
    known, at = found["both", MOST], scores["both", MOST]
    put("adaptive.breaks_known", at, known.who, direction="down", target=0.10,
        note="occlusion and JPEG, trained on them but not on attacks, under the suite at 8/255")  # fmt: skip
    few = group(known.who.split).some(1)
    put("adaptive.seed_spread", max(spread) - min(spread), None, n=len(few),
        split=known.who.split, seeds=(0, *SEEDS), per_seed=tuple(spread),
        note=f"online arm, EOT of {SEED_DRAWS} draws, {SEEDS_AT}/255: largest minus least")  # fmt: skip
    held = verdicts(found, scores)
    made.append(attack_lab.hypotheses("adaptive.suite.hypotheses_held", held, known.who.split,
                                      seconds=seconds))  # fmt: skip
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
    return made
