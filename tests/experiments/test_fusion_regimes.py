"""Regimes and hypotheses, on toys: what is distorted, what counts as held, where the mix stands best."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import fusion_fit, results
from fer_nb.experiments import fusion_regimes as regimes
from fer_nb.experiments.fusion_data import gather
from fer_nb.experiments.fusion_pgd import chosen
from fer_nb.labels import LABELS
from tests.fusion_toys import pooled_table, validate_table


def outcome(regime: str, shares: dict[str, float], people: int = 40) -> regimes.Outcome:
    """An outcome in which each rule is right on a share of the people; unnamed rules are always wrong."""
    truth, person = np.zeros(people, int), np.array([f"p{k}" for k in range(people)])
    cut = {name: round(shares.get(name, 0.0) * people) for name in fusion_fit.RULES}
    said = {name: [np.where(np.arange(people) < n, 0, 1)] for name, n in cut.items()}
    return regimes.Outcome(regime, said, truth, person)


def test_hypotheses_name_known_rules_and_regimes():
    known = {*regimes.changes(), "shift", "validate", "20 clips", "PGD 1/255", "PGD 2/255", "PGD 4/255"}
    for h in regimes.HYPOTHESES:
        assert {h.better, *h.worse} <= set(fusion_fit.RULES), h.name
        assert h.regime in known, h.name
    assert len({h.name for h in regimes.HYPOTHESES}) == len(regimes.HYPOTHESES) >= 10


def test_a_hypothesis_holds_only_when_every_interval_is_above_zero():
    wins = {h.better: 0.9 for h in regimes.HYPOTHESES}
    made = {h.regime: outcome(h.regime, {h.better: 0.9}) for h in regimes.HYPOTHESES}
    rows = regimes.verdicts(list(made.values()), tie_share=0.05)
    assert len(rows) == len(regimes.HYPOTHESES) + 1 and rows[-1]["held"]
    last = {h.regime: h for h in regimes.HYPOTHESES}  # the toy of a regime is made for its last hypothesis
    for row, h in zip(rows, regimes.HYPOTHESES, strict=False):
        if last[h.regime] is h:
            assert row["held"] and row["low"] > 0 and wins[h.better] == 0.9
    even = [outcome(h.regime, dict.fromkeys(fusion_fit.RULES, 0.5)) for h in regimes.HYPOTHESES]
    assert not any(row["held"] for row in regimes.verdicts(even, tie_share=0.5))


def test_the_best_regime_of_the_mix_is_where_it_is_farthest_ahead():
    behind = outcome("a", {"mix M1": 0.5, "sum": 0.9, "product": 0.8})
    ahead = outcome("b", {"mix M3": 0.8, "Borda": 0.7})
    best, mix, rival, place = regimes.best_regime_of_mix([behind, ahead])
    assert (best.regime, mix, rival, place) == ("b", "mix M3", "Borda", 1)
    assert regimes.best_regime_of_mix([behind])[1:] == ("mix M1", "sum", 3)


def test_work_that_is_kept_is_not_done_again(cache_folder):
    pooled = gather(pooled_table(people=6))
    first = regimes.kept(pooled, "x", lambda: {"sum": pooled.truth})
    again = regimes.kept(pooled, "x", lambda: pytest.fail("made again"))
    np.testing.assert_array_equal(first["sum"], again["sum"])
    regimes.kept(pooled, "y", lambda: {"sum": pooled.truth})
    other = gather(pooled_table(people=7))
    with pytest.raises(ZeroDivisionError):
        regimes.kept(other, "x", lambda: 1 / 0)


def test_run_judges_every_hypothesis_and_writes_its_records(monkeypatch, cache_folder, tmp_path):
    table, validate = pooled_table(people=12), validate_table(people=3)
    pooled = gather(table)
    rows = chosen(pooled, clips=6)
    attacked = [
        pd.DataFrame(-pooled.logits["spatial-0"][rows], columns=list(LABELS)).assign(
            clip=pooled.clip[rows], change=f"PGD {e}/255"
        )
        for e in (1, 2, 4)
    ]
    monkeypatch.setattr(regimes, "read", {"fit": table, "validate": validate}.__getitem__)
    monkeypatch.setattr(regimes, "attacked_logits", lambda pooled: pd.concat(attacked))
    monkeypatch.setattr(regimes, "toy_pooled", lambda: gather(pooled_table(people=12)))
    monkeypatch.setattr(regimes, "TEMPERATURES", (0.05, 10.0))
    monkeypatch.setattr(regimes, "SPREADS", (1.5,))
    monkeypatch.setattr(regimes, "DRAWS", 1)
    monkeypatch.setattr(regimes, "SEEDS", 1)
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    regimes.run()
    assert {r.id for r in results.all_records()} == set(regimes.RECORDS)
    verdicts = pd.read_csv(tmp_path / "fusion.hypotheses.csv")
    assert len(verdicts) == results.load("fusion.hypotheses_held").n == len(regimes.HYPOTHESES) + 1
    found = pd.read_csv(tmp_path / "fusion.regimes.csv")
    assert set(found["source"]) == {"mime", "toy"} and {"shift", "PGD 2/255"} <= set(found["regime"])
