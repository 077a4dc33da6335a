"""What is left to read in a hidden face? `python -m fer_nb.experiments.privacy_utility`.

The same releases as in `privacy_identity`, read by a recipient that trained on releases of other people:
action units within a class, the moment of the apex, the class. Originals, read in the same way, are the
scale. Then methods are compared at equal risk: at the share of victims that the strongest retrained attacker
recognizes behind the anonymizer, what would each swept baseline keep? Between two settings of a sweep, a
straight line is taken, which favors the baseline.

"Within a class" means among clips of one true class that the shipped branch reads as one class. That was
added after a first look at *validate*: by true class alone, the label-only control kept more than half,
since a weak smile is read as neutral. The looser figure stands beside it.

Hypotheses, written down before the run:

label_only_is_empty   Units within a class cannot be read from the label-only control: below 0.1.
label_only_keeps_class  By its label alone, the control loses at most 5 points of accuracy.
keeps_units           The anonymizer keeps 0.6 of what can be read of units within a class.
keeps_class           The anonymizer loses at most 5 points of accuracy.
keeps_time            Through the anonymizer, the apex is off by at most one frame more than on originals.
gain                  At equal risk, the anonymizer keeps more than the best swept baseline.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from .. import mime, results, spatial, utility
from ..cache import replacing
from ..evaluation import Interval
from ..labels import LABELS
from . import _privacy_lab as lab
from . import _privacy_people as crowd
from ._hypotheses import hypotheses
from .privacy_identity import BASELINES, FLAG, HIDDEN, Arrays, command_line, measure_all, strongest

HYPOTHESES = (
    "label_only_is_empty",
    "label_only_keeps_class",
    "keeps_units",
    "keeps_class",
    "keeps_time",
    "gain",
)
CONTROL = "label only"
RECORDS = (
    "privacy.au_fidelity", "privacy.au_fidelity.label_only", "privacy.au_fidelity.of_shipped",
    "privacy.au_fidelity.label_only.true_class",
    "privacy.au_correlation.before", "privacy.au_correlation.shipped",
    "privacy.timing_error", "privacy.timing_error.before", "privacy.timing_error.label_only",
    "privacy.timing_error.middle", "privacy.expression_cost", "privacy.expression_cost.label_only",
    "privacy.expression_before", "privacy.gain_at_matched_risk",
    "privacy.utility.hypotheses_held",
    *(f"privacy.utility.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
TABLE = "privacy.utility.csv"


def frontier(risk: Sequence[float], kept: Sequence[float], at: float) -> float:
    """Return what a swept method keeps at a risk: the most on the lines between its settings.

    Parameters
    ----------
    risk, kept : of its settings, in the order of the sweep
    at : the risk allowed; minus infinity is returned where every setting is riskier

    Examples
    --------
    >>> frontier([0.8, 0.4], [0.9, 0.5], 0.6), frontier([0.8, 0.4], [0.9, 0.5], 0.1)
    (0.7, -inf)
    """
    best = -np.inf
    points = list(zip(risk, kept, strict=True))
    for (r, k), (s, m) in zip(points, [*points[1:], points[-1]], strict=True):
        best = max(best, *(value for at_risk, value in ((r, k), (s, m)) if at_risk <= at), -np.inf)
        if min(r, s) < at < max(r, s):
            best = max(best, k + (m - k) * (at - r) / (s - r))
    return float(best)


def matched(
    hits: Mapping[str, np.ndarray], read: Mapping[str, np.ndarray], them: crowd.People, rows: np.ndarray
) -> tuple[float, str]:
    """Return the anonymizer's fidelity minus the best baseline's at equal risk, and that baseline.

    Parameters
    ----------
    hits : for each method the parrot's hits (probes,)
    read : for each method and the originals the units (N, 22) at the apex
    them : the victims
    rows : which clips (of N) are counted, with repeats
    """
    truth = apex_truth(them)[rows]
    probes = np.cumsum(them.session == crowd.MET) - 1  # (N,) place of each clip among the probes
    met = probes[rows[them.session[rows] == crowd.MET]]
    where = cells(them)[rows]
    scale = utility.within_class(read["original"][rows], truth, where)

    def fidelity(name: str) -> float:
        return utility.within_class(read[name][rows], truth, where) / scale

    at = float(hits[HIDDEN][met].mean())
    families = {
        family: [m.name for m in lab.methods().values() if m.family == family] for family in BASELINES
    }
    kept = {
        family: frontier([float(hits[n][met].mean()) for n in names], [fidelity(n) for n in names], at)
        for family, names in families.items()
    }
    best = max(kept, key=lambda family: kept[family])
    return fidelity(HIDDEN) - max(kept[best], 0.0), best if kept[best] > 0 else "none"


def apex_truth(them: crowd.People) -> np.ndarray:
    """Return the true units (N, 22) at the apex of each clip."""
    return them.truth[:, 0]


@functools.lru_cache(maxsize=2)
def shipped(them: crowd.People) -> tuple[np.ndarray, np.ndarray]:
    """Return the units (N, 22) and classes (N,) that the shipped spatial branch reads at original apexes.

    It learned from four times as many people as the recipient has, and the anonymizer reads with it. So a
    drawn face may be easier to read for the recipient than the original: this is the stricter scale.
    """
    net = spatial.load()
    units, said = [], []
    crops = np.stack([face.crops[face.apex] for face in them.faces])
    with torch.no_grad():
        for part in spatial.to_input(crops).split(128):
            seen = [net.maps(x) for x in (part, part.flip(-1))]
            units.append((net.units(seen[0]).sigmoid() + net.units(seen[1]).sigmoid()) / 2)
            said.append((net.head(seen[0]) + net.head(seen[1])).argmax(1))
    return torch.cat(units).numpy(), torch.cat(said).numpy()


def cells(them: crowd.People) -> np.ndarray:
    """Return for each clip (N,) a number for its true and its read class together, 0 for neutral clips.

    The read class alone says how strong a face moves: a weak smile is read as neutral. Within true *and*
    read class a label says nothing at all.
    """
    return np.where(them.label == 0, 0, 1 + len(LABELS) * them.label + shipped(them)[1])


def middle_error(them: crowd.People) -> np.ndarray:
    """Return the timing error (N,) of somebody who always names the middle frame: a control."""
    out = []
    for face in them.faces:
        assert face.units is not None
        said = np.zeros_like(face.units)
        said[len(face) // 2] = 1
        out.append(utility.timing_error(said, face.units))
    return np.array(out)


def row(name: str, found: Arrays, before: Arrays, them: crowd.People) -> dict[str, Any]:
    """Return what the table says of one method."""
    method, moving = lab.methods()[name], them.label != 0
    truth = apex_truth(them)
    kept = utility.ratio(found["units"], before["units"], truth, cells(them), them.person)
    loose = [utility.within_class(units, truth, them.label) for units in (found["units"], before["units"])]
    hits = strongest(found, "parrot")[1]
    return {
        "method": name, "family": method.family, "strength": method.strength, "parrot": float(hits.mean()),
        "au_fidelity": kept.value, "au_low": kept.low, "au_high": kept.high,
        "au_fidelity_true_class": loose[0] / loose[1],
        "timing": float(found["timing"][moving].mean()),
        "accuracy": float((found["label"] == them.label).mean()),
    }  # fmt: skip


def verdicts(values: Mapping[str, Interval]) -> dict[str, bool]:
    """Say of each hypothesis whether it held; those on the anonymizer only where it was measured."""
    held = {
        "label_only_is_empty": values["au_fidelity.label_only"].value < 0.1,
        "label_only_keeps_class": values["expression_cost.label_only"].value <= 5,
    }
    if "au_fidelity" in values:
        late = values["timing_error"].value - values["timing_error.before"].value
        held |= {
            "keeps_units": values["au_fidelity"].value >= 0.6,
            "keeps_class": values["expression_cost"].value <= 5,
            "keeps_time": late <= 1,
            "gain": values["gain_at_matched_risk"].low > 0,
        }
    return held


def values_of(found: Mapping[str, Arrays], them: crowd.People) -> dict[str, Interval]:
    """Return every quantity of the records, with intervals over people."""
    before, moving = found["original"], them.label != 0

    def mean(values: np.ndarray, rows: np.ndarray | None = None, scale: float = 1.0) -> Interval:
        some = np.ones(len(values), bool) if rows is None else rows
        kept = values[some].astype(float)
        return utility.over_people(lambda at: float(kept[at].mean()) * scale, them.person[some])

    right = {name: (arrays["label"] == them.label).astype(float) for name, arrays in found.items()}
    best = shipped(them)[0]
    where = cells(them)

    def within(read: np.ndarray) -> Interval:
        return utility.over_people(
            lambda at: utility.within_class(read[at], apex_truth(them)[at], where[at]), them.person
        )

    out = {
        "au_correlation.shipped": within(best),
        "au_correlation.before": within(before["units"]),
        "timing_error.before": mean(before["timing"], moving),
        "timing_error.middle": mean(middle_error(them), moving),
        "expression_before": mean(right["original"], scale=100),
    }
    if HIDDEN in found:
        out["au_fidelity.of_shipped"] = utility.ratio(
            found[HIDDEN]["units"], best, apex_truth(them), where, them.person
        )
    out["au_fidelity.label_only.true_class"] = utility.ratio(
        found[CONTROL]["units"], before["units"], apex_truth(them), them.label, them.person
    )
    for end, name in ((".label_only", CONTROL), ("", HIDDEN)):
        if name in found:
            out[f"au_fidelity{end}"] = utility.ratio(
                found[name]["units"], before["units"], apex_truth(them), where, them.person
            )
            out[f"timing_error{end}"] = mean(found[name]["timing"], moving)
            out[f"expression_cost{end}"] = mean(right["original"] - right[name], scale=100)
    return out


def gain(found: Mapping[str, Arrays], them: crowd.People) -> tuple[Interval, str]:
    """Return the gain at matched risk with its interval over people, and the best baseline."""
    hits = {name: strongest(arrays, "parrot")[1] for name, arrays in found.items()}
    read = {name: arrays["units"] for name, arrays in found.items()}
    some: Callable[[np.ndarray], float] = lambda rows: matched(hits, read, them, rows)[0]  # noqa: E731
    return utility.over_people(some, them.person, resamples=200), matched(
        hits, read, them, np.arange(len(them.person))
    )[1]


def run(split: str = crowd.SPLIT, *, only: Sequence[str] = ()) -> list[results.Record]:
    """Measure methods, the families `only` or all, and write records and table when all are measured."""
    began = time.perf_counter()
    found = measure_all(split, only)
    return [] if only else report(found, split, round(time.perf_counter() - began, 1))


def report(found: Mapping[str, Arrays], split: str, seconds: float) -> list[results.Record]:
    """Write the table and the records of all methods that were measured."""
    import pandas as pd

    them = crowd.victims(split)
    values, best = values_of(found, them), ""
    if HIDDEN in found:
        values["gain_at_matched_risk"], best = gain(found, them)
    table = pd.DataFrame([row(name, arrays, found["original"], them) for name, arrays in found.items()])
    with replacing(results.folder() / TABLE) as temporary:
        table.round(4).to_csv(temporary, index=False)
    about = {"dataset": "mime", "data_version": mime.VERSION, "split": split, "seeds": (0,),
             "n": len(them.person), "seconds": seconds,
             "note": f"{len(np.unique(them.person))} people, 3 sessions; readers retrained"}  # fmt: skip
    fields: dict[str, dict[str, Any]] = {
        "au_fidelity": {"direction": "up", "target": 0.6},
        "expression_cost": {"direction": "down", "target": 5.0},
        "gain_at_matched_risk": {"direction": "up", "target": 0.0, "note": f"best baseline: {best}"},
    }
    units = {
        "au": "correlation or ratio of two",
        "timing": "frames",
        "expression": "points",
        "gain": "au_fidelity",
    }
    made = [
        results.record(f"privacy.{name}", value.value, low=value.low, high=value.high,
                       **{**about, "unit": units[name.split("_")[0]], **fields.get(name, {})})
        for name, value in values.items()
    ]  # fmt: skip
    held = verdicts(values)
    made += hypotheses("privacy.utility", held, about, each=FLAG)
    for record in made:
        results.write(record)
    return made


if __name__ == "__main__":
    command_line(run, __doc__)
