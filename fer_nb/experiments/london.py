"""Real smiles, read by models that saw only Mime: `python -m fer_nb.experiments.london`.

The Face Research Lab London Set (DeBruine & Jones 2017, CC BY 4.0) has a neutral and a smiling portrait of
102 people. Each pair is a clip of two frames. Odd ids are for development; even ids are the test and are
looked at once per release (`--ids even`), which is logged.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .. import results
from ..clips import Clip, read_clip
from ..errors import BadInput, MissingData, NoFace
from ..evaluation import Interval, bootstrap, by_group
from ..labels import LABELS
from ..prediction import Models, judge, shipped_models
from ..preprocess import face_sequence

TESTS = {"smile": "smiling pairs", "same": "neutral pairs", "reversed": "smile-to-neutral pairs"}
BRANCHES = ("temporal", "spatial", "fused")
# What `make results` may remake. Those of the even ids have no suffix and are made by `--ids even` alone.
RECORDS = tuple(f"real.london_{name}.odd" for name in (*BRANCHES, "false_alarm", "reversed"))


def folder() -> Path:
    """Return where the London Set lies: `$FER_NB_SHARED/data/london320`, `../shared` by default.

    Raises
    ------
    MissingData
        If it is not there.
    """
    shared = Path(os.environ.get("FER_NB_SHARED") or results.root().parent / "shared")
    path = shared / "data" / "london320"
    if not path.is_dir():
        raise MissingData(
            f"{path}: the London Set is not here: set FER_NB_SHARED to the folder that holds data/"
        )
    return path


def again(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Photograph the same face again: turned within 6 degrees, scaled within 10 %, relit, JPEG 60.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
    rng : numpy Generator

    Returns
    -------
    (H, W, 3) uint8 array

    Examples
    --------
    >>> again(np.full((40, 30, 3), 90, np.uint8), np.random.default_rng(0)).shape
    (40, 30, 3)
    """
    h, w = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-6, 6), rng.uniform(0.9, 1.1))
    moved = cv2.warpAffine(image, matrix, (w, h), borderMode=cv2.BORDER_REFLECT).astype(np.float64) / 255
    side = 1 + rng.uniform(-0.25, 0.25) * np.linspace(-1, 1, w)[None, :, None]
    lit = np.clip(moved ** rng.uniform(0.8, 1.25) * side, 0, 1)
    _, coded = cv2.imencode(".jpg", (255 * lit).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 60])
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


def pairs(ids: str) -> Iterator[tuple[str, dict[str, Clip]]]:
    """Yield each person's number and three clips of two stills: smile, same, reversed."""
    if ids not in ("odd", "even"):
        raise BadInput(f"ids {ids!r}: use odd (development) or even (the test)")
    for path in sorted((folder() / "smiling").glob("*.jpg")):
        number = int(path.stem)
        if number % 2 != (ids == "odd"):
            continue
        neutral, smiling = (
            read_clip(folder() / kind / path.name).frames[0] for kind in ("neutral", "smiling")
        )
        twin = again(neutral, np.random.default_rng(number))
        stills = {"smile": (neutral, smiling), "same": (neutral, twin), "reversed": (smiling, neutral)}
        yield (
            path.stem,
            {
                # One frame a second: each still is searched on its own, without tracking.
                test: Clip(
                    np.stack(two), 1.0, source=f"london/{path.stem}/{test}", subject=f"london/{path.stem}"
                )
                for test, two in stills.items()
            },
        )


def read(ids: str, models: Models) -> dict[str, dict[str, list[str]]]:
    """Ask the models about every pair: test -> branch -> label of each person; "no face" where none."""
    out: dict[str, dict[str, list[str]]] = {test: {branch: [] for branch in BRANCHES} for test in TESTS}
    for _, clips in pairs(ids):
        for test, clip in clips.items():
            try:
                said = judge(face_sequence(clip), models)
            except NoFace:
                said = None
            for branch in BRANCHES:
                p = None if said is None else getattr(said, branch)
                out[test][branch].append("no face" if p is None else LABELS[int(p.argmax())])
    return out


def share_of(label: str, said: list[str]) -> Interval:
    """Share of people read as this label, with its interval."""
    hits = np.array([each == label for each in said], float)
    return bootstrap(lambda rows: float(hits[rows].mean()), [str(i) for i in range(len(hits))])


