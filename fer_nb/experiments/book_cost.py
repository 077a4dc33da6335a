"""What the book costs a reader: the seconds of its slowest notebook, from an empty cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from .. import results
from ..errors import BadInput

RECORDS = ("book.notebook_seconds_max",)
TARGET = 90.0


def slowest(costs: Mapping[str, Mapping[str, Any]]) -> tuple[str, float]:
    """Return the name and the seconds of the slowest notebook.

    Examples
    --------
    >>> slowest({"00": {"seconds": 31.0}, "01": {"seconds": 44.5}})
    ('01', 44.5)
    """
    name = max(costs, key=lambda name: costs[name]["seconds"])
    return name, float(costs[name]["seconds"])


def run() -> list[results.Record]:
    """Run every notebook afresh, one after the other and with no cached data, and record the slowest.

    Raises
    ------
    BadInput
        If a notebook fails.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fer_nb-") as empty:
        done = subprocess.run(
            [sys.executable, "-m", "tools.execute", "--fresh"],
            cwd=results.root(),
            env={**os.environ, "FER_NB_CACHE": empty},
            check=False,
        )
    if done.returncode:
        raise BadInput(
            "book_cost: a notebook failed, mend it: `python -m tools.execute --pytest` shows which"
        )
    costs = json.loads((results.root() / "_build" / "executed" / "costs.json").read_text(encoding="utf-8"))
    name, seconds = slowest(costs)
    cores = costs[name]["cores"]
    each = ", ".join(f"{key} {cost['seconds']:.0f} s" for key, cost in sorted(costs.items()))
    record = results.record(
        RECORDS[0],
        seconds,
        unit="s",
        n=len(costs),
        direction="down",
        target=TARGET,
        device=f"cpu, {cores} cores",
        command="fer-nb results make book",
        seconds=round(time.perf_counter() - start, 1),
        note=f"Slowest notebook, run alone and from an empty cache; n counts notebooks. {each}.",
    )
    results.write(record)
    return [record]
