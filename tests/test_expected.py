from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from fer_nb import expected
from fer_nb.attacks import Attacked
from fer_nb.defense import DefendedModel, Transform
from fer_nb.errors import BadInput

BOX = Transform(boxes=1, size=(0.25, 0.25), fill=0.0, quality=None)
# A box of a quarter of the side starts evenly in [0, 3/4]: it covers the middle in a third of the cases
# along each axis, so in a ninth of all draws.
COVERED = 1 / 9


class Middle(nn.Module):
    """Class 0 while the middle pixel is seen, class 1 when it is covered."""

    def forward(self, x):
        z = torch.full((len(x), 7), -9.0)
        z[:, 0], z[:, 1] = 2 * (x[:, 0, 32, 32] > 0.4).float(), 1.0
        return z


def defended(draws: int = 1) -> DefendedModel:
    return DefendedModel(Middle().eval(), BOX, draws=draws)


X = torch.full((20, 1, 64, 64), 0.5)
Y = torch.zeros(20, dtype=torch.long)


def test_share_right_is_the_known_expectation():
    shares = expected.share_right(defended(), X, Y, draws=100)
    assert float(shares.mean()) == pytest.approx(1 - COVERED, abs=0.03)  # 2,000 draws
    assert 0.8 < float(shares.min()) < 1


def test_averaging_over_more_draws_is_the_binomial_majority():
    """With K = 5, the pixel must be covered in so many draws that the mean probability turns."""
    p0 = float(Middle()(X[:1]).softmax(1)[0, 0])
    p1 = float(Middle()(0 * X[:1]).softmax(1)[0, 0])
    wrong = [k for k in range(6) if (5 - k) * p0 + k * p1 < 5 * 0.5]
    truth = 1 - stats.binom.pmf(wrong, 5, COVERED).sum()
    shares = expected.share_right(defended(5), X, Y, draws=60)
    assert float(shares.mean()) == pytest.approx(truth, abs=0.02)
    assert truth > 1 - COVERED


def test_any_of_ten_attacks_on_one_draw_blames_bad_luck():
    candidates = {str(k): X for k in range(10)}  # ten attacks that do nothing
    one_draw = torch.stack(
        [expected._asked(defended(), x, Y, draws=1, seed=k)[0] for k, x in enumerate(candidates.values())]
    )
    naive = float(one_draw.amin(0).mean())
    chosen = expected.strongest(defended(), candidates, Y)
    scored = float(expected.share_right(defended(), chosen.images, Y).mean())
    assert naive < 0.6 and scored == pytest.approx(1 - COVERED, abs=0.03)
    assert set(chosen.names) == {"0"}  # all are asked on the same draws, the first of equal ones is taken


def test_choice_is_by_picture_and_scored_on_other_draws():
    half = X.clone()
    half[:10] = 0.0
    other = X.clone()
    other[10:] = 0.0
    chosen = expected.strongest(defended(), {"a": half, "b": other}, Y)
    assert chosen.names == ("a",) * 10 + ("b",) * 10
    assert torch.equal(chosen.images, torch.zeros_like(X)) and float(chosen.strength.max()) == 0
    first = expected._asked(defended(), X, Y, draws=20, seed=expected.CHOOSE)[0]
    assert not torch.equal(first, expected.share_right(defended(), X, Y, draws=20))


def test_seed_repeats_and_leaves_the_model_as_it_was():
    model = defended(2)
    before = model._generator.get_state()
    first, second = (expected.share_right(model, X, Y, draws=5, seed=3) for _ in range(2))
    assert torch.equal(first, second) and torch.equal(model._generator.get_state(), before)
    assert not torch.equal(first, expected.share_right(model, X, Y, draws=5, seed=4))


def test_deterministic_and_frozen_models_are_asked_once():
    calls = []

    class Counting(Middle):
        def forward(self, x):
            calls.append(len(x))
            return super().forward(x)

    shares = expected.share_right(Counting().eval(), X, Y)
    assert calls == [20] and float(shares.mean()) == 1
    model = defended()
    with model.frozen(0):
        assert set(expected.share_right(model, X, Y).tolist()) <= {0.0, 1.0}


def test_cascade_spends_only_on_what_still_stands():
    seen = []

    def attack(rows):
        def run(x, y):
            seen.append(len(x))
            images = x.clone()
            images[:rows] = 0.0
            zero = torch.zeros(len(x))
            return Attacked(images, zero, zero, zero, 0.0, 0.0)

        return run

    chosen = expected.cascade(
        defended(), X, Y, {"cheap": attack(12), "dear": attack(3), "idle": attack(0), "last": attack(5)}
    )
    assert seen == [20, 8, 5, 5]
    assert chosen.names.count("cheap") == 12 and chosen.names.count("dear") == 3
    assert chosen.names.count("last") == 5 and "none" not in chosen.names
    assert np.allclose(chosen.images, 0)
    assert expected.cascade(defended(), 0 * X, Y, {"x": attack(1)}).names == ("none",) * 20


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(BadInput, match="at least one attack"):
        expected.strongest(defended(), {}, Y)


WAYS = {
    "share": lambda model, x, y, **more: expected.share_right(model, x, y, **more),
    "choice": lambda model, x, y, **more: expected.strongest(model, {"a": x}, y, **more),
    "cascade": lambda model, x, y, **more: expected.cascade(model, x, y, {}, **more),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", [Middle().eval(), defended()], ids=["plain", "random"])
def test_bad_labels_empty_batches_and_no_draws_are_refused(way, model):
    for wrong, words in (
        (lambda: WAYS[way](model, X, Y + 7), "labels run from 7 to 7: give 0 to 6"),
        (lambda: WAYS[way](model, X, Y - 1), "labels run from -1 to -1: give 0 to 6"),
        (lambda: WAYS[way](model, X, Y[:3]), "give 20 class numbers"),
        (lambda: WAYS[way](model, X, Y.float()), "give 20 class numbers"),
        (lambda: WAYS[way](model, X, Y.int()), r"give labels.long\(\)"),
        (lambda: WAYS[way](model, X, Y.tolist()), "torch.as_tensor"),
        (lambda: WAYS[way](model, X[:0], Y[:0]), "the batch is empty: give at least one picture"),
        (lambda: WAYS[way](model, X, Y, draws=0), "0 draws: give at least one"),
    ):
        with pytest.raises(BadInput, match=words):
            wrong()


def test_a_model_with_two_classes_has_its_own_last_label():
    two = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 2)).eval()
    assert expected.share_right(two, X, Y).shape == (20,)
    with pytest.raises(BadInput, match="give 0 to 1"):
        expected.share_right(two, X, Y + 2)
