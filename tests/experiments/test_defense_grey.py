"""Attackers who cannot see the defense, on toys: rows, records, table, verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.defense import DefendedModel, Transform
from fer_nb.experiments import _attack_lab as lab
from fer_nb.experiments import _defense_arms as arms
from fer_nb.experiments import defense_grey as grey
from tests.attack_toys import Still, victims


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    def defended(name: str, *, draws: int = 2):
        net = arms.arm(name)
        return DefendedModel(net, Transform(boxes=1), draws=draws) if arms.spec(name).transform else net

    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "victims", lambda split, people: victims(2, each=2))
    monkeypatch.setattr(arms, "recipe", lambda: "toy")
    monkeypatch.setattr(arms, "arm", lambda name: Still(seed=0))
    monkeypatch.setattr(arms, "defended", defended)
    monkeypatch.setattr(grey, "RandomSide", lambda net: net)
    monkeypatch.setattr(grey, "STEPS", 3)
    monkeypatch.setattr(grey, "EVALUATIONS", 2)
    return tmp_path


def test_run_writes_its_records_and_the_table_and_goes_on(small, monkeypatch):
    grey.run()
    assert {r.id for r in results.all_records()} == set(grey.RECORDS)
    clean = results.load("defense.none.clean")
    assert clean.value == pytest.approx(4 / 5) and clean.n == 5  # no face is an error
    assert results.load("defense.none.g0").value <= results.load("defense.none.g0.eps2").value
    assert results.load("defense.static.clean_cost").direction == "down"
    shares = [results.load(f"defense.static.greybox.{row}").value for row in ("g0", "g1")]
    assert results.load("defense.static.greybox").value == min(shares)
    assert results.load("defense.static.greybox").target == 0.85
    assert results.load("defense.static.greybox.eps2").target is None
    table = pd.read_csv(small / grey.TABLE)
    assert len(table) == len(grey.SHOWN) + 2 + len(grey.plan())
    monkeypatch.setattr(grey, "launch", lambda *a, **k: pytest.fail("attacked again"))
    monkeypatch.setattr(grey, "share_right", lambda *a, **k: pytest.fail("read again"))
    grey.run()


def test_arms_can_be_done_one_by_one(small):
    assert grey.run(only=("none", "static_second")) == [] and not results.all_records()
    kept = {path.name for path in (arms.home() / "grey").iterdir()}
    assert any("-none-reads-none-8" in name for name in kept) and not any("-static-reads" in n for n in kept)


def test_every_row_is_planned_once_and_has_a_record():
    rows = grey.plan()
    assert len(set(rows)) == len(rows)
    assert all(made == reader for reader, threat, made, _ in rows if threat == "g0")
    assert ("static", "g2", "static_second", 8) in rows and ("none_second", "g1", "none", 8) in rows


def test_shares_and_points_are_taken_on_the_same_clips():
    row = grey.Row("static", "g0", 8, np.array([1.0, 0.5]), np.array([0.5, 0.25]))
    share = grey.share_kept(row, ["a", "b"])
    assert (share.value, share.low, share.high) == (0.5, 0.5, 0.5)
    assert grey.points_lost(np.ones(2), np.array([1.0, 0.9]), ["a", "b"]).value == pytest.approx(5)


def test_verdicts():
    left = {("both", "g0"): 0.05, ("static", "g2"): 0.5, ("static", "g1"): 0.6, ("static", "g0"): 0.3,
            ("online", "g0"): 0.4}  # fmt: skip
    shares = {("static", "g1"): 0.9, ("static", "g0"): 0.5, ("none_second", "g1"): 0.4}
    held = grey.verdicts(left, shares)
    assert tuple(held) == grey.HYPOTHESES
    assert [name for name, yes in held.items() if not yes] == ["keeps_under_g0"]


def test_a_cost_is_a_ratio_to_the_bare_network_and_milliseconds(small, monkeypatch):
    """By a clock of its own: two milliseconds for the bare network, three for each draw of a defended one."""
    monkeypatch.setattr(grey, "seconds_a_face", lambda model: 0.003 * getattr(model, "draws", 2 / 3))
    price = grey.costs()
    assert set(price) == set(grey.COSTS)
    assert price[10] == pytest.approx((15.0, 30.0)) and price[1] == pytest.approx((1.5, 3.0))


def test_a_clock_goes_forward(small):
    assert grey.seconds_a_face(grey.arms.arm("static")) > 0
