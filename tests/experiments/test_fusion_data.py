"""Fitting on people that nobody has seen: who learns from whom, and what is not asked."""

from __future__ import annotations

import numpy as np
import pytest

from fer_nb import fusion_fit
from fer_nb.errors import BadInput
from fer_nb.experiments import fusion_data
from fer_nb.labels import LABELS
from tests.fusion_toys import pooled_table, validate_table

FAST = ["sum", "Borda"]


@pytest.fixture(scope="module")
def pooled():
    return fusion_data.gather(pooled_table())


def test_gather_puts_every_network_on_the_same_clips(pooled):
    assert len(pooled.clip) == len(set(pooled.clip)) == 24 * 7
    assert pooled.seeds("temporal") == [0, 1] and pooled.seeds("nobody") == []
    assert pooled.pairs() == [("temporal-0", "spatial-0"), ("temporal-1", "spatial-0")]
    assert pooled.of(pooled.pairs()[0]).shape == (2, 24 * 7, 7)
    shuffled = pooled_table().sample(frac=1, random_state=0)
    again = fusion_data.gather(shuffled)
    np.testing.assert_array_equal(again.logits["spatial-0"], pooled.logits["spatial-0"])


def test_gather_refuses_networks_with_missing_clips():
    with pytest.raises(BadInput, match="finish the run"):
        fusion_data.gather(pooled_table().iloc[:-3])
    with pytest.raises(BadInput, match="empty"):
        fusion_data.gather(pooled_table().iloc[:0])


def test_the_shifted_twin_is_told_by_its_clips():
    plain, shifted = (fusion_data.gather(validate_table(), shifted=s) for s in (False, True))
    assert len(plain.clip) == len(shifted.clip) == 3 * 6 * 7
    assert all(clip.endswith("/shift") for clip in shifted.clip)


def test_nobody_is_asked_about_by_rules_that_learned_from_him(pooled, monkeypatch):
    z, meetings = pooled.of(pooled.pairs()[0]), []
    z[0, :, 0] = np.arange(z.shape[1])  # so that a clip can be recognized
    real = fusion_fit.answers

    def watched(logits, labels, new, *, rules):
        learn, asked = (set(pooled.person[part[0, :, 0].astype(int)]) for part in (logits, new))
        folds = {pooled.fold[int(k)] for part in (logits, new) for k in part[0, :, 0]}
        meetings.append((learn & asked, len(folds)))
        return real(logits, labels, new, rules=rules)

    monkeypatch.setattr(fusion_fit, "answers", watched)
    said = fusion_data.cross_fit(z, z, pooled, rules=FAST)
    assert len(meetings) == 3 * fusion_data.INNER
    assert all(shared == set() and folds == 1 for shared, folds in meetings)
    assert all((answer >= 0).all() for answer in said.values())


def test_a_rule_may_learn_from_few_clips(pooled, monkeypatch):
    seen = []
    monkeypatch.setattr(
        fusion_fit, "answers",
        lambda z, y, new, *, rules: seen.append(len(y)) or {n: np.zeros(new.shape[1], int) for n in rules},
    )  # fmt: skip
    z = pooled.of(pooled.pairs()[0])
    fusion_data.cross_fit(z, z, pooled, rules=FAST, examples=10)
    assert set(seen) == {10}


def test_clips_without_a_face_or_a_question_stay_unanswered(pooled):
    z = pooled.of(pooled.pairs()[0])
    asked = z.copy()
    asked[0, 5] = np.nan
    said = fusion_data.cross_fit(z, asked, pooled, rules=FAST)["sum"]
    assert said[5] == -1 and (np.delete(said, 5) >= 0).all()


def test_transfer_uses_the_networks_of_the_same_fold(pooled):
    target = fusion_data.gather(validate_table(), shifted=False)
    said = fusion_data.transfer(pooled, target, pooled.pairs()[0], rules=FAST)
    assert said["sum"].shape == target.truth.shape
    assert fusion_data.mean_right([said["sum"]], target.truth).mean() > 0.6


def test_intervals_are_drawn_over_people():
    person = np.repeat([f"p{k}" for k in range(30)], 7)
    values = np.repeat(np.arange(30) % 2, 7).astype(float)
    wide = fusion_data.over_people(values, person)
    narrow = fusion_data.over_people(values, np.arange(210).astype(str))
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_labels_of_the_table_are_those_of_the_book():
    assert list(pooled_table().columns[-7:]) == list(LABELS)
