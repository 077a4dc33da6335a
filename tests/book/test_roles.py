"""The roles print records, and a build with a missing record or a broken claim does not pass."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments._tables import write_table

from .conftest import ROOT

EXT = ROOT / "book" / "_ext"
sys.path.insert(0, str(EXT))
import fer_records  # noqa: E402


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "records"
    monkeypatch.setenv("FER_NB_RESULTS", str(folder))
    more = {
        "low": 0.90,
        "high": 0.95,
        "n": 320,
        "direction": "up",
        "target": 0.85,
        "command": "fer-nb results make toy",
    }
    results.write(results.record("toy.fused", 0.934, **more))
    results.write(
        results.record("toy.seconds", 41.0, unit="s", direction="down", target=60.0, note="Two cores.")
    )
    return folder


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("toy.fused", "0.934"),
        ("toy.fused .2f", "0.93"),
        ("toy.fused %", "93.4 %"),
        ("toy.fused .0%", "93 %"),
        ("toy.fused .0% ci", "93 % (90 % to 95 %)"),
        ("toy.fused points ci", "93.4 (90.0 to 95.0)"),
        ("toy.fused ci", "0.934 (0.9 to 0.95)"),
        ("toy.fused.n", "320"),
        ("toy.fused.target .2f", "0.85"),
        ("toy.seconds .0f unit", "41 s"),
        ("toy.seconds", "41"),
    ],
)
def test_record_text(content: str, shown: str) -> None:
    assert fer_records.record_text(content)[0] == shown


@pytest.mark.parametrize("content", ["toy.none", "toy.fused zz", "toy.fused .2f .3f", "toy.seconds.low"])
def test_a_record_role_that_cannot_be_printed_is_refused(content: str) -> None:
    with pytest.raises(BadInput):
        fer_records.record_text(content)


def build(folder: Path, page: str) -> tuple[BeautifulSoup, str]:
    """Build a page beside a page of records; return it, and the warnings."""
    source = folder / "source"
    (source / "book").mkdir(parents=True, exist_ok=True)
    (source / "index.md").write_text(f"# Page\n\n{page}\n\n```{{toctree}}\nbook/records\n```\n")
    (source / "book" / "records.md").write_text("# Records\n\n```{records-table} toy.\n```\n")
    warnings = io.StringIO()
    settings = {"extensions": ["myst_parser", "fer_records"], "master_doc": "index"}
    folders = str(source), None, str(folder / "out"), str(folder / "trees")
    with patch_docutils(), docutils_namespace():
        Sphinx(*folders, "html", settings, None, warnings).build()
    text = (folder / "out" / "index.html").read_text(encoding="utf-8")
    return BeautifulSoup(text, "html.parser"), warnings.getvalue()


def test_a_page_with_records_and_claims(tmp_path: Path) -> None:
    page, warnings = build(
        tmp_path, "It reads {record}`toy.fused %`. {claim}`toy.fused >= 0.85` At {given}`0.5`."
    )
    assert warnings == ""
    number, mark = page.find("a", class_="fer-record"), page.find("a", class_="fer-claim")
    assert number.text == "93.4 %"
    assert "n = 320" in number["title"] and "fer-nb results make toy" in number["title"]
    assert mark.text.startswith("✓") and "toy.fused = 0.934" in mark["title"]
    table = BeautifulSoup(
        (tmp_path / "out" / "book" / "records.html").read_text(encoding="utf-8"), "html.parser"
    )
    row = table.find("tr", id="record-toy-fused")
    assert number["href"] == mark["href"] == "book/records.html#record-toy-fused"
    cells = [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
    assert cells == ["toy.fused fer-nb results make toy", "0.934 (0.9 to 0.95)", "320", "≥ 0.85", "yes"]


@pytest.mark.parametrize(
    ("role", "complaint"),
    [
        ("{record}`toy.none`", "no record 'toy.none'"),
        ("{claim}`toy.fused > 0.99`", "claim no longer holds: toy.fused > 0.99 (toy.fused = 0.934)"),
        ("{claim}`toy.fused`", "compares nothing"),
    ],
)
def test_what_does_not_hold_is_a_warning_which_fails_the_build(
    tmp_path: Path, role: str, complaint: str
) -> None:
    page, warnings = build(tmp_path, f"Text {role}.")
    assert "WARNING" in warnings and complaint in warnings
    assert page.find("a", class_="fer-claim") is None


def test_a_page_is_read_again_when_its_record_changes(tmp_path: Path) -> None:
    build(tmp_path, "It reads {record}`toy.fused %`.")
    results.write(results.record("toy.fused", 0.5))
    page, warnings = build(tmp_path, "It reads {record}`toy.fused %`.")
    assert warnings == ""
    assert page.find("a", class_="fer-record").text == "50.0 %"


def test_revisions_stand_beside_each_other_and_a_dash_where_nothing_was_measured(tmp_path: Path) -> None:
    row = {
        "revision": "later epoch",
        "measure": "shifted twin: still",
        "value": 0.5,
        "low": 0.437,
        "high": 0.563,
    }
    rows = [row | {"n": 350}, row | {"revision": "new faces", "value": 0.25, "n": 350}]
    write_table(rows, results.folder() / "revisions.csv")
    page, warnings = build(tmp_path, "```{revisions}\n```")
    assert warnings == ""
    changed, measured = page.find_all("table")
    assert [tr.find("td").get_text(strip=True) for tr in changed.find_all("tr")[1:]][:2] == [
        "first weights",
        "later epoch",
    ]
    cells = [cell.get_text(strip=True) for cell in measured.find_all("tr")[1].find_all("td")]
    assert cells == ["shifted twin: still (n = 350)", "–", "50 (44 to 56)", "25 (44 to 56)", "–", "–"]
