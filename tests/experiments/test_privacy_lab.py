from __future__ import annotations

import numpy as np
import pytest

from fer_nb import anonymize, identity, redact, spatial
from fer_nb.anonymize_nets import Anonymizer
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import _privacy_people as crowd
from fer_nb.experiments import privacy_identity
from tests.attack_toys import Still
from tests.privacy_toys import people


@pytest.fixture(scope="module")
def toys():
    return {"victims": people(range(3), (0, 1, 2)), "owned": people(range(10, 13), (0, 1)),
            "lenders": people(range(20, 22), (0,))}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch, toys, tmp_path):
    monkeypatch.setattr(crowd, "victims", lambda split="": toys["victims"])
    monkeypatch.setattr(crowd, "owned", lambda: toys["owned"])
    monkeypatch.setattr(crowd, "lenders", lambda: toys["lenders"])
    monkeypatch.setattr(redact, "_reader", lambda: Still())
    monkeypatch.setattr(lab, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(lab, "TREES", 20)
    monkeypatch.setattr(crowd, "_READ", {})
    lab.originals.cache_clear()


def test_sweeps_go_from_weak_to_strong():
    found = lab.methods()
    assert list(found)[:2] == ["original", "control"]
    for family in ("blur", "k-same", "landmarks"):
        strengths = [m.strength for m in found.values() if m.family == family]
        assert strengths == sorted(strengths) and len(strengths) >= 3
    assert all(isinstance(m.make, object) and m.name == name for name, m in found.items())


def test_attackers_know_originals_and_see_through_the_control_only_when_retrained():
    found = lab.measured("control", "toy")
    rungs = {key.split("/")[1] for key in found if key.startswith("parrot/")}
    assert rungs == set(lab.RUNGS)
    assert max(found[f"parrot/{rung}"].mean() for rung in rungs) == 1.0
    assert max(found[f"naive/{rung}"].mean() for rung in identity.LADDER) < 0.8
    assert (
        found["units"].shape == (63, 22) and found["label"].shape == (63,) and found["timing"].shape == (63,)
    )


def test_a_measurement_is_made_once(monkeypatch):
    first = lab.measured("blur 8", "toy")
    monkeypatch.setattr(lab, "measure", lambda *_: pytest.fail("made again"))
    again = lab.measured("blur 8", "toy")
    assert all(np.array_equal(first[key], again[key]) for key in first)


def test_a_label_only_release_gives_no_units_within_a_class():
    found = lab.measured("label only", "toy")
    toy = crowd.victims()
    parrot = found["parrot/edges"].mean()
    assert parrot < lab.measured("original", "toy")["parrot/edges"].mean()
    assert len(found["parrot/edges"]) == (toy.session == crowd.MET).sum() == 21


def test_recipes_differ_by_method():
    found = lab.methods()
    assert lab.recipe(found["blur 3"]) != lab.recipe(found["blur 5"])


def test_style_attack_sees_no_picture(monkeypatch):
    monkeypatch.setattr(identity, "edges", lambda *_: pytest.fail("looked at a picture"))
    assert lab.style("toy").shape == (21,)


def test_pseudonyms_stay_and_clips_differ(toys):
    faces = toys["victims"].faces[:14]
    pytest.importorskip("fer_nb.anonymize")
    by_person = {
        lab.donor_of(f, crowd.generator(f), 1000, True) for f in faces if f.subject == faces[0].subject
    }
    by_clip = {
        lab.donor_of(f, crowd.generator(f), 1000, False) for f in faces if f.subject == faces[0].subject
    }
    assert len(by_person) == 1 and len(by_clip) > 3


def test_the_anonymizer_is_measured_with_its_donors(monkeypatch):
    model = Anonymizer(donors=2).eval()
    monkeypatch.setattr(anonymize, "load", lambda *_: anonymize.Models(spatial.load(), model))
    found = lab.measure(lab.methods()["anonymizer, per clip"], "toy")
    assert found["donor"].shape == (21,) and set(np.unique(found["donor"])) <= {0.0, 1.0}
    assert found["units"].shape == (63, 22)
    assert privacy_identity.code_probe("toy").shape == (21,)
    rate = privacy_identity.style_error("toy")
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
