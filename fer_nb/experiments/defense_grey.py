"""The defense against attackers who cannot see it: `python -m fer_nb.experiments.defense_grey`.

The arms of `_defense_arms`, each behind its own transformation, meet PGD-40 that was made elsewhere: on the
same weights without the transformation (G0), on the undefended twin (G1), on an attacker's own copy of the
static recipe, trained from other weights (G2). The control is a second undefended network under G1: what it
keeps is owed to the failure of transfer, not to any defense. Accuracies are expectations over the defense's
draws. Which attack finds the truth is the question of chapter 08.

Hypotheses, written down before the run. Two looks came before: without training, the transformation keeps
almost nothing under G0; and in a first, short round of training behind a harsher codec, given up since, the
static arm kept little (see `defense_arms`).

keeps_under_g1         At 8/255 and G1 the static arm keeps at least 85 % of its clean accuracy.
keeps_under_g0         The same under G0.
transformation_alone   Trained with both transformations, but without attacked pictures, the network reads
                       less than 10 % under G0 at 8/255.
transfer_fails         The control keeps more than a quarter of its clean accuracy at 8/255.
surrogate_is_worse     The static arm reads less under G2 than under G1, at 8/255.
online_is_ahead        Under G0 at 8/255 the online arm reads more than the static one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from .. import results
from ..attacks import launch, under_attack
from ..evaluation import Interval, bootstrap
from ..expected import share_right
from ..gradient_attacks import pgd
from . import _attack_lab as lab
from . import _defense_arms as arms
from . import _units
from ._adaptive_lab import RandomSide
from ._quick import judge, quick
from ._tables import write_table

EACH = 2  # clips of each person are attacked; all are read without attack
STEPS, EVALUATIONS = 40, 6  # of PGD; how often a random model is asked about a picture
SHOWN = ("none", "occlusion", "compression", "both", "static", "online", "online_alone")
SECOND = ("none_second", "static_second")
TOP, LOW, BETWEEN = 8, 2, 4  # bounds in 1/255; between the two, only these rows
ROWS_BETWEEN = (("none", "g0"), ("static", "g0"), ("static", "g1"))
COSTS = (1, 5, 10)  # K
HYPOTHESES = ("keeps_under_g1", "keeps_under_g0", "transformation_alone", "transfer_fails",
              "surrogate_is_worse", "online_is_ahead")  # fmt: skip
NAMED = {"g0": ("static", "g0"), "g1": ("static", "g1"), "g2": ("static", "g2"),
         "control": ("none_second", "g1")}  # fmt: skip
LOST = {"static.clean_cost": ("none", "static"), "both.clean_cost": ("none", "both"),
        "static.pictures_cost": ("both", "static"), "online.clean_cost": ("none", "online")}  # fmt: skip


def plan() -> list[tuple[str, str, str, int]]:
    """Return every row: arm, threat, the arm on which its pictures are made, bound in 1/255."""
    rows = []
    for level in (TOP, LOW):
        rows += [(arm, "g0", arm, level) for arm in SHOWN]
        rows += [(arm, "g1", "none", level) for arm in (*SHOWN[1:], "none_second")]
        rows.append(("static", "g2", "static_second", level))
    return rows + [(arm, row, arm if row == "g0" else "none", BETWEEN) for arm, row in ROWS_BETWEEN]


def suffix(level: int) -> str:
    """Return what an id ends with at a bound: nothing at the largest one."""
    return "" if level == TOP else f".eps{level}"


RECORDS = (
    *(f"defense.{name}" for name in LOST), *(f"defense.{arm}.clean" for arm in (*SHOWN, *SECOND)),
    *(f"defense.{arm}.{row}{suffix(level)}" for arm, row, _, level in plan()),
    *(f"defense.static.greybox{row}{suffix(level)}" for level in (TOP, LOW)
      for row in ("", *(f".{name}" for name in NAMED))),
    *(f"defense.{what}.k{k}" for what in ("cost", "cost_ms") for k in COSTS), "defense.grey.hypotheses_held",
)  # fmt: skip
TABLE = "defense.grey.csv"


@dataclass(frozen=True)
class Row:
    """One arm under one threat: share of right evaluations, without and with attack, (N,) each."""

    arm: str
    threat: str  # "clean", "g0", "g1", "g2"
    level: int
    clean: np.ndarray
    right: np.ndarray


# ---------------------------------------------------------------- units of work


def kept(name: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return an array: read where it is kept beside the arms, else made and kept."""
    return _units.kept(arms.home() / "grey" / f"{name}.npz", lambda: {"it": make()})["it"]