def groups(ids: str) -> dict[str, list[str]]:
    """Return gender, age and ethnicity of each person, as the set's own table words them, in order."""
    with (folder() / "info.csv").open(encoding="utf-8") as file:
        rows = {row["face_id"]: row for row in csv.DictReader(file)}
    order = [rows.get(number, {}) for number, _ in pairs(ids)]
    return {
        "gender": [row.get("face_gender") or "unknown" for row in order],
        "age": [_age_group(row.get("face_age", "")) for row in order],
        "ethnicity": [(row.get("face_eth") or "unknown").replace("/", "_") for row in order],
    }


def _age_group(age: str) -> str:
    """Name an age group: under 25, 25 to 34, 35 and over."""
    if not age.isdigit():
        return "unknown"
    return "under_25" if int(age) < 25 else "25_to_34" if int(age) < 35 else "35_and_over"


def run(
    *, ids: str = "odd", models: Models | None = None, write: bool = True
) -> dict[str, dict[str, Interval]]:
    """Measure and record; ids of the test are recorded without suffix, development ids with `.odd`."""
    began = time.perf_counter()
    said = read(ids, models or shipped_models())
    shares = {
        test: {branch: share_of("happiness", labels) for branch, labels in by.items()}
        for test, by in said.items()
    }
    for test, by in shares.items():
        print(
            f"london {ids}, {TESTS[test]} read as happiness: " + ", ".join(f"{b} {v}" for b, v in by.items())
        )
    if write:
        n = len(said["smile"]["fused"])
        calm = {branch: share_of("neutral", labels) for branch, labels in said["same"].items()}
        parts = _by_group(ids, said["smile"]["fused"])
        _write(ids, shares, calm, parts, n, time.perf_counter() - began)
        if ids == "even":
            results.log_look("london-even", n, shares["smile"]["fused"].value)
    return shares


def _by_group(ids: str, labels: list[str]) -> dict[str, tuple[Interval, int]]:
    """Share of smiles read as happiness in each group of people, "kind.group" -> share and people."""
    hits, who = [label == "happiness" for label in labels], [str(i) for i in range(len(labels))]
    return {
        f"{kind}.{name}": found
        for kind, names in groups(ids).items()
        for name, found in by_group(hits, names, who).items()
    }


def _write(
    ids: str,
    shares: dict[str, dict[str, Interval]],
    calm: dict[str, Interval],
    parts: dict[str, tuple[Interval, int]],
    n: int,
    seconds: float,
) -> None:
    from ..checkpoints import read_card

    card, end = read_card("temporal"), "" if ids == "even" else f".{ids}"
    common: dict[str, Any] = {
        "unit": "share", "n": n, "dataset": "london", "data_version": card.data_version,
        "split": f"{ids} ids",
        "seeds": (card.seed,), "command": f"python -m fer_nb.experiments.london --ids {ids}",
        "seconds": round(seconds, 1), "flags": ("mime_only",),
    }  # fmt: skip

    def put(id: str, share: Interval, **more: Any) -> None:
        about = {**common, **more}
        results.write(results.record(id, share.value, low=share.low, high=share.high, **about))

    goals = {"temporal": 0.95, "spatial": 0.90, "fused": 0.95}
    for branch, goal in goals.items():
        put(f"real.london_{branch}{end}", shares["smile"][branch], direction="up", target=goal,
            note="people; neutral to smiling, read as happiness by argmax over seven labels")  # fmt: skip
    for name, test, goal in (("false_alarm", "same", 0.03), ("reversed", "reversed", 0.05)):
        for branch in BRANCHES:
            aim = {"direction": "down", "target": goal} if branch == "fused" else {}
            middle = "" if branch == "fused" else f".{branch}"
            put(f"real.london_{name}{middle}{end}", shares[test][branch], **aim,
                note=f"people; {TESTS[test]} read as happiness")  # fmt: skip
    for branch in BRANCHES:
        put(f"real.london_calm.{branch}{end}", calm[branch],
            note="people; neutral pairs read as neutral by argmax over seven labels")  # fmt: skip
    for name, (share, people) in parts.items():
        put(f"real.london_groups.{name}{end}", share, n=people,
            note="people of the group; smiles whose fused answer is happiness")  # fmt: skip


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ids", choices=("odd", "even"), default="odd")
    run(ids=parser.parse_args().ids)


if __name__ == "__main__":
    main()
