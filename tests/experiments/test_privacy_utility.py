from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import _privacy_lab as lab
from fer_nb.experiments import privacy_utility as study
from tests.experiments.test_privacy_identity import found, measurement, victims  # noqa: F401


def test_all_records_are_written(found):  # noqa: F811
    made = {record.id for record in study.run("toy")}
    assert made == set(study.RECORDS)
    assert results.number("privacy.au_fidelity.label_only") == 0.0
    assert results.number("privacy.expression_cost") == 0.0
    assert results.number("privacy.timing_error") == pytest.approx(0.8)
    table = pd.read_csv(results.folder() / study.TABLE)
    assert set(table["method"]) == set(lab.methods())


def test_without_the_anonymizer_its_records_are_left_out(found, monkeypatch):  # noqa: F811
    monkeypatch.setattr(lab, "trained", lambda: False)
    made = {record.id for record in study.run("toy")}
    assert "privacy.au_fidelity.label_only" in made and "privacy.gain_at_matched_risk" not in made


def test_frontier_takes_the_best_setting_that_is_safe_enough():
    risk, kept = [0.9, 0.5, 0.1], [0.9, 0.8, 0.2]
    assert study.frontier(risk, kept, 0.5) == 0.8
    assert study.frontier(risk, kept, 0.3) == pytest.approx(0.5)
    assert study.frontier(risk, kept, 1.0) == 0.9
    assert study.frontier(risk, kept, 0.05) == -np.inf


def test_gain_compares_at_equal_risk(victims):  # noqa: F811
    arrays_of = {name: measurement(name, victims) for name in lab.methods()}
    hits = {name: arrays["parrot/mesh"] for name, arrays in arrays_of.items()}
    read = {name: arrays["units"] for name, arrays in arrays_of.items()}
    rows = np.arange(len(victims.person))
    for name in lab.methods():  # every baseline is riskier than the anonymizer: nothing to set against it
        if name != study.HIDDEN:
            hits[name] = np.ones_like(hits[name])
    gain, best = study.matched(hits, read, victims, rows)
    assert best == "none" and gain > 0.5
    hits["landmarks 1"], read["landmarks 1"] = hits[study.HIDDEN], study.apex_truth(victims)
    gain, best = study.matched(hits, read, victims, rows)
    assert best == "landmarks" and gain <= 0


def test_the_middle_frame_is_wrong_where_the_apex_comes_last(victims):  # noqa: F811
    errors = study.middle_error(victims)
    assert errors[victims.label != 0].min() >= 2
