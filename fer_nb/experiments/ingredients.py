"""What matters in a procedural face: `python -m fer_nb.experiments.ingredients`.

Ten ingredients of Mime's faces, and two of the training, are left out one at a time. Each time short versions
of both branches are trained on 50 people with three seeds and asked about *validate*, about its shifted twin
and, where they are on this machine, about real stills (odd London ids). Points lost to the arm that has all
ingredients are paired by clip, with intervals over people. The arm "again" leaves nothing out but takes other
performances of the same people: what it loses or gains is chance.

Hypotheses, written down before the run; "clear" means that the interval and all three seeds lie on one side:

furrows_are_read      Without furrows the spatial branch clearly loses on pairs of real stills.
surface_is_not_moved  Furrows, paint, light and camera move the temporal branch by less than 2 points each, on
                      *validate*.
prototypes_first      Of all ingredients the temporal branch misses prototypes most, on *validate*.
style_travels         Without style the temporal branch clearly loses on real stills.
shape_for_stills      Without face shapes the spatial branch loses more than the temporal one, on *validate*.
light_for_the_shift   Without varied light the spatial branch clearly loses on the shifted twin.
camera_is_free        Without camera faults the spatial branch clearly loses nowhere: training adds its own.
repainting_travels    Without repainted stills the spatial branch clearly loses on pairs of real stills.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import mime, results
from ..cache import replacing
from ..errors import BadInput
from ..evaluation import Interval
from . import _ingredients_lab as lab
from ._arms import BRANCHES, PEOPLE, Arm
from ._switches import INGREDIENTS

TABLE = "ingredients.csv"
# Measures that have a record for each ingredient. Short lessons leave stills with hardly a happy answer, so
# on real people the smile is also sought among two stills.
MAIN = {
    "temporal": ("validate", "shift", "london"),
    "spatial": ("validate", "shift", "london", "london_pair"),
}
SURFACE = ("furrows", "paint", "light", "camera")
HYPOTHESES = (
    "furrows_are_read", "surface_is_not_moved", "prototypes_first", "style_travels", "shape_for_stills",
    "light_for_the_shift", "camera_is_free", "repainting_travels",
)  # fmt: skip


def arms() -> dict[str, Arm]:
    """Return the arms by name: all ingredients, all again with other takes, and one left out at a time."""
    return {"all": Arm(), "again": Arm(takes=1), **{name: Arm(name) for name in INGREDIENTS}}


def branches_of(name: str) -> tuple[str, ...]:
    """Return the branches that an arm trains: those that its ingredient can change."""
    return INGREDIENTS[name].branches if name in INGREDIENTS else BRANCHES


RECORDS = (
    *(f"ingredients.all.{branch}_{measure}"
      for branch in BRANCHES for measure in lab.MIME + lab.REAL[branch]),
    *(f"ingredients.{name}.{branch}_{measure}" for name in ("again", *INGREDIENTS)
      for branch in branches_of(name) for measure in MAIN[branch]),
    "ingredients.clear", "ingredients.hypotheses_held",
    *(f"ingredients.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip

Hits = dict[tuple[str, str], dict[str, np.ndarray]]  # (arm, branch) -> measure -> (S, N)


@dataclass(frozen=True)
class Loss:
    """Points lost without an ingredient: over people, and with each seed; `share` is what is still right."""

    points: Interval
    per_seed: tuple[float, ...]
    share: Interval

    @property
    def clear(self) -> bool:
        """Whether the interval and all seeds lie on the same side of 0."""
        return self.sure(1) or self.sure(-1)

    def sure(self, sign: int = 1) -> bool:
        """Whether points are clearly lost (1) or clearly gained (-1)."""
        ends = sign * self.points.low, sign * self.points.high, *(sign * each for each in self.per_seed)
        return all(end > 0 for end in ends)


def losses(hits: Hits, people: Mapping[str, Sequence[str]]) -> dict[tuple[str, str, str], Loss]:
    """Compare every arm with the one that has all: (arm, branch, measure) to points lost.

    Raises
    ------
    BadInput
        If the arm "all" is missing.
    """
    out = {}
    for (name, branch), measures in hits.items():
        if ("all", branch) not in hits:
            raise BadInput("ingredients: nothing to compare with: train the arm 'all' first")
        for measure, right in measures.items():
            whole = hits["all", branch][measure]
            each = tuple(100 * (whole.mean(1) - right.mean(1)))
            points = lab.drop(whole, right, people[measure])
            out[name, branch, measure] = Loss(points, each, lab.share(right, people[measure]))
    return out


def verdicts(lost: Mapping[tuple[str, str, str], Loss]) -> dict[str, bool]:
    """Say of each hypothesis whether it held; those about real stills are left out where there are none."""

    def value(name: str, branch: str) -> float:
        return lost[name, branch, "validate"].points.value

    held = {
        "surface_is_not_moved": all(abs(value(name, "temporal")) < 2 for name in SURFACE),
        "prototypes_first": value("prototypes", "temporal")
        == max(value(name, "temporal") for name in INGREDIENTS if "temporal" in branches_of(name)),
        "shape_for_stills": value("shape", "spatial") > value("shape", "temporal"),
        "light_for_the_shift": lost["light", "spatial", "shift"].sure(),
        "camera_is_free": not any(
            lost[key].sure() for key in lost if key[:2] == ("camera", "spatial") and key[2] in MAIN["spatial"]
        ),
    }
    if ("all", "spatial", "london_pair") in lost:
        held |= {
            "furrows_are_read": lost["furrows", "spatial", "london_pair"].sure(),
            "style_travels": lost["style", "temporal", "london"].sure(),
            "repainting_travels": lost["repainting", "spatial", "london_pair"].sure(),
        }
    return {name: held[name] for name in HYPOTHESES if name in held}


def table(lost: Mapping[tuple[str, str, str], Loss]) -> Any:
    """Return one row for each arm, branch and measure: the share that is right, points lost, each seed."""
    import pandas as pd

    rows = []
    for (name, branch, measure), loss in lost.items():
        title = INGREDIENTS[name].title if name in INGREDIENTS else name
        seeds = {f"seed{k}": value for k, value in enumerate(loss.per_seed)}
        rows.append(
            {"left_out": name, "title": title, "branch": branch, "measure": measure,
             "share": loss.share.value, "share_low": loss.share.low, "share_high": loss.share.high,
             "lost": loss.points.value, "low": loss.points.low, "high": loss.points.high, **seeds,
             "clear": loss.clear and name != "all"}
        )  # fmt: skip
    return pd.DataFrame(rows)


def records(
    lost: Mapping[tuple[str, str, str], Loss], people: Mapping[str, Sequence[str]], seconds: float
) -> list[results.Record]:
    """Return the records: what the whole set reads, points lost for each ingredient, hypotheses."""
    split = f"fit {PEOPLE} people, session 0; short training"
    common: dict[str, Any] = {"data_version": mime.VERSION, "seconds": seconds}
    made = []
    for (name, branch, measure), loss in lost.items():
        about = {**common, "seeds": lab.SEEDS, "n": len(people[measure]), **where(measure, split)}
        if name == "all":
            about |= {"unit": "share", "note": f"{meaning(branch, measure)}; all ingredients"}
            made.append(_record("all", branch, measure, loss.share, **about))
        elif measure in MAIN[branch]:
            left = (
                "other takes, nothing left out" if name == "again" else f"without: {INGREDIENTS[name].title}"
            )
            note = f"points lost {left}; {meaning(branch, measure)}; paired, over people"
            about |= {"unit": "points", "note": note, "per_seed": loss.per_seed}
            made.append(_record(name, branch, measure, loss.points, **about))
    compared = [loss for (name, b, m), loss in lost.items() if m in MAIN[b] and name in INGREDIENTS]
    note = "comparisons whose interval and seeds lie on one side of 0; by chance alone some would"
    made.append(results.record("ingredients.clear", sum(loss.clear for loss in compared), n=len(compared),
                               unit="comparisons", note=note, dataset="mime", **common))  # fmt: skip
    return made + lab.hypotheses("ingredients", verdicts(lost), "ingredients.py", **common)


def _record(name: str, branch: str, measure: str, found: Interval, **fields: Any) -> results.Record:
    id = f"ingredients.{name}.{branch}_{measure}"
    return results.record(id, found.value, low=found.low, high=found.high, **fields)


def where(measure: str, split: str) -> dict[str, str]:
    """Return the data set and the split of a measure, as fields of a record."""
    if measure not in lab.MIME:
        return {"dataset": "london", "split": f"{split}; London odd ids"}
    return {"dataset": "mime", "split": f"{split}; validate{'-shift' if measure == 'shift' else ''}"}


MEANING = {
    "validate": "clips of validate",
    "shift": "clips of its shifted twin",
    "london": "real people, mean of smiles read as happiness and calm faces read as neutral",
    "london_smile": "real smiles read as happiness",
    "london_calm": "real calm faces read as neutral",
    "london_reversed": "real smiles that go away and are not called happiness",
    "london_pair": "real people whose smile looks happier than their calm face",
}


def meaning(branch: str, measure: str) -> str:
    """Say in a few words what a measure counts."""
    return f"{branch} branch, {MEANING[measure]}"


def run(*, only: Sequence[str] = (), workers: int | None = None) -> list[results.Record]:
    """Train what is missing, compare, then write records and the table.

    Parameters
    ----------
    only : names of arms to train, without writing anything; all of them by default
    workers : processes that make and trace clips; one a core by default
    """
    began = time.perf_counter()
    if not lab.real():
        print(f"ingredients: {lab.NO_REAL}", flush=True)
    asked, hits = lab.tests(workers), {}
    for name, arm in arms().items():
        if not only or name in only:
            for branch in branches_of(name):
                hits[name, branch] = lab.scored(arm, branch, workers=workers)
                shown = ", ".join(f"{m} {right.mean():.3f}" for m, right in hits[name, branch].items())
                print(f"ingredients: {name}, {branch}: {shown}", flush=True)
    if only:
        return []
    people = {m: lab.people_of(m, asked) for b in BRANCHES for m in hits["all", b]}
    lost = losses(hits, people)
    made = records(lost, people, round(time.perf_counter() - began, 1))
    for record in made:
        results.write(record)
    with replacing(results.folder() / TABLE) as temporary:
        table(lost).round(4).to_csv(temporary, index=False)
    return made


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[], choices=list(arms()), help="train these arms only")
    parser.add_argument("--workers", type=int, default=None)
    given = parser.parse_args()
    for record in run(only=given.only, workers=given.workers):
        print(f"{record.id}: {record.value:.4f} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
