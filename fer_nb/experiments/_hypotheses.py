"""Records of hypotheses that were written down before a run: how many held, and which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import results

COUNTED = "held, of those written down before"
HELD_OR_NOT = "1: held, 0: failed"


def hypotheses(
    prefix: str,
    held: Mapping[str, bool],
    common: Mapping[str, Any],
    *,
    count: Mapping[str, Any] | None = None,
    each: Mapping[str, Any] | None = None,
) -> list[results.Record]:
    """Return the record of how many hypotheses held, and one for each; none is written.

    Parameters
    ----------
    prefix : of the ids, `<prefix>.hypotheses_held` and `<prefix>.hypotheses_held.<name>`
    held : what became of each
    common : fields of all records
    count, each : fields of the first record, and of all others, where they are not the usual ones

    Examples
    --------
    >>> made = hypotheses("toy", {"rises": True, "falls": False}, {"split": "none"})
    >>> [(record.id, record.value) for record in made]
    [('toy.hypotheses_held', 1.0), ('toy.hypotheses_held.rises', 1.0), ('toy.hypotheses_held.falls', 0.0)]
    """
    about = {**common, "n": len(held), "unit": "hypotheses", "note": COUNTED, **(count or {})}
    flag = {**common, "note": HELD_OR_NOT, **(each or {})}
    made = [results.record(f"{prefix}.hypotheses_held", float(sum(held.values())), **about)]
    return made + [
        results.record(f"{prefix}.hypotheses_held.{name}", float(yes), **flag) for name, yes in held.items()
    ]
