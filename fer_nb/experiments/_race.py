"""Two ways to do the same work, timed in turns in one process: machines are noisy, ratios are less so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import results


def race(ours: Callable[[], Any], theirs: Callable[[], Any], *, rounds: int) -> np.ndarray:
    """Return our speed over theirs for each round, (rounds,); who goes first alternates.

    Above 1, ours is faster. Run both once before, so that nothing is loaded or compiled on the clock.

    Examples
    --------
    >>> race(lambda: None, lambda: None, rounds=3).shape
    (3,)
    """
    answer = []
    for k in range(rounds):
        order = (ours, theirs) if k % 2 == 0 else (theirs, ours)
        seconds = {road: _seconds(road) for road in order}
        answer.append(seconds[theirs] / seconds[ours])
    return np.array(answer)


def _seconds(road: Callable[[], Any]) -> float:
    start = time.perf_counter()
    road()
    return time.perf_counter() - start


def record(id: str, measured: np.ndarray, *, over: str, target: float, **more: Any) -> results.Record:
    """Write the record of a race: the median, with the slowest and the fastest round as its interval."""
    made = results.record(
        id, float(np.median(measured)), low=float(measured.min()), high=float(measured.max()),
        n=len(measured), direction="up", target=target,
        note=f"median of n rounds (low and high: slowest and fastest) over {over}", **more,
    )  # fmt: skip
    results.write(made)
    return made
