"""Faces from noise and labels, on toys: codes of a label, mixed donors, the three training sets, records."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import anonymize, results, spatial
from fer_nb.anonymize_nets import Anonymizer
from fer_nb.errors import BadInput
from fer_nb.experiments import generated_faces as generated
from fer_nb.experiments._anonymizer_data import Data
from fer_nb.labels import LABELS
from fer_nb.training import Plan
from tests.experiments.test_anonymizer_data import acted, donors
from tests.faces import sequence


@pytest.fixture(scope="module")
def models() -> anonymize.Models:
    torch.manual_seed(0)
    return anonymize.Models(spatial.SpatialNet().eval(), Anonymizer(donors=4).eval())


def performances() -> generated.Performances:
    """Each label is one unit, at 0.8, with a little spread."""
    rng = np.random.default_rng(0)
    labels = np.arange(140) % 7
    codes = np.eye(24)[labels] * 0.8 + rng.normal(0, 0.05, (140, 24))
    return generated.learn_performances(codes, labels)


def test_codes_of_a_label_have_its_mean_and_spread():
    learned = performances()
    assert np.allclose(learned.means, np.eye(24)[:7] * 0.8, atol=0.06)
    spread = learned.roots[3] @ learned.roots[3].T
    assert 0.01 < np.sqrt(np.trace(spread) / 24) < 0.09
    with pytest.raises(BadInput, match="1 codes of neutral: give two or more"):
        generated.learn_performances(np.zeros((7, 24)), np.arange(7))


def test_faces_are_new_each_time_and_the_same_for_a_seed(models):
    labels = np.array([4, 4, 4])
    one, again, other = (
        generated.generate(labels, performances(), models, np.random.default_rng(s)) for s in (0, 0, 1)
    )
    assert one.shape == (3, 64, 64) and one.dtype == np.uint8
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_peaks_carry_labels_people_and_codes():
    shown, codes = generated.peaks([acted(0, "fear"), acted(1, "happiness")])
    assert len(shown.crops) == len(shown.labels) == len(shown.people) == len(codes)
    assert set(shown.labels) == {LABELS.index("fear"), LABELS.index("happiness")}
    assert codes.shape[1] == 24 and codes[:, :22].max() == 1
    with pytest.raises(BadInput, match="no true action units"):
        generated.peaks([sequence()])


def test_training_sets_are_equally_large_and_the_control_only_deals_labels_anew(models):
    real = generated.Stills(np.zeros((9, 64, 64), np.uint8), np.arange(9) % 7, np.array(list("abcdefghi")))
    sets = generated.arms(real, performances(), models, 14)
    assert [len(s.labels) for s in sets.values()] == [14] * 3
    assert np.array_equal(sets["generated"].crops, sets["shuffled"].crops)
    assert sorted(sets["generated"].labels) == sorted(sets["shuffled"].labels)
    assert not np.array_equal(sets["generated"].labels, sets["shuffled"].labels)


def test_the_nearest_donor_is_found():
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (5, 64, 64)).astype(np.uint8)
    assert generated.nearest(faces[1:2], faces)[0] == pytest.approx(1.0, abs=1e-4)
    assert generated.nearest(faces[1:2], faces[2:])[0] < 0.5


def test_run_writes_its_records(models, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    others = [acted(p, label) for p in (7, 8) for label in LABELS]
    monkeypatch.setattr(generated, "load_data", lambda *_, **__: Data(donors(9), others))
    monkeypatch.setattr(generated.anonymize, "load", lambda: models)
    monkeypatch.setattr(generated, "nearest", lambda faces, donors: np.linspace(0.4, 0.6, len(faces)))
    generated.run(donors=9, count=14, plan=Plan(epochs=1))
    assert {r.id for r in results.all_records()} == set(generated.RECORDS)
    record = results.load("anonymize.trained_on.generated")
    assert 0 <= record.value <= 1 and record.n == 14 and "14 stills" in record.note
    assert results.load("anonymize.generated.hypotheses_held.nobody_in_particular").value == 0
