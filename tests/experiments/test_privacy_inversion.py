from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import redact, results
from fer_nb.errors import BadInput
from fer_nb.experiments import _privacy_inversion as inverted
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import _privacy_people as crowd
from fer_nb.experiments import privacy_inversion as study
from fer_nb.linear_inversion import WayBack
from tests.privacy_toys import people


@pytest.fixture(scope="module")
def toys():
    return people(range(3), (0, 1, 2)), people(range(10, 13), (0, 1))


@pytest.fixture(autouse=True)
def small(monkeypatch, toys, tmp_path):
    monkeypatch.setattr(crowd, "victims", lambda split="": toys[0])
    monkeypatch.setattr(crowd, "owned", lambda: toys[1])
    monkeypatch.setattr(inverted, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(inverted, "learn_way_back", learned)


def learned(released, original, person):
    """In place of a ridge regression on 4,096 pixels: find where each tile went, and how gray was turned."""
    assert released.shape == original.shape == (len(person), 64, 64)

    class Known(WayBack):
        def pictures(self, crops):
            order = np.argsort(np.random.default_rng(0).permutation(64))  # as in `redact.shuffled`
            tiles = (255 - crops).reshape(-1, 8, 8, 8, 8).swapaxes(2, 3).reshape(-1, 64, 8, 8)[:, order]
            return tiles.reshape(-1, 8, 8, 8, 8).swapaxes(2, 3).reshape(crops.shape)

    back = Known(np.eye(1), np.zeros(1), np.zeros(1), 0.01)
    own = back.pictures(released)
    assert np.array_equal(own, original)
    return back, own


def test_the_control_is_broken_and_kept(monkeypatch, tmp_path):
    found = inverted.measured("control", "toy")
    assert {key.split("/")[1] for key in found if key.startswith("parrot/")} == set(inverted.RUNGS)
    assert {key.split("/")[0] for key in found} == {"parrot", "linked", "eer", "inversion"}
    assert found["parrot/inversion_edges"].shape == (21,) and found["parrot/inversion_edges"].mean() == 1.0
    assert found["linked/inversion_edges"].tolist() == [1.0] * 3
    off, back, penalty = found["inversion"]
    assert off > 10 and back == 0 and penalty == 0.01
    monkeypatch.setattr(inverted, "measure", lambda *_: pytest.fail("made again"))
    again = inverted.measured("control", "toy")
    assert all(np.array_equal(found[key], again[key]) for key in found)


def test_recipes_differ_by_method_and_follow_the_other_attackers(monkeypatch):
    some = lab.methods()
    before = inverted.recipe(some["blur 3"])
    assert before != inverted.recipe(some["blur 5"])
    monkeypatch.setattr(lab, "recipe", lambda method: "other")
    assert inverted.recipe(some["blur 3"]) != before


def test_she_looks_at_what_she_computed(monkeypatch):
    seen, _ = inverted.look(lab.Method("x", "x", 0, redact.shuffled), "toy")
    plain = crowd.victims()
    shown = lab.picked([f.crops for f in plain.faces], plain)
    expected = seen.sight.features(shown)
    np.testing.assert_allclose(seen.victims["edges"], expected["edges"])


RATES = {"original": 1.0, "control": 0.95, study.HIDDEN: 0.1}


def measurement(name: str, split: str = "") -> dict[str, np.ndarray]:
    """What she would have got out of a method: the share `RATES` by the mesh, half by default."""
    right = (np.arange(21) < RATES.get(name, 0.5) * 21).astype(float)
    out = {"inversion": np.array([40.0, 8.0, 0.03])}
    for rung in inverted.RUNGS:
        hits = right if rung == "inversion_mesh" else np.zeros(21)
        out[f"parrot/{rung}"], out[f"linked/{rung}"] = hits, hits[:3]
        out[f"eer/{rung}"] = np.array([0.45, 0.4, 0.5])
    return out


@pytest.fixture
def measured(monkeypatch, tmp_path):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(inverted, "measured", measurement)
    monkeypatch.setattr(lab, "measured", lambda name, split: {"parrot/edges": np.zeros(21)})
    monkeypatch.setattr(lab, "style", lambda split: np.arange(21) < 5)


def test_all_records_are_written(measured):
    made = {record.id for record in study.run("toy")}
    assert made == set(study.RECORDS)
    assert results.load("privacy.inversion.before").met and results.load("privacy.inversion.control").met
    assert results.number("privacy.inversion.of_limit") == pytest.approx(0.143 / 1.0, abs=0.01)  # 3 people
    assert results.number("privacy.inversion.hypotheses_held") == 2.0
    table = pd.read_csv(results.folder() / study.TABLE).set_index("method")
    assert list(table.index) == list(study.METHODS.values())
    assert (table["six"] == 0).all() and (table["rung"] == "inversion_mesh").all()


def test_who_misses_the_control_does_not_count(measured, monkeypatch):
    monkeypatch.setitem(RATES, "control", 0.6)
    study.run("toy")
    assert results.number("privacy.inversion.hypotheses_held.counts") == 0.0


def test_some_methods_alone_write_nothing(measured, tmp_path):
    assert study.run("toy", only=["blur"]) == [] and not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match="name some of"):
        study.run("toy", only=["fog"])
    assert set(study.METHODS.values()) <= set(lab.methods())
