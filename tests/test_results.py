"""Records are written whole, read strictly, and claims about them are evaluated without running code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_nb import results
from fer_nb.errors import BadInput


@pytest.fixture
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    results.write(
        results.record("toy.high", 0.9, low=0.8, high=0.95, n=40, direction="up", target=0.85, seeds=[0, 1])
    )
    results.write(results.record("toy.low", 0.2, direction="down", target=0.1))
    return tmp_path


def test_a_record_comes_back_as_it_was_written(records: Path) -> None:
    record = results.load("toy.high")
    assert (record.value, record.low, record.high, record.n, record.seeds) == (0.9, 0.8, 0.95, 40, (0, 1))
    assert record == results.Record.from_dict(record.to_dict())
    assert results.load("toy.high").code == results.code_hash()
    assert "python" in record.versions
    assert [r.id for r in results.all_records()] == ["toy.high", "toy.low"]


def test_the_file_holds_every_field_of_the_protocol(records: Path) -> None:
    fields = json.loads((records / "toy.high.json").read_text())
    protocol = (
        "id value unit low high n per_seed seeds direction target dataset data_version split command code "
        "device versions seconds flags"
    )
    assert set(protocol.split()) <= set(fields)


def test_met_follows_the_direction(records: Path) -> None:
    assert results.load("toy.high").met is True
    assert results.load("toy.low").met is False
    assert results.Record(id="a.b", value=0.85, target=(0.8, 0.92)).met is True
    assert results.Record(id="a.b", value=1.0).met is None


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "nodots", "value": 1},
        {"id": "a/../b.c", "value": 1},
        {"id": "a.b", "value": math.nan},
        {"id": "a.b", "value": 1, "direction": "sideways"},
        {"id": "a.b", "value": 1, "target": 0.5},
        {"id": "a.b", "value": 1, "target": [0, 1], "direction": "up"},
        {"id": "a.b", "value": 1, "surprise": 2},
        {"id": "a.b"},
    ],
)
def test_a_record_that_makes_no_sense_is_refused_in_one_line(fields: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        results.Record.from_dict(fields)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_name_the_remedy(records: Path) -> None:
    with pytest.raises(BadInput, match=r"no record 'toy.none'.*make results"):
        results.load("toy.none")
    (records / "toy.cut.json").write_text('{"id": "toy.cut", "val')
    with pytest.raises(BadInput, match=r"toy.cut.json.*remake"):
        results.load("toy.cut")
    (records / "toy.other.json").write_text((records / "toy.low.json").read_text())
    with pytest.raises(BadInput, match=r"holds the record 'toy\.low'"):
        results.load("toy.other")


def test_looks_are_appended(records: Path) -> None:
    results.log_look("judge", 50, 0.4)
    results.log_look("judge", 50, 0.5)
    assert [(look["judge"], look["n"], look["value"]) for look in results.looks()] == [
        ("judge", 50, 0.4),
        ("judge", 50, 0.5),
    ]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("toy.high > toy.low", True),
        ("toy.high - toy.low >= 0.75", False),
        ("0.8 < toy.high < 1", True),
        ("toy.high >= toy.high.target and toy.low <= toy.low.target", False),
        ("toy.low <= 0.1 or toy.high.n == 40", True),
        ("toy.high.low > toy.low", True),
        ("-toy.low < 0", True),
    ],
)
def test_claims(records: Path, claim: str, expected: bool) -> None:
    assert results.holds(claim) is expected


def test_a_claim_tells_what_it_stands_on(records: Path) -> None:
    claim = results.check("toy.high.low > toy.low")
    assert claim.values == {"toy.high.low": 0.8, "toy.low": 0.2}


@pytest.mark.parametrize(
    "claim",
    [
        "toy.high",
        "toy.high >",
        "__import__('os').system('true') == 0",
        "toy.high.__class__ == 1",
        "[1][0] == 1",
        "'a' < 'b'",
        "(lambda: 1)() == 1",
        "2 ** 9 > 1",
        "1 / 0 > 1",
        "True == 1",
        "toy.nothing > 0",
        "toy.low.high > 0",
    ],
)
def test_what_is_no_claim_is_refused(records: Path, claim: str) -> None:
    with pytest.raises(BadInput):
        results.check(claim)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_claims_agree_with_python(a: float, b: float) -> None:
    assert results.holds(f"{a!r} < {b!r}") is (a < b)


def test_folder_follows_the_variable_then_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    assert results.folder() == tmp_path
    monkeypatch.delenv("FER_NB_RESULTS")
    (tmp_path / "fer_nb").mkdir()
    (tmp_path / "fer_nb" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert results.folder() == tmp_path / "results"
