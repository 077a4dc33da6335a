"""Answers and records as text."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from fer_nb import report
from fer_nb.labels import LABELS
from fer_nb.results import Record

SCHEMA = json.loads(report.SCHEMA.read_text(encoding="utf-8"))
P = dict.fromkeys(LABELS, 1 / 7)
GOOD: dict[str, Any] = {
    "source": "a.mp4",
    "label": "fear",
    "probabilities": {"temporal": None, "spatial": P, "fused": P},
    "timeline": [{"start": 0, "end": 1.5, "label": None, "probabilities": None}],
    "frames": 15,
    "frames_with_face": 1,
    "fps": 10.0,
    "seconds": 1.5,
    "runtime_seconds": 0.2,
}


def test_schema_is_a_schema_and_describes_every_field() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def fields(node: Any) -> Any:
        for name, child in node.get("properties", {}).items():
            yield name, child
            yield from fields(child)

    for definition in SCHEMA["$defs"].values():
        for name, child in fields(definition):
            assert len(child.get("description", "")) > 10, name
    assert tuple(SCHEMA["$defs"]["label"]["enum"]) == LABELS


def test_schema_accepts_what_is_right() -> None:
    jsonschema.validate(GOOD, SCHEMA)
    jsonschema.validate([GOOD, GOOD], SCHEMA)
    jsonschema.validate([], SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "joy"},
        {"frames": 0},
        {"seconds": "1.5"},
        {"extra": 1},
        {"probabilities": {"spatial": P, "fused": P}},
        {"probabilities": {"temporal": None, "spatial": {**P, "fear": 1.2}, "fused": P}},
        {"probabilities": {"temporal": None, "spatial": {"fear": 1.0}, "fused": P}},
        {"timeline": [{"start": 0, "end": 1}]},
    ],
)
def test_schema_refuses_what_is_wrong(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**GOOD, **wrong}, SCHEMA)


def test_json_is_strict() -> None:
    with pytest.raises(ValueError, match="JSON"):
        report.as_json({"p": float("nan")})
    assert json.loads(report.as_json({"näme": [1]})) == {"näme": [1]}


def test_records_line_up() -> None:
    records = [
        Record(id="a.b", value=1.0),
        Record(id="long.name", value=0.5, unit="s", direction="down", target=2),
    ]
    head, first, second = report.records_as_text(records).splitlines()
    assert head.index("value") == first.index("1") == second.index("0.5 s")
    assert "<= 2" in second and "met" in second and "met" not in first
