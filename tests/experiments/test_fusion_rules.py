"""The table of rules, on toys: who is compared with whom, and which records come of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.experiments import fusion_rules
from fer_nb.experiments.fusion_data import gather, mean_right
from tests.fusion_toys import pooled_table, validate_table


@pytest.fixture(scope="module")
def pooled():
    return gather(pooled_table())


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Toys in place of the tables, few draws, and a folder of its own for records."""
    tables = {"fit": pooled_table(), "validate": validate_table()}
    monkeypatch.setattr(fusion_rules, "read", tables.__getitem__)
    monkeypatch.setattr(fusion_rules, "EXAMPLES", (20, None))
    monkeypatch.setattr(fusion_rules, "DRAWS", 2)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    return tmp_path


def test_an_ensemble_of_two_seeds_beats_one(pooled):
    single = mean_right([fusion_rules.alone(pooled, f"temporal-{s}") for s in (0, 1)], pooled.truth)
    (both,) = fusion_rules.ensembles(pooled, "temporal")
    assert (both == pooled.truth).mean() > single.mean()


def test_three_seeds_make_three_ensembles_and_one_makes_none(pooled):
    third = {**pooled.logits, "temporal-2": -pooled.logits["temporal-0"]}  # answers the least likely class
    three = fusion_rules.ensembles(type(pooled)(**{**vars(pooled), "logits": third}), "temporal")
    assert len(three) == 3
    np.testing.assert_array_equal(three[0], fusion_rules.ensembles(pooled, "temporal")[0])
    assert not np.array_equal(three[1], three[0])
    alone = {"temporal-0": pooled.logits["temporal-0"]}
    assert fusion_rules.ensembles(type(pooled)(**{**vars(pooled), "logits": alone}), "temporal") == []


def test_a_clip_without_a_face_is_an_error(pooled):
    table = pooled_table()
    table.loc[(table["branch"] == "temporal") & (table["clip"] == "fit/003/fear"), "neutral":] = np.nan
    hole = gather(table)
    k = int(np.flatnonzero(hole.clip == "fit/003/fear")[0])
    assert fusion_rules.alone(hole, "temporal-0")[k] == -1
    assert fusion_rules.ensembles(hole, "temporal")[0][k] == -1


def test_the_better_branch_is_chosen_on_validate(pooled):
    checked = gather(validate_table(), shifted=False)
    assert fusion_rules.better_branch(checked) == "temporal"
    turned = {**checked.logits, "temporal-0": -checked.logits["temporal-0"]}
    turned["temporal-1"] = -checked.logits["temporal-1"]
    assert fusion_rules.better_branch(type(checked)(**{**vars(checked), "logits": turned})) == "spatial"


def test_rivals_are_the_branch_the_wide_pair_and_two_seeds(pooled):
    rivals = fusion_rules.rivals_of(pooled, "temporal")
    assert set(rivals) == {"branch", "ensemble", "same_size"}
    (wide,) = fusion_rules.ensembles(pooled, "wide")
    np.testing.assert_array_equal(rivals["ensemble"], wide == pooled.truth)


def test_a_row_measures_gains_in_points(pooled):
    rivals = fusion_rules.rivals_of(pooled, "temporal")
    row = fusion_rules.table_row("perfect", "score", None, [pooled.truth], rivals, pooled)
    assert row["accuracy"] == row["recall"] == 1
    assert row["gain_branch"] == pytest.approx(100 * (1 - rivals["branch"].mean()))
    assert row["gain_branch_low"] <= row["gain_branch"] <= row["gain_branch_high"]


def test_run_writes_tables_and_records(small):
    fusion_rules.run()
    rules = pd.read_csv(small / "fusion.rules.csv")
    assert {"temporal", "joint", "wide, mean of two seeds", "stacking", "mix M1"} <= set(rules["rule"])
    assert set(rules["examples"]) == {"all", "20"}
    assert {r.id for r in results.all_records()} == set(fusion_rules.RECORDS)
    gain = results.load("fusion.gain_over_branch")
    assert gain.target == 2.0 and gain.low <= gain.value <= gain.high and len(gain.per_seed) == 2
    assert results.load("fusion.either_right").value >= results.load("fusion.pooled.branch").value
    assert pd.read_csv(small / "fusion.ties.csv", index_col=0).shape == (7, 7)
    assert set(pd.read_csv(small / "fusion.lambda.csv")["classes"]) == {2, 3, 5, 7}
