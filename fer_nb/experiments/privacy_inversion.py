"""Who is recognized when releases are computed back? `python -m fer_nb.experiments.privacy_inversion`.

Six attackers failed the positive control on the people of development, so that what they find is a lower
limit. This is a seventh, added after that: she learns the way back from release to picture on her own people,
by one matrix, and looks for the victims in what comes out, with the eyes that the others have. Her means are
the same for each method. `privacy_identity` counts her among the seven everywhere. Here she stands beside the
six: on originals, the control, the strongest setting of every dial, and the anonymizer with a donor for each
clip.

Hypotheses, written down after a trial on the control and before any look at the anonymizer:

counts        She names at least 0.95 of the originals and at least 0.90 of the control.
within_limit  Behind the anonymizer she stays at or below the limit of `privacy_identity`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import mime, results
from .._parallel import bar
from ..cache import replacing
from ..errors import BadInput
from ..evaluation import Interval
from ..utility import over_people
from . import _privacy_inversion as inverted
from . import _privacy_lab as lab
from . import _privacy_people as crowd
from ._hypotheses import hypotheses
from .privacy_identity import FLAG, HIDDEN, Arrays, command_line, limit, lowest_error, strongest

METHODS = {"before": "original", "control": "control", "blur": "blur 8", "pixels": "pixels 6",
           "k_same": "k-same 20", "landmarks": "landmarks 1", "anonymizer": HIDDEN}  # fmt: skip
HYPOTHESES = ("counts", "within_limit")
RECORDS = (
    *(f"privacy.inversion.{name}" for name in METHODS),
    "privacy.inversion.of_limit", "privacy.inversion.linked", "privacy.inversion.verification_eer",
    "privacy.inversion.hypotheses_held",
    *(f"privacy.inversion.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
TABLE = "privacy.inversion.csv"


def verdicts(right: Mapping[str, Interval], bound: float) -> dict[str, bool]:
    """Say of each hypothesis whether it held, from the shares of clips that she names.

    Examples
    --------
    >>> right = {name: Interval(0.97, 0.9, 1.0) for name in ("before", "control", "anonymizer")}
    >>> verdicts(right, 0.4)
    {'counts': True, 'within_limit': False}
    """
    return {
        "counts": right["before"].value >= 0.95 and right["control"].value >= 0.9,
        "within_limit": right["anonymizer"].value <= bound,
    }


def row(name: str, found: Arrays, split: str) -> dict[str, Any]:
    """Return what the table says of one method, beside what the six others get out of it."""
    off, back, penalty = found["inversion"].tolist()
    rung, right = strongest(found, "parrot")
    six = strongest(lab.measured(name, split), "parrot")[1]
    return {
        "method": name, "six": float(six.mean()), "inversion": float(right.mean()), "rung": rung,
        **{key.split("/")[1]: float(hits.mean()) for key, hits in found.items() if key.startswith("parrot/")},
        "linked": float(strongest(found, "linked")[1].mean()), "eer": lowest_error(found)[1].value,
        "off_released": off, "off_computed": back, "penalty": penalty,
    }  # fmt: skip


def run(split: str = crowd.SPLIT, *, only: Sequence[str] = ()) -> list[results.Record]:
    """Measure methods, those named in `only` or all, and write table and records when all are measured.

    Raises
    ------
    BadInput
        If `only` names a method that is not measured here.
    """
    if unknown := sorted(set(only) - set(METHODS)):
        raise BadInput(f"inversion: no method {', '.join(unknown)}: name some of {', '.join(METHODS)}")
    began, found = time.perf_counter(), {}
    with bar("methods", len(only or METHODS)) as step:
        for name in only or METHODS:
            found[name] = inverted.measured(METHODS[name], split)
            step()
    return [] if only else report(found, split, round(time.perf_counter() - began, 1))


def report(found: Mapping[str, Arrays], split: str, seconds: float) -> list[results.Record]:
    """Write the table and the records."""
    import pandas as pd

    them = crowd.victims(split)
    person = them.person[them.session == crowd.MET]
    people = len(np.unique(person))
    table = pd.DataFrame([row(METHODS[name], arrays, split) for name, arrays in found.items()])
    with replacing(results.folder() / TABLE) as temporary:
        table.round(4).to_csv(temporary, index=False)
    bound = limit(float(lab.style(split).mean()), people)
    best = {name: strongest(arrays, "parrot") for name, arrays in found.items()}

    def share(hits: np.ndarray, who: np.ndarray, scale: float = 1.0) -> Interval:
        return over_people(lambda rows: float(hits[rows].mean()) * scale, who)

    right = {name: share(hits, person) for name, (_, hits) in best.items()}
    hidden = found["anonymizer"]
    values = right | {
        "of_limit": share(best["anonymizer"][1], person, 1 / bound),
        "linked": share(strongest(hidden, "linked")[1], np.arange(people)),
        "verification_eer": lowest_error(hidden)[1],
    }
    fields: dict[str, dict[str, Any]] = {
        "before": {"direction": "up", "target": 0.95}, "control": {"direction": "up", "target": 0.9},
        "of_limit": {"direction": "down", "target": 1.0, "unit": "multiple of the limit"},
        "linked": {"n": people, "unit": "share of people"},
        "verification_eer": {"direction": "up", "target": 0.42, "unit": "equal error rate"},
    }  # fmt: skip
    note = f"{people} people, {crowd.OWNED} owned; pictures computed back, strongest of {len(inverted.RUNGS)}"
    about = {"dataset": "mime", "data_version": mime.VERSION, "split": split, "seeds": (0,), "n": len(person),
             "unit": "share of clips", "seconds": seconds}  # fmt: skip
    made = [
        results.record(f"privacy.inversion.{name}", value.value, low=value.low, high=value.high,
                       note=f"{note}; here {best[name][0]}" if name in best else note,
                       **{**about, **fields.get(name, {})})
        for name, value in values.items()
    ]  # fmt: skip
    held = verdicts(right, bound)
    count = {"note": "held; see the module for when written"}
    made += hypotheses("privacy.inversion", held, about, count=count, each=FLAG)
    for record in made:
        results.write(record)
    return made


if __name__ == "__main__":
    command_line(run, __doc__)
