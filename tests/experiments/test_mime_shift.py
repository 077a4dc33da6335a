"""The shipped branches on shifted clips, on toys: who is asked, what is written."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_nb import results
from fer_nb.experiments import first_path, mime_shift
from fer_nb.labels import LABELS
from tests.experiments.test_first_path import toy_data


def test_records_stand_beside_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data, asked = toy_data(), []
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(
        mime_shift.mime, "block", lambda name, **how: asked.append((name, how)) or data.validate
    )
    monkeypatch.setattr(mime_shift, "face_sequences", lambda clips, key: data.validate_faces)
    monkeypatch.setattr(mime_shift, "shipped_models", lambda: None)
    monkeypatch.setattr(mime_shift, "read_card", lambda name: SimpleNamespace(seed=0))
    right = [str(clip.label) for clip in data.validate]
    said = {"temporal": right, "spatial": ["neutral"] * 7, "fused": [None, *right[1:]]}
    monkeypatch.setattr(first_path, "answers", lambda faces, models: said)
    monkeypatch.setattr(mime_shift, "oracle_says", lambda clips: right)
    mime_shift.run()
    assert asked == [("validate", {"shifted": True})]
    values = {name: results.load(f"mime_shift.{name}").value for name in ("temporal", "spatial", "oracle")}
    assert values == {"temporal": 1.0, "spatial": pytest.approx(1 / 7), "oracle": 1.0}
    fused = results.load("mime_shift.fused")
    assert fused.value == pytest.approx(6 / 7) and "coverage 0.857" in fused.note and fused.n == 7


def test_the_oracle_answers_every_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy_data()
    monkeypatch.setattr(mime_shift.mime, "block", lambda name: getattr(data, name))
    monkeypatch.setattr(first_path, "PLANS", {"oracle": first_path.Plan(epochs=1)})
    said = mime_shift.oracle_says(data.validate)
    assert len(said) == 7 and set(said) <= set(LABELS)
