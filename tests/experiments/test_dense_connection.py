"""Units of the comparison: same stills for all networks, fixed length, kept and taken up again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import named_stills, own_neutral
from fer_nb.experiments import dense_connection as dense
from fer_nb.labels import LABELS, index
from fer_nb.training import Plan
from tests.faces import sequence

UNITS = np.linspace(0, 1.2, 6)[:, None] * np.ones((1, 22), np.float32)


def face(label: str, person: int):
    found = sequence(label, frames=6, subject=f"p{person}")
    return replace(found, units=UNITS, conditions={"person": person})


def toy() -> dense.Data:
    faces = [face(label, person) for person in range(2) for label in LABELS]
    held: list = [face(label, 9) for label in LABELS[1:]]
    truth = np.array([0, *(index(f.label) for f in held)])
    return dense.Data(faces, {"validate": [None, *held], "validate-shift": [None, *held]}, truth, ("q",) * 7)


@pytest.fixture
def short(monkeypatch, cache_folder):
    monkeypatch.setattr(dense, "PLAN", Plan(epochs=2, patience=2))
    monkeypatch.setattr(dense, "REPEATS", {20: 1, 100: 1})


def test_units_are_all_networks_sizes_and_seeds_and_two_rows_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_CACHE", str(tmp_path))
    units = dense.units()
    assert len(units) == 3 * 3 * 3 + 3 + 1 and len({u.name for u in units}) == len(units)
    assert {u.seed for u in dense.units((0, 1))} == {0, 1}
    groups = dense._groups()
    assert max(len(g) for g in groups) == 3
    assert all(len({(u.people, u.seed) for u in group}) == 1 for group in groups)


def test_frames_are_the_apex_the_true_peak_the_last_and_any_other():
    one = face("fear", 0)
    units = one.units.copy()
    units[:, dense._CLOSED] = 0
    units[2] = 9.0
    blink = np.zeros_like(units)
    blink[4, dense._CLOSED] = 999.0
    one = replace(one, units=units + blink, found=np.array([True] * 5 + [False]))
    assert dense.row_of(one, "apex", 0) == one.apex and dense.row_of(one, "last", 0) == 4
    assert dense.row_of(one, "peak", 0) == 2
    drawn = [dense.row_of(one, "random", number) for number in range(40)]
    assert set(drawn) == set(range(5)) and drawn == [dense.row_of(one, "random", n) for n in range(40)]


def test_stills_do_not_depend_on_the_network(short):
    a, b = (list(dense.epochs(dense.Unit(n, 20, 0), toy().fit)) for n in ("plain", "dense"))
    assert all(torch.equal(p[0], q[0]) for x, y in zip(a, b, strict=True) for p, q in zip(x, y, strict=True))
    other = next(dense.epochs(dense.Unit("plain", 20, 1), toy().fit))
    assert not torch.equal(a[0][0][0], other[0][0])


def test_own_neutral_sees_differences():
    unit, net = dense.Unit(dense.OWN_NEUTRAL, 100, 0), torch.nn.Flatten()
    seen = []
    dense.logits(lambda x: seen.append(x) or net(x)[:, :7], unit, toy().held["validate"], "apex")
    assert torch.equal(seen[0][:1], own_neutral.clip_input(toy().held["validate"][1]))
    assert named_stills.crop(toy().fit[0], 5).max() > seen[0].max()


def test_no_face_has_no_logits_and_nothing_is_chosen_on_validate(short):
    data = toy()
    dense.work([dense.Unit("plain", 20, 0), dense.Unit("dense", 20, 0)], data)
    kept = dense.load_arrays(dense.path_of(dense.Unit("dense", 20, 0)))
    assert kept is not None and np.isnan(kept["validate/apex"][0]).all()
    assert np.isfinite(kept["validate/apex"][1:]).all() and len(kept["train/truth"]) == len(data.fit)
    assert dense.Unit("plain", 20, 0) not in [u for group in dense._groups() for u in group]
    # Other held-out people, same weights: the training has not looked at them.
    other = replace(data, held={name: faces[::-1] for name, faces in data.held.items()})
    dense.work([dense.Unit("dense", 20, 0)], other)
    again = dense.load_arrays(dense.path_of(dense.Unit("dense", 20, 0)))
    assert again is not None and np.array_equal(again["train/apex"], kept["train/apex"])


def test_shuffled_labels_are_the_same_labels_elsewhere():
    faces = toy().fit
    mixed = dense.shuffled(faces)
    assert sorted(f.label for f in mixed) == sorted(f.label for f in faces)
    assert [f.label for f in mixed] != [f.label for f in faces]
    assert all(a.crops is b.crops for a, b in zip(mixed, faces, strict=True))


def test_run_makes_what_is_missing_and_reports(short, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(dense, "load_data", lambda progress=True, **_: toy())
    monkeypatch.setattr(dense, "units", lambda seeds: [dense.Unit("plain", 20, 0)])
    seen = {}
    monkeypatch.setattr(dense, "report", lambda kept, truth, who, seconds: seen.update(kept) or [])
    assert dense.run(workers=1, progress=False) == []
    assert [unit.name for unit in seen] == ["plain-20-0"]
