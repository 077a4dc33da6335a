from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.errors import BadInput
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import _privacy_people as crowd
from fer_nb.experiments import privacy_identity as study
from fer_nb.experiments import privacy_utility as use
from tests.privacy_toys import people

RATES = {"original": 1.0, "control": 1.0, "label only": 0.1, "logits only": 0.2, study.HIDDEN: 0.2,
         study.LINKED: 0.6, "blur 1.5": 1.0, "pixels 24": 1.0, "k-same 2": 1.0}  # fmt: skip


@pytest.fixture(scope="module")
def victims():
    return people(range(5), (0, 1, 2))


def measurement(name: str, them) -> dict[str, np.ndarray]:
    """What attackers would have got out of a method that lets through the share `RATES`, by default half."""
    rng, probes = np.random.default_rng(len(name)), int((them.session == crowd.MET).sum())
    rate = RATES.get(name, 0.5)
    out = {}
    for rung in lab.RUNGS:
        weaker = rate * (1.0 if rung == "mesh" else 0.5)
        right = (np.arange(probes) < weaker * probes).astype(float)
        out[f"parrot/{rung}"], out[f"linked/{rung}"] = right, right[:5]
        out[f"naive/{rung}"] = out[f"reverse/{rung}"] = np.zeros(probes)
        out[f"eer/{rung}"] = np.array([0.5 - weaker / 2, 0.4 - weaker / 2, 0.6 - weaker / 2])
    truth = use.apex_truth(them)
    noise = 0.0 if name == "label only" else rate
    out["units"] = noise * truth + 0.05 * rng.normal(size=truth.shape)
    if name == "label only":
        out["units"] = np.zeros_like(truth)
    out["label"], out["timing"] = them.label, np.full(len(them.person), 1 - rate)
    if name.startswith("anonymizer"):
        out["donor"] = np.ones(probes)
    return out


def seventh(name: str, them) -> dict[str, np.ndarray]:
    """What the attacker who computes back gets out of a method: nothing, but for the strongest blur."""
    probes = int((them.session == crowd.MET).sum())
    right = np.full(probes, float(name == "blur 8"))
    out = {}
    for rung in study.inverted.RUNGS:
        out[f"parrot/{rung}"], out[f"linked/{rung}"] = right, right[:5]
        out[f"eer/{rung}"] = np.array([0.5, 0.4, 0.6]) - 0.4 * right[0]
    return out


@pytest.fixture
def found(monkeypatch, tmp_path, victims):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(crowd, "victims", lambda split="": victims)
    monkeypatch.setattr(crowd, "owned", lambda: people(range(10, 13), (0, 1)))
    monkeypatch.setattr(lab, "TREES", 20)
    monkeypatch.setattr(lab, "trained", lambda: True)
    monkeypatch.setattr(lab, "measured", lambda name, split: measurement(name, victims))
    monkeypatch.setattr(study.inverted, "measured", lambda name, split: seventh(name, victims))
    monkeypatch.setattr(study, "code_probe", lambda split: np.zeros(35))
    return {name: measurement(name, victims) for name in lab.methods()}


def test_all_records_are_written(found):
    made = {record.id for record in study.run("toy")}
    assert made == set(study.RECORDS)
    assert results.load("privacy.identity_before").met
    six, all_seven = (results.number(f"privacy.identity_control{end}") for end in (".six", ""))
    assert 0 < six == all_seven  # the seventh finds nothing there
    parrot, bound = results.number("privacy.identity_parrot.share"), results.number("privacy.identity_limit")
    assert results.number("privacy.identity_parrot") == pytest.approx(parrot / bound)


def test_without_the_anonymizer_its_records_are_left_out(found, monkeypatch):
    monkeypatch.setattr(lab, "trained", lambda: False)
    made = {record.id for record in study.run("toy")}
    assert "privacy.identity_before" in made and "privacy.identity_parrot" not in made
    assert "privacy.identity.hypotheses_held.within_limit" not in made


def test_table_has_a_row_for_each_method(found):
    study.run("toy")
    table = pd.read_csv(results.folder() / study.TABLE).set_index("method")
    assert set(table.index) == set(lab.methods())
    back = table.loc["blur 8"]  # who computes back is the strongest there, and counts
    assert back["parrot_rung"] == back["eer_rung"] == "inversion_edges" and back["parrot"] == 1.0
    others = table.drop(index="blur 8")
    assert (others["parrot_rung"] == "mesh").all() and (others["eer_rung"] == "mesh").all()
    assert table.loc[study.HIDDEN, "donor"] == 1.0 and np.isnan(table.loc["blur 3", "donor"])


def test_hypotheses_are_judged(found):
    study.run("toy")
    held = {name: results.number(f"privacy.identity.hypotheses_held.{name}") for name in study.HYPOTHESES}
    assert held["control_breaks"] == held["weak_baselines_leak"] == held["pseudonym_links"] == 1.0
    assert results.number("privacy.identity.hypotheses_held") == sum(held.values())


def test_only_measures_and_writes_nothing(found, tmp_path):
    assert study.run("toy", only=["blur"]) == [] and not list(tmp_path.iterdir())
    with pytest.raises(BadInput, match="name some of"):
        study.run("toy", only=["fog"])


def test_strongest_and_lowest():
    arrays = {"naive/a": np.ones(3), "parrot/a": np.zeros(3), "parrot/b": np.array([1.0, 0, 0]),
              "eer/a": np.array([0.3, 0.2, 0.4]), "eer/b": np.array([0.1, 0.0, 0.2])}  # fmt: skip
    assert study.strongest(arrays, "parrot")[0] == "b"
    assert study.lowest_error(arrays)[0] == "b" and study.lowest_error(arrays)[1].high == 0.2
