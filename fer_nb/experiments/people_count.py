"""How many synthetic people does a training need? `python -m fer_nb.experiments.people_count`.

Short versions of both branches are trained on 25, 50, 100, 200 and 400 *fit* people, session 0, with three
seeds. Every training draws as many examples, so more people means other faces, not longer lessons. Tests and
intervals are those of `experiments.ingredients`.

Hypotheses, written down before the run:

motion_has_enough   From 100 to 400 people the temporal branch gains less than 2 points on *validate*.
stills_want_more    From 25 to 400 people the spatial branch gains more than the temporal one, on *validate*.
real_people_do_not  From 50 to 400 people the temporal branch gains nothing certain on real stills: the
                    interval holds 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import mime, results
from ..cache import replacing
from ..evaluation import Interval
from . import _ingredients_lab as lab
from ._arms import BRANCHES, Arm
from .ingredients import MAIN, meaning, where

TABLE = "ingredients.people.csv"
COUNTS = (25, 50, 100, 200, 400)
GAINS = ((25, 400), (50, 400), (100, 400))
HYPOTHESES = ("motion_has_enough", "stills_want_more", "real_people_do_not")
RECORDS = (
    *(f"ingredients.people{n}.{b}_{m}" for n in COUNTS for b in BRANCHES for m in MAIN[b]),
    *(f"ingredients.people{a}_to_{z}.{b}_{m}" for a, z in GAINS for b in BRANCHES for m in MAIN[b]),
    "ingredients.people.hypotheses_held",
    *(f"ingredients.people.hypotheses_held.{name}" for name in HYPOTHESES),
)

Hits = dict[tuple[int, str], dict[str, np.ndarray]]  # (people, branch) -> measure -> (S, N)


def gains(hits: Hits, people: Mapping[str, Sequence[str]]) -> dict[tuple[int, int, str, str], Interval]:
    """Return points gained by more people: (from, to, branch, measure) to an interval, paired by clip."""
    out = {}
    for few, many in GAINS:
        for branch in BRANCHES:
            for measure, right in hits[many, branch].items():
                points = lab.drop(right, hits[few, branch][measure], people[measure])
                out[few, many, branch, measure] = points
    return out


def verdicts(gained: Mapping[tuple[int, int, str, str], Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held; the one about real stills is left out where there are none."""
    whole = {branch: gained[25, 400, branch, "validate"].value for branch in BRANCHES}
    held = {
        "motion_has_enough": gained[100, 400, "temporal", "validate"].value < 2,
        "stills_want_more": whole["spatial"] > whole["temporal"],
    }
    if (real := gained.get((50, 400, "temporal", "london"))) is not None:
        held["real_people_do_not"] = real.low <= 0 <= real.high
    return held


def table(hits: Hits, people: Mapping[str, Sequence[str]]) -> Any:
    """Return one row for each number of people, branch and measure: the share that is right, each seed."""
    import pandas as pd

    rows = []
    for (count, branch), measures in hits.items():
        for measure, right in measures.items():
            share = lab.share(right, people[measure])
            seeds = {f"seed{k}": value for k, value in enumerate(right.mean(1))}
            about = {"people": count, "branch": branch, "measure": measure}
            rows.append({**about, "share": share.value, "low": share.low, "high": share.high, **seeds})
    return pd.DataFrame(rows)


def records(hits: Hits, people: Mapping[str, Sequence[str]], seconds: float) -> list[results.Record]:
    """Return the records: what each number of people reads, points gained, hypotheses."""
    common: dict[str, Any] = {"data_version": mime.VERSION, "seconds": seconds}
    made = []

    def put(id: str, found: Interval, measure: str, split: str, **fields: Any) -> None:
        about = {**common, **where(measure, split), "n": len(people[measure]), "seeds": lab.SEEDS, **fields}
        made.append(results.record(id, found.value, low=found.low, high=found.high, **about))

    for (count, branch), measures in hits.items():
        split = f"fit {count} people, session 0; short training"
        for measure in MAIN[branch]:
            if (right := measures.get(measure)) is not None:
                note = f"{meaning(branch, measure)}; as many draws for every number of people"
                fields = {"unit": "share", "note": note, "per_seed": tuple(right.mean(1))}
                share = lab.share(right, people[measure])
                put(f"ingredients.people{count}.{branch}_{measure}", share, measure, split, **fields)
    gained = gains(hits, people)
    for (few, many, branch, measure), points in gained.items():
        if measure in MAIN[branch]:
            split = f"fit {few} and {many} people, session 0; short training"
            note = f"points gained from {few} to {many}; {meaning(branch, measure)}; paired, over people"
            id = f"ingredients.people{few}_to_{many}.{branch}_{measure}"
            put(id, points, measure, split, unit="points", note=note)
    return made + lab.hypotheses("ingredients.people", verdicts(gained), "people_count.py", **common)


def run(*, only: Sequence[int] = (), workers: int | None = None) -> list[results.Record]:
    """Train what is missing, compare, then write records and the table.

    Parameters
    ----------
    only : numbers of people to train with, without writing anything; all of them by default
    workers : processes that make and trace clips; one a core by default
    """
    began = time.perf_counter()
    if not lab.real():
        print(f"people_count: {lab.NO_REAL}", flush=True)
    asked = lab.tests(workers)
    hits: Hits = {}
    for count in only or COUNTS:
        for branch in BRANCHES:
            hits[count, branch] = lab.scored(Arm(people=count), branch, workers=workers)
            shown = ", ".join(f"{m} {right.mean():.3f}" for m, right in hits[count, branch].items())
            print(f"people_count: {count} people, {branch}: {shown}", flush=True)
    if only:
        return []
    people = {m: lab.people_of(m, asked) for b in BRANCHES for m in hits[COUNTS[0], b]}
    made = records(hits, people, round(time.perf_counter() - began, 1))
    for record in made:
        results.write(record)
    with replacing(results.folder() / TABLE) as temporary:
        table(hits, people).round(4).to_csv(temporary, index=False)
    return made


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", type=int, default=[], choices=COUNTS, help="these numbers only")
    parser.add_argument("--workers", type=int, default=None)
    given = parser.parse_args()
    for record in run(only=given.only, workers=given.workers):
        print(f"{record.id}: {record.value:.4f} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
