"""The study of membership, on toy people: every record is written, and nothing is trained twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fer_nb import results
from fer_nb.evaluation import Interval
from fer_nb.experiments import _membership_lab as lab
from fer_nb.experiments import membership
from fer_nb.experiments._membership_recipes import Recipe
from tests.membership_toys import SIZES, toy_stills

pytest.importorskip("opacus")


@pytest.fixture
def small(tmp_path, monkeypatch, cache_folder):
    """Toy people, and recognizers that are not trained at all; returns the list of trainings."""
    trained = []

    def train(crops, seed):
        trained.append(seed)
        torch.manual_seed(seed)
        return lab.SmallNet()

    kept = {name: Recipe(name, train, 2, r.like) for name, r in lab.recipes().items()}
    monkeypatch.setenv("FER_NB_RESULTS", str(tmp_path))
    monkeypatch.setattr(lab, "stills", toy_stills)
    monkeypatch.setattr(lab, "available", lambda: kept)
    monkeypatch.setattr(lab, "_name", lambda recipe: recipe.name)
    for cached in (lab.sides, lab.owned):
        cached.cache_clear()
    yield tmp_path, trained
    for cached in (lab.sides, lab.owned):
        cached.cache_clear()


def test_run_writes_its_records_and_curves_and_a_second_run_trains_nothing(small):
    folder, trained = small
    membership.run(SIZES, resamples=10)
    assert {r.id for r in results.all_records()} == set(membership.RECORDS)
    assert len(trained) == 8 * SIZES.targets + 7 * 2
    leak = results.load("membership.tpr_at_1pct.plain")
    assert leak.n == SIZES.members + SIZES.others and len(leak.per_seed) == SIZES.targets
    assert leak.low <= leak.value <= leak.high
    assert results.load("membership.auc.control").per_seed != ()
    gap = results.load("membership.auc.dp8_pictures_minus_dp8")
    pair = [results.load(f"membership.auc.{row}").value for row in ("dp8_pictures", "dp8")]
    assert gap.value == pytest.approx(pair[0] - pair[1]) and gap.low <= gap.value <= gap.high
    table = pd.read_csv(folder / membership.CURVES)
    assert set(table["game"]) >= {"plain", "plain.sessions", "plain.naive", "control", "dp8_pictures"}
    assert table.groupby("game")["tpr"].apply(lambda t: t.is_monotonic_increasing).all()
    first = {r.id: r.value for r in results.all_records()}
    membership.run(SIZES, resamples=10)
    assert len(trained) == 8 * SIZES.targets + 7 * 2
    assert {r.id: r.value for r in results.all_records()} == first


def test_the_control_attacks_shadows_with_other_shadows(small):
    targets, shadows = membership.gather(SIZES)
    found = membership.games(targets, shadows, SIZES)["control"]
    own = lab.scores("exact", shadows["plain"][:1], shadows["plain"][1:], SIZES)
    assert np.array_equal(found.members[0], own.members[0]) and len(found.members) == 1
    other = membership.games(targets, shadows, SIZES)["control.sessions"]
    assert np.array_equal(other.others[0], own.others[0])
    assert not np.array_equal(other.members[0], own.members[0])


def test_a_difference_with_a_missing_row_is_left_out(small):
    targets, shadows = membership.gather(SIZES)
    played = membership.games(targets, shadows, SIZES)
    whole = membership.differences(played, 5)
    assert len(whole) == len(membership.DIFFERENCES)
    del played["generated"]
    assert all("generated" not in name for name in membership.differences(played, 5))


def test_shadows_are_trained_once_for_rows_that_share_them(small):
    made = membership.units(SIZES)
    assert ("generated", "shadow", 0) not in {(r.name, role, k) for r, role, k in made}
    assert sum(role == "shadow" and r.name == "regularised" for r, role, _ in made) == 2


def example() -> dict[str, Interval]:
    """Values with which every hypothesis holds."""
    values = {
        "tpr_at_1pct.plain": 0.9, "tpr_at_1pct.regularised": 0.1, "tpr_at_1pct.plain.naive": 0.5,
        "auc.plain": 0.99, "auc.plain.sessions": 0.7, "auc.regularised": 0.65,
        "auc.regularised.sessions": 0.6, "auc.generated": 0.55, "auc.dp8": 0.5, "auc.dp8_pictures": 0.7,
        "auc.control": 0.51, "recognition.dp8": 0.3, "recognition.dp_inf": 0.5,
    }  # fmt: skip
    return {f"membership.{name}": Interval(v, v - 0.03, v + 0.03) for name, v in values.items()}


def test_verdicts_follow_the_words():
    assert membership.verdicts(example()) == dict.fromkeys(membership.HYPOTHESES, True)
    wrong = {
        "restraint_helps": ("tpr_at_1pct.regularised", 0.88), "privacy_stops_it": ("auc.dp8", 0.6),
        "privacy_costs": ("recognition.dp8", 0.48), "shadows_help": ("tpr_at_1pct.plain.naive", 0.95),
        "control_is_chance": ("auc.control", 0.6), "pictures_are_no_people": ("auc.dp8_pictures", 0.5),
        "people_are_learned": ("auc.plain.sessions", 0.51), "generated_hides": ("auc.generated", 0.7),
    }  # fmt: skip
    for name, (id, value) in wrong.items():
        found = example() | {f"membership.{id}": Interval(value, value - 0.03, value + 0.03)}
        assert not membership.verdicts(found)[name], name
    missing = {id: v for id, v in example().items() if "generated" not in id}
    assert "generated_hides" not in membership.verdicts(missing)


def test_recognition_averages_targets_and_gives_each():
    asked = [{"others_hit": np.ones((4, 7), bool)}, {"others_hit": np.zeros((4, 7), bool)}]
    value, each = membership.recognition(asked, "others")
    assert value.value == 0.5 and each == [1.0, 0.0]
