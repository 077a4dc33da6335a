"""Roles and a table that print records, so that no result is ever typed into the text.

{record}`mime.face_found .3f`         a value, here with three decimals
{record}`real.london_fused % ci`      in percent, with its interval
{record}`a.gain points ci`            a difference of two shares, in points: 0.152 prints as 15.2
{record}`real.london_fused.n`         a field: n, low, high, target, seconds
{claim}`real.london_fused >= 0.85`    a check mark; the build fails when it no longer holds
{given}`0.5`                          a number that is a setting, not a result
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments.revisions import MEASURES, REVISIONS
from fer_nb.experiments.revisions import TABLE as TABLE_OF_REVISIONS

logger = logging.getLogger(__name__)
TABLE = "book/records"  # the page that holds all records
UNITS = {"%", "percent"}
Node = nodes.Node


# ---------------------------------------------------------------- text


def number_text(value: float, spec: str = "") -> str:
    """Write a number: a Python format, `%`, `.1%` or `points`; without one, three digits at least."""
    if spec == "points":
        return f"{value * 100:.1f}"
    if spec.endswith("%"):
        return f"{value * 100:{(spec[:-1] or '.1') + 'f'}} %"
    if spec:
        return f"{value:{spec}}"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def anchor(id: str) -> str:
    return "record-" + re.sub(r"[._]", "-", id)


def interval_text(record: results.Record, spec: str = "") -> str:
    if record.low is None or record.high is None:
        return ""
    return f"{number_text(record.low, spec)} to {number_text(record.high, spec)}"


def target_text(record: results.Record) -> str:
    if record.target is None:
        return ""
    if isinstance(record.target, tuple):
        return f"{record.target[0]:g} to {record.target[1]:g}"
    return f"{'≥' if record.direction == 'up' else '≤'} {record.target:g}"


def summary(record: results.Record) -> str:
    """Say in a line where a record comes from, for a tooltip."""
    parts = [f"{record.id} = {record.value:.6g}"]
    if record.unit:
        parts[0] += f" {record.unit}"
    parts += [f"interval {interval_text(record)}"] if interval_text(record) else []
    parts += [f"n = {record.n}"] if record.n is not None else []
    parts += [f"target {target_text(record)}"] if record.target is not None else []
    parts += [record.command] if record.command else []
    return "; ".join(parts)


def record_text(text: str) -> tuple[str, results.Record]:
    """Return what a record role prints, and the record behind it.

    Raises
    ------
    BadInput
        If the record is missing or the format is none.
    """
    name, *options = text.split()
    value = results.number(name)
    stem = name.rpartition(".")[0]
    record = results.load(stem if name.rpartition(".")[2] in results.NUMBERS and stem.count(".") else name)
    specs = [option for option in options if option not in ("ci", "unit")]
    spec = specs[0] if specs else ""
    try:
        shown = number_text(value, spec)
        if "ci" in options and (interval := interval_text(record, spec)):
            shown += f" ({interval})"
    except ValueError:
        raise BadInput(f"record role {text!r}: {spec!r} is no number format") from None
    if len(specs) > 1:
        raise BadInput(f"record role {text!r}: more than one format")
    if "unit" in options and record.unit:
        shown += f" {record.unit}"
    return shown, record


# ---------------------------------------------------------------- roles


class _Role(SphinxRole):
    def depend(self, ids: Sequence[str]) -> None:
        """Make the page old when a record changes."""
        for id in ids:
            self.env.note_dependency(str(results.folder() / f"{id}.json"))

    def complain(self, error: object) -> tuple[list[Node], list[Any]]:
        logger.warning("%s", error, location=self.get_location(), type="fer", subtype="record")
        return [nodes.strong(text=f"[{self.text}]")], []

    def link(self, id: str, text: str, tip: str, kind: str) -> Node:
        base = self.env.app.builder.get_relative_uri(self.env.docname, TABLE)
        target = f"{base}#{anchor(id)}"
        return nodes.reference("", text, refuri=target, reftitle=tip, internal=True, classes=[kind])


class RecordRole(_Role):
    def run(self) -> tuple[list[Node], list[Any]]:
        try:
            text, record = record_text(self.text)
        except (BadInput, ValueError) as error:
            return self.complain(error)
        self.depend([record.id])
        return [self.link(record.id, text, summary(record), "fer-record")], []


class ClaimRole(_Role):
    def run(self) -> tuple[list[Node], list[Any]]:
        try:
            claim = results.check(self.text)
        except BadInput as error:
            return self.complain(error)
        ids = [name if not _is_field(name) else name.rpartition(".")[0] for name in claim.values]
        self.depend(ids)
        values = ", ".join(f"{name} = {value:.4g}" for name, value in claim.values.items())
        if not claim.holds:
            return self.complain(f"claim no longer holds: {claim.text} ({values})")
        tip = f"Checked when this page was built: {claim.text} ({values})"
        mark = self.link(ids[0], "", tip, "fer-claim") if ids else nodes.inline(classes=["fer-claim"])
        mark += nodes.inline(text="✓")
        mark += nodes.inline(text=" checked", classes=["fer-hidden"])
        return [mark], []


class GivenRole(SphinxRole):
    """A number that the author sets; the test of typed numbers passes over it."""

    def run(self) -> tuple[list[Node], list[Any]]:
        return [nodes.inline(text=self.text, classes=["fer-given"])], []


def _is_field(name: str) -> bool:
    stem, _, last = name.rpartition(".")
    return last in results.NUMBERS and stem.count(".") > 0


# ---------------------------------------------------------------- table


class RecordsTable(SphinxDirective):
    """All records, or those whose id begins with the argument."""

    optional_arguments = 1
    option_spec: ClassVar = {"no-commands": directives.flag}

    def run(self) -> list[Node]:
        prefix = self.arguments[0] if self.arguments else ""
        self.env.note_dependency(str(results.folder()))
        records = [record for record in results.all_records() if record.id.startswith(prefix)]
        if not records:
            return [nodes.paragraph(text="No record has been written yet.")]
        for record in records:
            self.env.note_dependency(str(results.folder() / f"{record.id}.json"))
        heads = ["record", "value", "n", "target", "met"]
        return [_table(heads, [34, 22, 8, 14, 8], [self.row(record) for record in records])]

    def row(self, record: results.Record) -> nodes.row:
        value = number_text(record.value) + (f" {record.unit}" if record.unit else "")
        if interval := interval_text(record):
            value += f" ({interval})"
        met = {None: "", True: "yes", False: "no"}[record.met]
        cells = ["", value, "" if record.n is None else f"{record.n:,}", target_text(record), met]
        row = _row(cells)
        if self.env.docname == TABLE:
            row["ids"].append(anchor(record.id))
        name = row[0]
        name += nodes.paragraph("", "", nodes.literal(text=record.id))
        if record.note:
            name += nodes.paragraph(text=record.note)
        if record.command and "no-commands" not in self.options:
            name += nodes.paragraph("", "", nodes.literal(text=record.command), classes=["fer-command"])
        return row


class Looks(SphinxDirective):
    """How often each outside judge has been asked, and its last answer."""

    def run(self) -> list[Node]:
        self.env.note_dependency(str(results.folder() / "looks.jsonl"))
        looks = results.looks()
        rows = []
        for judge in sorted({look["judge"] for look in looks}):
            mine = [look for look in looks if look["judge"] == judge]
            frames = sum(look["n"] for look in mine)
            rows.append(_row([judge, str(len(mine)), f"{frames:,}", number_text(mine[-1]["value"])]))
        return [_table(["judge", "looks", "frames in all", "last answer"], [40, 15, 20, 15], rows)]


class Revisions(SphinxDirective):
    """What each revision of data and models changed, and what the proxies were then."""

    def run(self) -> list[Node]:
        path = results.folder() / TABLE_OF_REVISIONS
        self.env.note_dependency(str(path))
        names = [revision.name for revision in REVISIONS]
        changed = [_row([r.name, r.changed, r.data_version, r.commit]) for r in REVISIONS]
        cells: dict[str, dict[str, str]] = {}
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                value, low, high = (f"{100 * float(row[key]):.0f}" for key in ("value", "low", "high"))
                shown = f"{value} ({low} to {high})"
                cells.setdefault(f"{row['measure']} (n = {row['n']})", {})[row["revision"]] = shown
        order = sorted(cells, key=lambda measure: list(MEASURES).index(measure.rpartition(" (n")[0]))
        rows = [_row([measure, *(cells[measure].get(name, "–") for name in names)]) for measure in order]
        return [
            _table(["revision", "what was changed", "data", "commit"], [16, 52, 12, 12], changed),
            _table(["in percent", *names], [28, *(15 for _ in names)], rows),
        ]


def _table(heads: Sequence[str], widths: Sequence[int], rows: Sequence[nodes.row]) -> nodes.table:
    table = nodes.table(classes=["fer-records"])
    group = nodes.tgroup(cols=len(heads))
    group += [nodes.colspec(colwidth=width) for width in widths]
    group += nodes.thead("", _row(heads))
    body = nodes.tbody()
    body += list(rows)
    group += body
    table += group
    return table


def _row(cells: Sequence[str]) -> nodes.row:
    row = nodes.row()
    for text in cells:
        row += nodes.entry("", *([nodes.paragraph(text=text)] if text else []))
    return row


def setup(app: Any) -> dict[str, Any]:
    app.add_role("record", RecordRole())
    app.add_role("claim", ClaimRole())
    app.add_role("given", GivenRole())
    app.add_directive("records-table", RecordsTable)
    app.add_directive("looks", Looks)
    app.add_directive("revisions", Revisions)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
