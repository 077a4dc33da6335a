"""Numbers in the text come from records that exist, claims hold now, and results are not typed."""

from __future__ import annotations

import sys

import pytest

from fer_nb import results
from tools import prose

from .conftest import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import fer_records

TEXTS = list(prose.texts(ROOT))
RECORDS = [(text.where, content) for text in TEXTS for kind, content in prose.roles(text) if kind == "record"]
CLAIMS = [(text.where, content) for text in TEXTS for kind, content in prose.roles(text) if kind == "claim"]


def test_the_book_has_text() -> None:
    assert len(TEXTS) > 3


@pytest.mark.parametrize(("where", "content"), RECORDS, ids=[content for _, content in RECORDS])
def test_record_exists_and_prints(where: str, content: str) -> None:
    shown, _ = fer_records.record_text(content)
    assert shown.strip(), where


@pytest.mark.parametrize(("where", "content"), CLAIMS, ids=[content for _, content in CLAIMS])
def test_claim_holds(where: str, content: str) -> None:
    claim = results.check(content)
    assert claim.holds, f"{where}: {content} no longer holds: {dict(claim.values)}"


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.where)
def test_no_result_is_typed(text: prose.Text) -> None:
    assert prose.typed_numbers(text) == [], f"{text.where}: glue them with {{record}}, or mark them {{given}}"


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("It reads 93 % of them.", ["93 %"]),
        ("It reads 93% and 0.5 of them.", ["93%", "0.5"]),
        ("It reads {record}`a.b %` of them, with {given}`0.5`.", []),
        ("100 people, 7 classes, `0.5`, $0.5$, [x](a/0.5), CC BY 4.0, Python 3.11 or 3.12, mime-v2.", []),
        ("Others report 96.94 % {cite}`a2015`.", []),
        ("Others report so {cite}`a2015`.\n\nWe report 96.94 %.", ["96.94 %"]),
        ("```python\nx = 0.5\n```\nand 0.7", ["0.7"]),
        ("```{note}\nIt is 0.7.\n```\n\n```\n0.5\n```\nand 0.9", ["0.7", "0.9"]),
        (
            "````{exercise} One\n:label: e-0.5\nIs it 0.7?\n```python\n0.5\n```\nOr 0.8?\n````\n0.9",
            ["0.7", "0.8", "0.9"],
        ),
    ],
)
def test_reading_of_typed_numbers(markdown: str, found: list[str]) -> None:
    assert prose.typed_numbers(prose.Text("x", markdown)) == found
