"""Answers as JSON, CSV and plain text, for the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .labels import LABELS

if TYPE_CHECKING:
    from .prediction import Prediction
    from .results import Record

SCHEMA = Path(__file__).with_name("predict_schema.json")  # what `fer-nb predict --json` prints
COLUMNS = ("source", "part", "start", "end", "label", *LABELS)


def as_json(value: Any) -> str:
    """Return strict JSON: no NaN, which JSON does not have.

    Examples
    --------
    >>> as_json({"label": "fear"})
    '{\\n  "label": "fear"\\n}'
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def as_csv(answers: Sequence[Prediction]) -> str:
    """Return one row per clip (`part` is clip) and one per stretch of its timeline (`part` is segment).

    Columns: source, part, start and end in seconds, label, and one fused probability per label; cells are
    empty where there is no face.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    for answer in answers:
        whole = answer.probabilities["fused"]
        rows.writerow([answer.source, "clip", 0.0, round(answer.seconds, 3), answer.label, *_cells(whole)])
        for part in answer.timeline:
            cells = _cells(part["probabilities"])
            rows.writerow([answer.source, "segment", part["start"], part["end"], part["label"], *cells])
    return out.getvalue()


def _cells(probabilities: dict[str, float] | None) -> list[float | None]:
    return [None if probabilities is None else probabilities[label] for label in LABELS]


def as_text(answer: Prediction) -> str:
    """Return an answer for the eye: the label, each branch, the timeline, coverage and time."""
    lines = [f"{answer.source}: {answer.label}"]
    for branch, p in answer.probabilities.items():
        if p is None:
            lines.append(f"  {branch:<9} could not run")
            continue
        best = sorted(p, key=lambda label: -p[label])[:3]
        lines.append(f"  {branch:<9} " + ", ".join(f"{label} {p[label]:.2f}" for label in best))
    for part in answer.timeline:
        lines.append(f"  {part['start']:6.2f} to {part['end']:6.2f} s  {part['label'] or 'no face'}")
    lines.append(
        f"  face in {answer.frames_with_face} of {answer.frames} frames, {answer.seconds:.2f} s of video "
        f"at {answer.fps:.3g} frames/s, answered in {answer.runtime_seconds:.2f} s"
    )
    return "\n".join(lines)


def records_as_text(records: Sequence[Record]) -> str:
    """Return a table of records: id, value with interval, target, verdict."""
    if not records:
        return "no records yet: make them with `fer-nb results make`"
    rows = [
        (r.id, _value(r), _target(r), {True: "met", False: "missed", None: ""}[r.met], _n(r)) for r in records
    ]
    head = ("record", "value", "target", "", "n")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(lines)


def _n(record: Record) -> str:
    return "" if record.n is None else str(record.n)


def _value(record: Record) -> str:
    interval = "" if record.low is None or record.high is None else f" [{record.low:.4g}, {record.high:.4g}]"
    return f"{record.value:.4g}{interval} {record.unit}".rstrip()


def _target(record: Record) -> str:
    if record.target is None:
        return ""
    if isinstance(record.target, tuple):
        return f"{record.target[0]:g} to {record.target[1]:g}"
    return f"{'>=' if record.direction == 'up' else '<='} {record.target:g}"