def crafted(source: str, who: lab.Victims, level: int) -> Tensor:
    """Return pictures (N, 1, 64, 64) made by PGD on an arm's network, as if nothing stood before it.

    Each gradient is taken of one side of the face, by the toss of a coin: over the steps that is the mirror
    average, at half the cost.
    """

    def work() -> np.ndarray:
        attack = partial(pgd, epsilon=level / 255, steps=STEPS)
        target = under_attack(RandomSide(quick(arms.arm(source))))
        found = launch(attack, target, who.x, who.y, epsilon=level / 255)
        return (255 * found.images).round().byte().numpy()

    images = kept(f"{who.split}-made-on-{source}-{level}-{STEPS}-{len(who.x)}", work)
    return torch.from_numpy(images).float() / 255


def read(reader: str, source: str, who: lab.Victims, level: int) -> np.ndarray:
    """Return how often an arm, as deployed, reads each picture rightly, (N,) in [0, 1].

    `source` is the arm on which the pictures were made; level 0 shows the pictures as they are.
    """

    def work() -> np.ndarray:
        images = crafted(source, who, level) if level else who.x
        return share_right(judge(arms.defended(reader)), images, who.y, draws=EVALUATIONS).numpy()

    made = f"{source}-{level}-{STEPS}" if level else "clean"
    return kept(f"{who.split}-{reader}-reads-{made}-{EVALUATIONS}-{len(who.x)}", work)


# ---------------------------------------------------------------- what it costs


def seconds_a_face(model: nn.Module, *, repeats: int = 30) -> float:
    """Return the median time of one face on one core, in seconds."""
    x, times = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)), []
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with torch.no_grad():
            for _ in range(repeats + 3):
                began = time.perf_counter()
                model(x)
                times.append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
    return float(np.median(times[3:]))


def costs(name: str = "static") -> dict[int, tuple[float, float]]:
    """Return, by K, how many times the time of the bare network a face takes, and milliseconds."""
    net, out = arms.arm(name), {}
    for draws in COSTS:
        model = arms.defended(name, draws=draws)
        defended, plain = seconds_a_face(model), seconds_a_face(net)
        out[draws] = defended / plain, 1000 * defended
    return out


# ---------------------------------------------------------------- figures


def share_kept(row: Row, people: list[str]) -> Interval:
    """Accuracy under attack as a share of clean accuracy, on the same clips, over people."""

    def ratio(rows: np.ndarray) -> float:
        return float(row.right[rows].mean() / max(row.clean[rows].mean(), 1e-9))

    return bootstrap(ratio, people)


def points_lost(before: np.ndarray, after: np.ndarray, people: list[str]) -> Interval:
    """Points of accuracy lost from one arm to another on the same clips, over people.

    Examples
    --------
    >>> points_lost(np.array([1.0, 1.0]), np.array([1.0, 0.5]), ["a", "b"]).value
    25.0
    """
    lost = 100 * (before - after)
    return bootstrap(lambda rows: float(lost[rows].mean()), people)


def verdicts(left: dict[tuple[str, str], float], kept_by: dict[tuple[str, str], float]) -> dict[str, bool]:
    """Say of each hypothesis whether it held: accuracies and shares kept at 8/255, by (arm, threat)."""
    return {
        "keeps_under_g1": kept_by["static", "g1"] >= 0.85,
        "keeps_under_g0": kept_by["static", "g0"] >= 0.85,
        "transformation_alone": left["both", "g0"] < 0.10,
        "transfer_fails": kept_by["none_second", "g1"] > 0.25,
        "surrogate_is_worse": left["static", "g2"] < left["static", "g1"],
        "online_is_ahead": left["online", "g0"] > left["static", "g0"],
    }


def run(
    *, split: str = lab.SPLIT, people: int | None = None, only: Sequence[str] = ()
) -> list[results.Record]:
    """Attack and read, then write records and the table; with `only`, do and keep the rows of these arms."""
    began = time.perf_counter()
    whole = lab.victims(split, people)
    part = whole.some(EACH)
    readers = [name for name in (*SHOWN, *SECOND) if not only or name in only]
    clean = {name: read(name, "", whole, 0) for name in readers}
    at = {clip.source: row for row, clip in enumerate(whole.clips)}
    rows_of_part = np.array([at[clip.source] for clip in part.clips])
    rows = []
    for reader, threat, source, level in plan():
        if reader in readers:
            right = read(reader, source, part, level)
            rows.append(Row(reader, threat, level, clean[reader][rows_of_part], right))
            print(f"{reader} {threat} {level}/255: {right.mean():.3f}", flush=True)
    if only:
        return []
    return report(whole, part, clean, rows, costs(), seconds=round(time.perf_counter() - began, 1))


