from __future__ import annotations

import csv
import io

import pytest
import torch

from fer_nb import mime, results, spatial
from fer_nb.errors import BadInput
from fer_nb.experiments import adaptive_diagnostics
from fer_nb.experiments._planted_faults import Fault
from fer_nb.labels import LABELS
from tests.defense_toys import Blocks, faces


@pytest.fixture(scope="module")
def toy():
    model = Blocks().eval()
    return model, *faces(model, 14)


def test_the_table_can_be_read_back():
    text = adaptive_diagnostics.table([Fault("a, b", "zero gradient", ("x", "zero gradient"))])
    (row,) = csv.DictReader(io.StringIO(text))
    assert row == {"fault": "a, b", "wanted": "zero gradient", "found": "x; zero gradient", "caught": "1"}


def test_pictures_are_of_different_people_and_read_rightly(monkeypatch):
    class Clip:
        def __init__(self, label, subject, right):
            self.label, self.subject, self.right = label, subject, right

    monkeypatch.setattr(
        spatial, "clip_input", lambda s: torch.full((1, 1, 2, 2), float(LABELS.index(s.label) * s.right))
    )
    model = lambda x: torch.nn.functional.one_hot(x[:, 0, 0, 0].long(), 7)  # noqa: E731
    people = [Clip(label, f"{label}{k}", k != 1) for label in LABELS for k in range(4)]
    x, y = adaptive_diagnostics.pictures([None, *people], model, each=2)
    assert y.tolist() == [i for i in range(7) for _ in range(2)] and x.shape == (14, 1, 2, 2)
    assert torch.equal(x[:, 0, 0, 0].long(), y)
    with pytest.raises(BadInput, match="read rightly"):
        adaptive_diagnostics.pictures(people, model, each=5)


def test_records_are_written(monkeypatch, toy, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    model, x, y = toy
    monkeypatch.setattr(spatial, "load", lambda: model)
    monkeypatch.setattr(mime, "block", lambda name: [])
    monkeypatch.setattr(adaptive_diagnostics, "face_sequences", lambda clips, key: [])
    monkeypatch.setattr(adaptive_diagnostics, "pictures", lambda faces, model: (x, y))
    faults = [Fault("a", "zero gradient", ("zero gradient",)), Fault("b", "not finite", ())]
    monkeypatch.setattr(adaptive_diagnostics, "planted", lambda *a, **k: faults)
    monkeypatch.setattr(adaptive_diagnostics, "false_alarms", lambda *a, **k: ())
    adaptive_diagnostics.run()
    record = results.load("adaptive.diagnostics")
    assert (record.value, record.n, record.target, record.met) == (1, 2, 2, False)
    assert results.load("adaptive.diagnostics.false_alarms").met
    assert (tmp_path / adaptive_diagnostics.TABLE).read_text().count("\n") == 3
    assert {p.stem for p in tmp_path.glob("*.json")} == set(adaptive_diagnostics.RECORDS)
