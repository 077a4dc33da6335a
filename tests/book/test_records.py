"""Every record can be made again by a command of the project, and says by which code it was made."""

from __future__ import annotations

import re

import pytest

from fer_nb import results

RECORDS = results.all_records()
each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)


@each_record
def test_record_names_a_command_of_the_project(record: results.Record) -> None:
    known = r"fer-nb |make |python -m (fer_nb|tools)\b"
    assert re.match(known, record.command), f"{record.id}: {record.command!r}, remake it with `make results`"


@each_record
def test_a_record_of_the_test_people_is_remade_on_them(record: results.Record) -> None:
    """Most experiments ask the people of development unless they are told otherwise."""
    if (record.split or "").startswith("test"):
        assert re.search(r"--(split test|test-block)\b|results make", record.command), record.id


@each_record
def test_record_names_code_and_versions(record: results.Record) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", record.code)
    assert {"python", "numpy"} <= set(record.versions)
    assert record.n is None or record.n > 0


@each_record
def test_record_lies_in_its_interval(record: results.Record) -> None:
    if record.low is not None and record.high is not None:
        assert record.low <= record.value <= record.high


def test_looks_are_readable() -> None:
    assert all({"judge", "n", "value", "code"} <= set(look) for look in results.looks())
