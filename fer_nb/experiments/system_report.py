"""Every answer of the shipped system, clip by clip: `python -m fer_nb.experiments.system_report`.

Asks the system about *validate* and its shifted twin, as `predict` would; with `--test-block` about all
sessions of the test people. Writes the answers of both branches and of their fusion to
`results/predictions/system.parquet`, and what one accuracy hides: recall averaged over classes, macro F1, and
the share of clips in which a face was found. A clip without a face is an error. Nothing is fitted or chosen
here; it is the same system that `fusion_rules --test-block` scored.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from .. import evaluation, mime, results
from ..cache import replacing
from ..prediction import shipped_models
from ..preprocess import face_sequences
from . import first_path
from .fusion_rules import put

SETS: dict[str, dict[str, Any]] = {
    "validate": {"sessions": (0,)},
    "shift": {"sessions": (0,), "shifted": True},
    "test": {"sessions": (0, 1, 2)},
}
ANSWERS = ("temporal", "spatial", "fused")
MEASURES = {"uar": "recall", "macro_f1": "f1"}  # of a record's id, and of `evaluation.Scores`
RECORDS = tuple(f"system.{name}.{kind}" for name in (*MEASURES, "coverage") for kind in SETS)
FILE = "system.parquet"
NO_FACE = "no face"


def ask(kind: str) -> pd.DataFrame:
    """Return one row for each clip of a set: set, clip, person, truth, and what each of `ANSWERS` says."""
    block = "validate" if kind == "shift" else kind
    clips = mime.block(block, **SETS[kind])
    faces = face_sequences(clips, key=f"{mime.VERSION}/{block}{'-shift' if kind == 'shift' else ''}")
    said = first_path.answers(faces, shipped_models())
    about = {
        "set": kind,
        "clip": [clip.source for clip in clips],
        "person": [clip.subject for clip in clips],
        "truth": [clip.label or "neutral" for clip in clips],
    }
    return pd.DataFrame(about | {name: [each or NO_FACE for each in said[name]] for name in ANSWERS})


def scores(table: pd.DataFrame, kind: str, answer: str = "fused") -> evaluation.Scores:
    """Score one answer on one set, with intervals over people.

    Examples
    --------
    >>> row = {"set": "test", "clip": "a", "person": "p", "truth": "fear", "fused": "fear"}
    >>> scores(pd.DataFrame([row, {**row, "fused": "no face"}]), "test").coverage
    0.5
    """
    mine = table[table["set"] == kind]
    answers = [None if label == NO_FACE else label for label in mine[answer]]
    return evaluation.evaluate(mine["truth"].tolist(), answers, mine["person"].tolist())


def read() -> pd.DataFrame:
    """Return the kept answers, one row for each clip and set."""
    return pd.read_parquet(results.folder() / "predictions" / FILE)


def report(kinds: Sequence[str]) -> None:
    """Ask about some sets, put their answers beside those of the others, and write their records."""
    began = time.perf_counter()
    path = results.folder() / "predictions" / FILE
    fresh = {kind: ask(kind) for kind in kinds}
    old = read() if path.is_file() else pd.DataFrame({"set": []})
    parts = [fresh.get(kind, old[old["set"] == kind]) for kind in SETS]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")
    for kind in kinds:
        found = scores(table, kind)
        people = table.loc[table["set"] == kind, "person"].nunique()
        split = {"shift": "shifted twin of validate"}.get(kind, kind)
        about: dict[str, Any] = {"n": found.n, "split": f"{split}, {people} people", "seeds": (0,)}
        about["seconds"] = round(time.perf_counter() - began, 1)
        note = f"clips; the shipped system; accuracy {found.accuracy.value:.4f}"
        for name, attribute in MEASURES.items():
            put(f"system.{name}.{kind}", getattr(found, attribute), note=note, **about)
        note = "of clips: a face was found"
        put(f"system.coverage.{kind}", found.coverage, unit="share", note=note, **about)
        print(f"system_report: {kind}: {found.accuracy}\n{found.confusion}")


def run() -> None:
    """Report on *validate* and its shifted twin."""
    report(("validate", "shift"))


def test_block() -> None:
    """Report on the test people, all sessions."""
    report(("test",))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--test-block", action="store_true", help="ask about the test people, at the end")
    test_block() if parser.parse_args().test_block else run()


if __name__ == "__main__":
    main()
