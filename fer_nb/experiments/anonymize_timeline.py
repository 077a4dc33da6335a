"""Does an anonymized real video still smile when its person does? `python -m ...anonymize_timeline VIDEO`.

A real video is read, anonymized with several donors, written, and read again, as a user would. Compared are
the courses of happiness over time. Control: the same released course, shifted in time around the clip; a
course that is merely as often happy agrees as well with its shifted self.

Hypotheses, written down before the run:

keeps_time        The mean correlation over the donors is at least 0.7.
beats_the_shift   It is above the correlation of the shifted course for at least 95 % of the shifts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .. import anonymize, results
from ..anonymize_video import anonymize_video
from ..errors import BadInput
from ..evaluation import Interval
from ..labels import LABELS
from ..prediction import predict
from ._hypotheses import hypotheses

HYPOTHESES = ("keeps_time", "beats_the_shift")
RECORDS = (
    "anonymize.timeline_r", "anonymize.timeline_r.shifted", "anonymize.timeline_r.shifted_p95",
    "anonymize.face_found", "anonymize.timeline.hypotheses_held",
    *(f"anonymize.timeline.hypotheses_held.{name}" for name in HYPOTHESES),
)  # fmt: skip
DONORS, SEED = 5, 0
SHIFTS = 100  # at most
NEAR = 0.5  # seconds; a course shifted by less is not yet another course


def default_video() -> Path:
    """Return the real video: `$FER_NB_SHARED/data/video/single_face.mp4`, `../shared` by default.

    Raises
    ------
    BadInput
        If it is not there.
    """
    shared = Path(os.environ.get("FER_NB_SHARED") or results.root().parent / "shared")
    path = shared / "data" / "video" / "single_face.mp4"
    if not path.is_file():
        raise BadInput(f"{path}: no real video here: give one as argument, or set FER_NB_SHARED")
    return path


def course_of(path: str | Path, label: str = "happiness") -> tuple[np.ndarray, np.ndarray, float]:
    """Return moments (K,) in seconds, the probability of a label there (NaN without a face), and coverage."""
    answer = predict(path)
    values = np.asarray(answer.course, float)[:, LABELS.index(label)]
    return np.asarray(answer.ticks), values, answer.frames_with_face / answer.frames


def agreement(before: np.ndarray, after: np.ndarray) -> float:
    """Correlation of two courses (K,) over the moments that both know.

    Raises
    ------
    BadInput
        If they have no three moments in common, or one of them does not change.

    Examples
    --------
    >>> agreement(np.array([0.0, 1, np.nan, 2]), np.array([0.0, 2, 5, 4]))
    1.0
    """
    both = np.isfinite(before) & np.isfinite(after)
    a, b = before[both], after[both]
    if len(a) < 3 or a.std() < 1e-9 or b.std() < 1e-9:
        raise BadInput("timeline: nothing to compare: give a video in which a smile comes or goes")
    return round(float(np.corrcoef(a, b)[0, 1]), 12)


def shifted(before: np.ndarray, after: np.ndarray, step: float) -> np.ndarray:
    """Correlations with the second course turned around the clip by all shifts of `NEAR` seconds or more.

    Parameters
    ----------
    before, after : (K,) arrays
    step : float, seconds between two moments

    Raises
    ------
    BadInput
        If the clip is shorter than twice `NEAR`.
    """
    near = max(1, round(NEAR / step))
    turns = np.unique(np.linspace(near, len(after) - near, SHIFTS).astype(int))
    if len(after) < 2 * near + 1:
        raise BadInput(f"timeline: the video is too short to shift: give one longer than {2 * NEAR:g} s")
    return np.array([agreement(before, np.roll(after, k)) for k in turns])


def run(video: str | Path | None = None) -> list[results.Record]:
    """Anonymize the video with several donors, compare the courses, and record; skip where there is none."""
    began = time.perf_counter()
    try:
        video = Path(video) if video else default_video()
    except BadInput as error:
        print(f"anonymize_timeline: skipped: {error}", file=sys.stderr)
        return []
    models = anonymize.load()
    ticks, before, _ = course_of(video)
    donors = np.random.default_rng(SEED).permutation(models.donors)[:DONORS]
    straight, turned, seen = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for donor in donors:
            out = Path(folder) / f"{donor}.mp4"
            anonymize_video(video, out, donor=int(donor), models=models)
            after, coverage = course_of(out)[1:]
            straight.append(agreement(before, after))
            turned.append(shifted(before, after, float(np.diff(ticks).mean())))
            seen.append(coverage)
    return record_all(np.array(straight), np.array(turned), np.array(seen), time.perf_counter() - began)


def record_all(
    straight: np.ndarray, turned: np.ndarray, seen: np.ndarray, seconds: float
) -> list[results.Record]:
    """Write the records: correlations (D,) of D donors, those of shifted courses (D, S), coverage (D,)."""
    share = (turned < straight[:, None]).mean(1)  # (D,)
    held = {"keeps_time": straight.mean() >= 0.7, "beats_the_shift": bool(share.mean() >= 0.95)}
    common = {"dataset": "one real video", "n": len(straight), "seeds": (SEED,), "seconds": round(seconds, 1)}
    spread = "donors; mean, least and most; courses of happiness of one real video before and after"
    high = np.quantile(turned, 0.95, axis=1)
    values: dict[str, tuple[Interval, dict[str, Any]]] = {
        "timeline_r": (_spread(straight), {"unit": "correlation", "direction": "up", "target": 0.7}),
        "timeline_r.shifted": (_spread(turned.mean(1)), {"unit": "correlation"}),
        "timeline_r.shifted_p95": (_spread(high), {"unit": "correlation"}),
        "face_found": (_spread(seen), {"unit": "share of frames"}),
    }
    records = [
        results.record(f"anonymize.{name}", v.value, low=v.low, high=v.high, note=spread, **about, **common)
        for name, (v, about) in values.items()
    ]
    records += hypotheses("anonymize.timeline", held, common)
    for record in records:
        results.write(record)
    return records


def _spread(values: np.ndarray) -> Interval:
    return Interval(float(values.mean()), float(values.min()), float(values.max()))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("video", nargs="?", type=Path, help="a video of one face that smiles and stops")
    for record in run(parser.parse_args().video):
        print(f"{record.id}: {record.value:.3f} [{record.low}, {record.high}]")


if __name__ == "__main__":
    main()