def report(
    whole: lab.Victims,
    part: lab.Victims,
    clean: dict[str, np.ndarray],
    rows: list[Row],
    price: dict[int, tuple[float, float]],
    *,
    seconds: float,
) -> list[results.Record]:
    """Write every record and the table."""
    common: dict[str, Any] = {"seconds": seconds}
    made: list[results.Record] = []

    def put(id: str, value: Interval | float, mine: lab.Victims | None, **more: Any) -> None:
        made.append(lab.record(id, value, mine, **{**common, **more}))

    table: list[dict[str, Any]] = []
    for name, right in clean.items():
        score = whole.score(right)
        put(f"defense.{name}.clean", score, whole, unit="accuracy",
            note=f"no attack; as deployed, mean of {arms.DRAWS} draws if random")  # fmt: skip
        table.append({"arm": name, "threat": "clean", "level": 0, **vars(score), "n": len(whole)})
    for name, (one, other) in LOST.items():
        lost = points_lost(_all(whole, clean[one]), _all(whole, clean[other]), _everyone(whole))
        aim: dict[str, Any] = {"direction": "down", "target": 2.0} if name == "static.clean_cost" else {}
        note = f"clean accuracy of the arm {one} minus that of the arm {other}, on the same clips"
        put(f"defense.{name}", lost, whole, unit="points", note=note, **aim)
    shares: dict[tuple[str, str, int], Interval] = {}
    for row in rows:
        score, share = part.score(row.right), share_kept(row, part.people)
        note = f"PGD-{STEPS}, {row.level}/255; {arms.DRAWS} draws, {EVALUATIONS} evaluations of each picture"
        put(f"defense.{row.arm}.{row.threat}{suffix(row.level)}", score, part, unit="accuracy", note=note)
        kept_by = {"kept": share.value, "kept_low": share.low, "kept_high": share.high}
        table.append({"arm": row.arm, "threat": row.threat, "level": row.level, **vars(score),
                      "n": len(part), **kept_by})  # fmt: skip
        shares[row.arm, row.threat, row.level] = share
    for level in (TOP, LOW):
        note = f"share of clean accuracy kept at {level}/255, on the same clips"
        for name, key in NAMED.items():
            put(f"defense.static.greybox.{name}{suffix(level)}", shares[*key, level], part, unit="share",
                note=f"{note}; arm {key[0]}")  # fmt: skip
        worse = min((shares["static", row, level] for row in ("g0", "g1")), key=lambda share: share.value)
        goal: dict[str, Any] = {"direction": "up", "target": 0.85} if level == TOP else {}
        put(f"defense.static.greybox{suffix(level)}", worse, part, unit="share", **goal,
            note=f"{note}; the lower one of G0 and G1")  # fmt: skip
    for draws, (times, ms) in price.items():
        put(f"defense.cost.k{draws}", times, None, unit="times", n=1,
            note="time of a face against the bare network, one core")  # fmt: skip
        put(f"defense.cost_ms.k{draws}", ms, None, unit="ms", n=1,
            note="a face behind the defense, on one core of the machine that made this record")  # fmt: skip
    left = {(r.arm, r.threat): float(r.right.mean()) for r in rows if r.level == TOP}
    held = verdicts(left, {key[:2]: share.value for key, share in shares.items() if key[2] == TOP})
    made.append(lab.hypotheses("defense.grey.hypotheses_held", held, whole.split, **common))
    write_table(table, results.folder() / TABLE)
    return made


def _all(who: lab.Victims, right: np.ndarray) -> np.ndarray:
    """Return the hits with those clips at the end in which no face was found: errors of any arm."""
    return np.concatenate([right, np.zeros(len(who.missed))])


def _everyone(who: lab.Victims) -> list[str]:
    return [*who.people, *who.missed]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=lab.SPLIT, help="block whose clips are attacked")
    parser.add_argument("--only", default="", help="names of arms, joined by commas: do their rows and stop")
    given = parser.parse_args()
    only = tuple(name for name in given.only.split(",") if name)
    for made in run(split=given.split, only=only):
        print(f"{made.id}: {made.value:.4g} [{made.low}, {made.high}]")


if __name__ == "__main__":
    main()
