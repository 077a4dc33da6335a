"""Scores of people, and curves: known answers on toys, and an attack on a network that overfits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fer_nb.errors import BadInput
from fer_nb.membership import ask, by_person, compared, judged, log_odds, roc, shadow_people, surprise


def test_log_odds_agree_with_probabilities_and_stay_finite():
    z, y = torch.randn(20, 7, dtype=torch.float64), torch.arange(20) % 7
    p = z.softmax(1)[torch.arange(20), y]
    assert torch.allclose(log_odds(z, y), p.log() - (1 - p).log())
    assert torch.isfinite(log_odds(torch.tensor([[300.0, 0.0]]), torch.tensor([0]))).all()


def test_a_model_that_answers_nonsense_is_refused():
    class Broken(nn.Module):
        def forward(self, x):
            return x * torch.nan

    with pytest.raises(BadInput, match="train it again"):
        ask(Broken(), torch.ones(2, 3))


def test_surprise_takes_away_what_every_model_finds_easy():
    easy = np.array([9.0, 1.0, 1.0])
    seen = np.array([0.0, 0.0, 2.0])
    assert surprise(easy + seen, np.stack([easy + 0.5, easy - 0.5])).tolist() == [0.0, 0.0, 2.0]
    with pytest.raises(BadInput, match="K >= 1"):
        surprise(easy, np.zeros((0, 3)))


def test_a_person_counts_by_pictures_with_a_face():
    scores = np.array([[1.0, 100.0], [2.0, 4.0]])
    assert by_person(scores).tolist() == [50.5, 3.0]
    assert by_person(scores, np.array([[True, False], [True, True]])).tolist() == [1.0, 3.0]
    with pytest.raises(BadInput, match="no picture with a face"):
        by_person(scores, np.zeros((2, 2), bool))


def test_shadows_are_drawn_without_repeats_and_not_all_alike():
    drawn = shadow_people(30, 20, 4)
    assert all(len(set(rows)) == 20 for rows in drawn)
    assert len({tuple(rows) for rows in drawn}) == 4
    with pytest.raises(BadInput, match="own more people"):
        shadow_people(10, 11, 1)


def test_curve_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    members, others = rng.normal(1, 1, 80).round(1), rng.normal(0, 1, 300).round(1)  # with ties
    truth, score = np.r_[np.ones(80), np.zeros(300)], np.r_[members, others]
    curve = roc(members, others)
    assert curve.area == pytest.approx(metrics.roc_auc_score(truth, score))
    fpr, tpr, _ = metrics.roc_curve(truth, score)
    assert curve.found_at(0.05) == pytest.approx(tpr[fpr <= 0.05].max())
    assert curve.accuracy == pytest.approx(((tpr + 1 - fpr) / 2).max())


def test_at_a_false_alarm_rate_nobody_more_is_accused():
    others = np.arange(1000.0)
    assert roc(np.array([998.5, 0.0]), others).found_at(0.001) == 0.5
    assert roc(np.array([997.5, 0.0]), others).found_at(0.001) == 0.0
    assert roc(np.full(4, 7.0), np.full(9, 7.0)).found_at(0.01) == 0.0  # ties accuse everybody at once
    with pytest.raises(BadInput, match="missing or NaN"):
        roc(np.array([np.nan]), others)


def test_same_accuracy_but_a_different_attack():
    """One attack is sure about a few members, the other a little better than a coin about all."""
    rng = np.random.default_rng(0)
    others = rng.normal(0, 1, 5000)
    sharp = np.r_[np.full(100, 9.0), rng.normal(0, 1, 900)]
    vague = rng.normal(0.25, 1, 1000)
    a, b = roc(sharp, others), roc(vague, others)
    assert abs(a.accuracy - b.accuracy) < 0.02
    assert a.found_at(0.001) > 0.09 and b.found_at(0.001) < 0.02


def test_interval_holds_the_value_and_averages_targets():
    rng = np.random.default_rng(0)
    members, others = [rng.normal(1, 1, 50) for _ in range(2)], [rng.normal(0, 1, 200) for _ in range(2)]
    found = judged(lambda c: c.area, members, others, resamples=100)
    assert found.low < found.value < found.high
    each = [roc(m, o).area for m, o in zip(members, others, strict=True)]
    assert found.value == pytest.approx(np.mean(each))


def test_a_difference_on_the_same_people_is_narrower_than_two_intervals():
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.5, 1, 60), rng.normal(0, 1, 200)
    better, worse = ([members + 0.3], [others]), ([members], [others])  # one order of people, but for a lift
    found = compared(lambda c: c.area, better, worse, resamples=200)
    alone = [judged(lambda c: c.area, *side, resamples=200) for side in (better, worse)]
    assert found.value == pytest.approx(alone[0].value - alone[1].value)
    assert found.low > 0 and alone[1].high > alone[0].low
    assert found.high - found.low < (alone[0].high - alone[0].low) / 2


def test_a_difference_takes_attacks_with_other_numbers_of_targets():
    side = ([np.array([1.0, 2.0])] * 3, [np.array([0.0, 3.0])] * 3)
    alone = ([np.array([1.0, 2.0])], [np.array([0.0, 3.0])])
    assert compared(lambda c: c.area, side, alone, resamples=10).value == 0
    with pytest.raises(BadInput, match="same people"):
        compared(lambda c: c.area, side, ([np.array([1.0])], [np.array([0.0, 3.0])]), resamples=10)


def test_the_attack_finds_members_of_a_network_that_overfits_and_nobody_in_one_that_did_not_see_them():
    torch.manual_seed(0)
    x, y = torch.randn(180, 40), torch.randint(0, 3, (180,))

    def train(rows):
        net = nn.Sequential(nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 3))
        optimizer = torch.optim.Adam(net.parameters(), 0.02)
        for _ in range(40):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
        return log_odds(ask(net, x), y).numpy()

    members, strangers, own = np.arange(40), np.arange(60, 120), np.arange(120, 180)
    shadows = np.stack([train(own[rows]) for rows in shadow_people(60, 40, 4)])
    areas = []
    for rows in (members, own[:40]):
        scores = surprise(train(rows), shadows)
        areas.append(roc(scores[members], scores[strangers]).area)
    assert areas[0] > 0.8 and abs(areas[1] - 0.5) < 0.15
