"""The shipped rule, on toys: its constants are fitted on others and name what they were fitted for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import softmax

from fer_nb import checkpoints, fusion_fit, fusion_settings, results
from fer_nb.experiments import fusion_system
from fer_nb.experiments.fusion_toy import tempered, toy
from fer_nb.provenance import command_line
from tests.fusion_toys import pooled_table, validate_table


def asked(people: int = 20, *, seed: int = 0) -> dict:
    z, y = toy(7 * people, seed=seed)
    person = np.array([f"validate/{k // 7:02d}" for k in range(7 * people)])
    return {"z": np.log(softmax(tempered(z, 0, 0.25), axis=-1)), "truth": y, "person": person}


@pytest.fixture
def small(monkeypatch, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    tables = {"fit": pooled_table(), "validate": validate_table()}
    monkeypatch.setattr(fusion_system, "read", tables.__getitem__)
    monkeypatch.setattr(fusion_system, "system_answers", lambda block, **k: asked(seed=len(k)))
    card = type("Card", (), {"recipe": "abc"})
    monkeypatch.setattr(checkpoints, "read_card", lambda name: card)
    monkeypatch.setattr(checkpoints, "WEIGHTS", weights)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path / "results"))
    results.write(results.record("mime.oracle_ceiling", 0.99))
    fusion_settings.shipped_settings.cache_clear()
    yield weights
    fusion_settings.shipped_settings.cache_clear()


@pytest.mark.parametrize("rule", fusion_system.CANDIDATES)
def test_settings_learn_what_the_rule_needs(rule):
    data = asked(60)
    fitted = fusion_system.settings(rule, data["z"], data["truth"])
    if "calibrated" in rule:
        assert fitted.temperatures[0] == pytest.approx(4 * fitted.temperatures[1], rel=0.5)
    else:
        assert fitted.temperatures == (1.0, 1.0)
    fused = fusion_settings.apply(fitted, softmax(data["z"], axis=-1))
    assert (fused.argmax(-1) == data["truth"]).mean() > 0.9
    assert fusion_system.ece(fused, data["truth"], bins=fusion_system.BINS) < 0.08


def test_constants_never_meet_who_is_scored(monkeypatch):
    data, meetings = asked(), []
    real = fusion_system.settings

    def watched(rule, z, truth):
        meetings.append(len(truth))
        return real(rule, z, truth)

    monkeypatch.setattr(fusion_system, "settings", watched)
    right, single = fusion_system.held_out_accuracy("calibrated sum", data, data)
    assert meetings == [7 * 16] * 5
    assert right.mean() > single.mean(1).max() - 0.02 and single.shape == (2, 140)


def test_a_clip_without_a_face_is_wrong_for_all():
    data = asked()
    hole = {**data, "z": data["z"].copy()}
    hole["z"][:, 3] = np.nan
    right, single = fusion_system.held_out_accuracy("sum", data, hole)
    assert not right[3] and not single[:, 3].any()


def test_the_table_holds_every_rule_on_both_twins():
    rows = fusion_system.system_table(asked(30), asked(), asked(seed=1))
    assert {row["rule"] for row in rows} == set(fusion_fit.RULES)
    by_name = {row["rule"]: row for row in rows}
    assert by_name["calibrated product"]["gain"] > 0
    for row in rows:
        assert row["low"] <= row["accuracy"] <= row["high"] and 0 <= row["shift"] <= 1


def test_run_ships_constants_and_writes_records(small):
    fusion_system.run()
    about = json.loads((small / "fusion.json").read_text())
    assert about["settings"]["rule"] in fusion_system.CANDIDATES
    assert about["branches"] == {"temporal": "abc", "spatial": "abc"}
    late = {
        "fusion.accuracy",
        "fusion.accuracy.temporal",
        "fusion.accuracy.spatial",
        "fusion.gain_over_branch.test",
    }
    assert {r.id for r in results.all_records()} == {*fusion_system.RECORDS, "mime.oracle_ceiling"} - late
    record = results.load("fusion.accuracy.validate")
    assert "oracle ceiling 0.990" in record.note and "temporal alone" in record.note


def test_the_test_block_is_scored_with_the_shipped_constants(small):
    fusion_system.run()
    assert not (results.folder() / "fusion.accuracy.json").exists()
    fusion_system.test_block()
    record = results.load("fusion.accuracy")
    assert record.command == command_line() and record.n == 140 and "test" in record.split
    alone = [results.number(f"fusion.accuracy.{branch}") for branch in fusion_system.BRANCHES]
    gain = results.load("fusion.gain_over_branch.test")
    assert (
        gain.value == pytest.approx(100 * (record.value - max(alone))) and gain.low <= gain.value <= gain.high
    )
