import numpy as np
import pytest
from scipy.special import softmax

from fer_nb import fusion, fusion_fit
from fer_nb.errors import BadInput

RULES = fusion_fit.RULES


def toys(n: int = 600, *, seed: int = 0, strength: tuple[float, float] = (2.4, 2.4)):
    """Calibrated logits (2, N, 7) of two branches with independent errors, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 7, n)
    z = [a * (a * np.eye(7)[y] + rng.normal(size=(n, 7))) for a in strength]
    return np.stack(z), y


def right(answer, y):
    return float((answer == y).mean())


def test_temperatures_undo_a_false_scale():
    z, y = toys(2000)
    z[0] *= 8
    hot, cool = fusion_fit.temperatures(z, y)
    assert hot == pytest.approx(8, rel=0.15) and cool == pytest.approx(1, rel=0.15)
    p = fusion_fit.calibrated(z, (hot, cool))
    np.testing.assert_allclose(p.sum(-1), 1)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_beats_each_branch_where_errors_are_independent(name):
    (z, y), (new, truth) = toys(seed=1), toys(seed=2)
    scores = RULES[name].fit(z, y)(new)
    assert scores.shape == (600, 7) and np.isfinite(scores).all()
    said = fusion_fit.answers(z, y, new, rules=[name])[name]
    assert right(said, truth) > max(right(branch.argmax(-1), truth) for branch in new)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.learns])
def test_rules_that_learn_nothing_do_not_look_at_labels(name):
    (z, y), (new, _) = toys(100, seed=3), toys(100, seed=4)
    rule = RULES[name]
    np.testing.assert_array_equal(rule.fit(z, y)(new), rule.fit(z, (y + 1) % 7)(new))


def test_calibration_repairs_what_a_false_scale_does_to_the_sum():
    (z, y), (new, truth) = toys(1000, seed=5, strength=(1.4, 2.6)), toys(2000, seed=6, strength=(1.4, 2.6))
    z[0] *= 20
    new[0] *= 20
    said = fusion_fit.answers(z, y, new, rules=["sum", "Borda", "calibrated product"])
    assert right(said["sum"], truth) < right(said["Borda"], truth) < right(said["calibrated product"], truth)


def test_a_fitted_weight_ignores_a_branch_that_guesses():
    z, y = toys(400)
    z[1] = np.random.default_rng(0).normal(size=z[1].shape)
    scorer = fusion_fit.fit_weighted_sum(z, y)
    agree = scorer(z).argmax(-1) == z[0].argmax(-1)
    assert agree.mean() > 0.95


def test_fitted_lambda_is_the_best_of_the_grid():
    z, y = toys(300, seed=7)
    p, tie = softmax(z, axis=-1), fusion.product(fusion_fit.calibrated(z, fusion_fit.temperatures(z, y)))
    tried = [right(fusion.decide(fusion.mix(p, lam), tie=tie), y) for lam in fusion_fit.GRID]
    assert right(fusion.decide(fusion_fit.fit_mix(z, y)(z), tie=tie), y) == max(tried)


def test_choose_prefers_right_answers_and_then_the_likelier():
    y, tie = np.array([0, 1]), np.full((2, 2), 0.5)
    wrong, weak, strong = (
        np.array(s) for s in ([[0.1, 0.9]] * 2, [[0.6, 0.4], [0.4, 0.6]], [[0.9, 0.1], [0.1, 0.9]])
    )
    assert fusion_fit.choose([wrong, weak, strong], y, tie) == 2
    assert fusion_fit.choose([weak, wrong], y, tie) == 0


def test_stacking_equals_scikit_learn_and_never_elects_a_class_it_has_not_seen():
    z, y = toys(200, seed=8)
    keep = y != 3
    scores = fusion_fit.fit_stacking(z[:, keep], y[keep])(z)
    assert (scores.argmax(-1) != 3).all()
    single = fusion_fit.fit_stacking(z[:, y == 2], y[y == 2])(z)
    assert (single.argmax(-1) == 2).all()


def test_rank_posterior_counts_ranks():
    """A branch that always puts the true class second: the posterior learns to take the second."""
    y = np.arange(70) % 7
    z = np.stack([np.eye(7)[y] + 2 * np.eye(7)[(y + 1) % 7]] * 2)
    scores = fusion_fit.fit_rank_posterior(z, y)(z)
    assert (z.argmax(-1) != y).all() and (scores.argmax(-1) == y).all()


def test_ties_in_answers_go_by_calibrated_score_not_by_class_order():
    z, y = toys(300, seed=9)
    new = np.zeros((2, 1, 7))
    new[0, 0, [5, 2]] = [3.0, 1.0]
    new[1, 0, [2, 5]] = [9.0, 8.0]  # Borda ties 2 and 5; together they prefer 5 or 2 by score
    tie = fusion.product(fusion_fit.calibrated(new, fusion_fit.temperatures(z, y)))[0]
    said = fusion_fit.answers(z, y, new, rules=["Borda"])["Borda"][0]
    assert said == (5 if tie[5] > tie[2] else 2)


@pytest.mark.parametrize(
    ("z", "y"),
    [
        (np.zeros((2, 0, 7)), np.zeros(0, int)),
        (np.zeros((2, 3, 7)), np.zeros(2, int)),
        (np.full((2, 3, 7), np.nan), np.zeros(3, int)),
        (np.zeros((2, 3, 7)), np.array([0, 1, 7])),
        (np.zeros((3, 7)), np.zeros(3, int)),
    ],
)
def test_input_that_does_not_fit_is_refused(z, y):
    with pytest.raises(BadInput, match="fusion"):
        fusion_fit.answers(z, y, np.zeros((2, 1, 7)))
