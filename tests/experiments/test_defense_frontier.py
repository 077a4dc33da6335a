"""The frontier, on toys: best networks, equal clean accuracy, intervals over people, every record."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fer_nb import results
from fer_nb.defense import DefendedModel, Transform
from fer_nb.evaluation import Interval
from fer_nb.experiments import _attack_lab as attack_lab
from fer_nb.experiments import defense_frontier as frontier
from tests.attack_toys import Still, victims


def test_a_network_that_is_beaten_in_both_does_not_count():
    clean, robust = np.array([0.9, 0.8, 0.6, 0.7]), np.array([0.1, 0.05, 0.5, 0.3])
    at = np.array([0.5, 0.6, 0.65, 0.7, 0.8, 0.9])
    found = frontier.best_at(clean, robust, at)
    np.testing.assert_allclose(found, [0.5, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_gain_is_taken_at_equal_clean_accuracy():
    line = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert frontier.gain(line, line) == 0
    assert frontier.gain(line - [0.1, 0], line) == pytest.approx(
        -0.1
    )  # ten points of clean accuracy, for nothing
    apart = np.array([[0.5, 0.3], [0.4, 0.35]])  # never as right as the worst of the other family
    assert frontier.gain(apart, line) == pytest.approx(0.3 - 0.4)


def points(shift: float, who: attack_lab.Victims) -> dict[int, frontier.Point]:
    rng, n = np.random.default_rng(0), len(who.faces)
    made = {}
    for k, (clean, robust) in {
        0: (0.9, 0.0),
        1: (0.85, 0.1),
        2: (0.8, 0.2),
        4: (0.7, 0.3),
        8: (0.6, 0.4),
    }.items():
        noise = rng.normal(0, 0.01, n)
        left = robust + shift * (robust > 0) + noise[: len(who.some(2).faces)]
        made[k] = frontier.Point(clean + noise, dict.fromkeys(frontier.LEVELS, left), left)
    return made


def test_people_decide_the_interval():
    who = victims(people=6, missed=0)
    found = frontier.compared(
        {"online": points(0.1, who), "online_alone": points(0.0, who)}, who, frontier.at_bound(8)
    )
    assert 0.05 < found.low <= found.value <= found.high < 0.15
    none = frontier.compared(
        {"online": points(0.0, who), "online_alone": points(0.0, who)}, who, frontier.at_bound(8)
    )
    assert none.low <= 0 <= none.high


def test_the_verdict_is_taken_where_something_stands():
    both = {name: points(0.0, victims(missed=0)) for name in ("online", "online_alone")}
    assert frontier.verdict_level(both) == 8
    for family in both.values():
        for point in family.values():
            point.attacked[8] = point.attacked[4] * 0
    assert frontier.verdict_level(both) == 4


def test_a_network_at_chance_is_left_out():
    both = {"online": points(0.0, victims(missed=0))}
    both["online"][8] = frontier.Point(np.full(9, 1 / 7), both["online"][8].attacked, np.zeros(9))
    assert list(frontier.standing(both)["online"]) == [0, 1, 2, 4]


def test_hypotheses_read_the_points():
    who = victims(missed=0)
    both = {"online": points(0.0, who), "online_alone": points(0.0, who)}
    held = frontier.verdicts(both, Interval(0.0, -0.1, 0.1))
    assert tuple(held) == frontier.HYPOTHESES and all(held.values())
    turned = {name: {1: family[8], 8: family[1]} for name, family in both.items()}
    assert not any(frontier.verdicts(turned, Interval(0.2, 0.1, 0.3)).values())


def test_run_writes_its_records_and_a_second_run_attacks_nothing(tmp_path, monkeypatch, cache_folder):
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(frontier.lab, "recipe", lambda: "toy")
    monkeypatch.setattr(attack_lab, "victims", lambda split: victims(missed=0))
    monkeypatch.setattr(frontier, "STEPS", 2)
    monkeypatch.setattr(frontier, "PLAIN_STEPS", 2)

    def model_of(name):
        plain = Still(sharp=30.0 if name in ("both", "none") else 10.0)
        return (
            plain if "alone" in name or name == "none" else DefendedModel(plain, Transform(boxes=1), draws=2)
        )

    monkeypatch.setattr(frontier.lab, "model_of", model_of)
    assert frontier.run(only=("both",)) == [] and not results.all_records()
    frontier.run()
    assert {r.id for r in results.all_records()} == set(frontier.RECORDS)
    clean, hit = (results.load(f"defense.frontier.online_alone.train0.{w}") for w in ("clean", "eps8"))
    assert clean.value == 1 and hit.value < 1 and (clean.n, hit.n) == (9, 3 * frontier.EACH)
    table = pd.read_csv(tmp_path / frontier.TABLE)
    assert table.groupby("family").size().tolist() == [5, 5]
    monkeypatch.setattr(frontier, "eot", None)
    monkeypatch.setattr(frontier, "launch", None)
    frontier.run()
