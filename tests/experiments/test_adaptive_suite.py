"""The adaptive suite, on toys: every record is written, and hypotheses read what was found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.defense import DefendedModel, Transform
from fer_nb.experiments import _adaptive_records as plan
from fer_nb.experiments import _attack_lab as attack_lab
from fer_nb.experiments import adaptive_suite as suite
from tests.attack_toys import Still, victims

pytest.importorskip("foolbox")
pytest.importorskip("torchattacks")


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(suite.lab, "recipe", lambda: "toy")
    monkeypatch.setattr(suite.lab, "CHOICE", 3)
    monkeypatch.setattr(suite.lab, "SCORE", 5)
    monkeypatch.setattr(attack_lab, "victims", lambda split, people: victims(missed=0))
    monkeypatch.setattr(suite.spatial, "load", Still)

    def model_of(name):
        return Still() if name not in plan.RANDOM else DefendedModel(Still(), Transform(boxes=1), draws=2)

    monkeypatch.setattr(suite.lab, "model_of", model_of)
    for name, value in {"STEPS": 3, "LIMIT": 2, "QUERIES": 5, "PART": 4, "LABEL_PART": 1, "FROZEN_PART": 2,
                        "LABEL_STEPS": 1, "LABEL_DRAWS": 1, "SEED_DRAWS": 1, "EACH": 1,
                        "AT_MOST": {"static": 2}, "QUERY_DRAWS": 2}.items():  # fmt: skip
        monkeypatch.setattr(plan, name, value)
    return tmp_path


def test_run_writes_its_records_and_tables(small):
    suite.run()
    assert {r.id for r in results.all_records()} == set(suite.RECORDS)
    hit, clean = results.load("adaptive.breaks_known"), results.load("adaptive.both.clean")
    assert hit.value < clean.value and hit.target == 0.10 and hit.n == 3
    assert hit.value == results.load("defense.both.adaptive.eps8").value
    assert [results.load(f"defense.static.adaptive.eps{k}").n for k in (4, 8)] == [3, 6]
    assert len(results.load("adaptive.seed_spread").per_seed) == 3
    bare, more = (results.load(f"adaptive.static.{what}.eps2") for what in ("bare", "more"))
    apart = results.load("adaptive.static.bare_minus_more.eps2")
    assert abs(apart.value - (bare.value - more.value)) < 1e-9 and apart.low <= apart.value <= apart.high
    more, less = (results.load(f"defense.{arm}.adaptive.eps1").value for arm in ("both", "none"))
    assert abs(results.load("adaptive.both_minus_none.eps1").value - (more - less)) < 1e-9
    assert "one EOT run" in results.load("adaptive.static.square.eps2").note
    table = pd.read_csv(small / plan.TABLE)
    assert set(table["arm"]) == set(plan.ARMS) and set(table["level"]) == set(plan.LEVELS)
    at = table[(table["arm"] == "online") & (table["level"] == 8)]
    assert list(at["attack"][:3]) == ["none", "noise", "transfer"] and at["attack"].iloc[-1] == "scored"
    assert (np.diff(at["after"][:-1]) <= 1e-9).all()  # what fell stays down
    anew = at[at["attack"].isin(["bare weights", "EOT anew 1"])]
    assert (anew["tried"] == 3).all()  # all pictures, whatever stood
    assert set(pd.read_csv(small / plan.PLATEAUS)["arm"]) == set(plan.RANDOM)


def test_a_part_is_kept_and_writes_nothing(small):
    assert suite.run(arms=("online_alone",), levels=(2,)) == [] and not results.all_records()
