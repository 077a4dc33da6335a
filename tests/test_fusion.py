import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_nb import fusion
from fer_nb.errors import BadInput


def two_branches(seed: int = 0, n: int = 200, classes: int = 7) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(classes), (2, n))


def test_mean_of_two_is_between_them_and_sums_to_one():
    a, b = two_branches(n=5)
    fused = fusion.mean(a, b)
    assert ((fused >= np.minimum(a, b)) & (fused <= np.maximum(a, b))).all()
    np.testing.assert_allclose(fused.sum(1), 1)
    np.testing.assert_allclose(fused, fusion.mean(b, a))


def test_a_silent_branch_leaves_the_other_alone():
    p = np.array([0.3, 0.7])
    np.testing.assert_array_equal(fusion.mean(p, None), p)
    np.testing.assert_array_equal(fusion.mean(None, p), p)


def test_nothing_to_fuse_shapes_that_differ_and_logits():
    with pytest.raises(BadInput, match="neither branch"):
        fusion.mean(None, None)
    with pytest.raises(BadInput, match="differ"):
        fusion.mean(np.ones(7) / 7, np.ones(6) / 6)
    with pytest.raises(BadInput, match="softmax"):
        fusion.mean(np.array([3.0, -1.0]), np.array([0.5, 0.5]))
    with pytest.raises(BadInput, match="softmax"):
        fusion.opinions(np.array([np.nan, 0.5]))


@pytest.mark.parametrize("name", fusion.RULES)
def test_every_rule_keeps_a_unanimous_answer(name):
    p = two_branches()
    p[1] = p[0]
    np.testing.assert_array_equal(fusion.decide(fusion.RULES[name](p), tie=p[0]), p[0].argmax(-1))


@pytest.mark.parametrize("name", fusion.RULES)
def test_no_rule_depends_on_the_order_of_branches_or_classes(name):
    p, rule = two_branches(), fusion.RULES[name]
    np.testing.assert_allclose(rule(p), rule(p[::-1]))
    order = np.random.default_rng(3).permutation(7)
    np.testing.assert_allclose(rule(p)[:, order], rule(p[..., order]))


@pytest.mark.parametrize("name", fusion.RULES)
def test_one_example_and_many_agree(name):
    p, rule = two_branches(n=4), fusion.RULES[name]
    np.testing.assert_allclose(rule(p)[2], rule(p[:, 2]))


def test_ranks_count_the_classes_above():
    p = two_branches(n=20)[0]  # no ties
    above = (p[:, None, :] > p[:, :, None]).sum(-1)
    np.testing.assert_array_equal(fusion.ranks(p), above + 1)


def test_rank_rules_do_not_see_how_sure_a_branch_is():
    p = two_branches()
    sharp = p.copy()
    sharp[0] = p[0] ** 5 / (p[0] ** 5).sum(-1, keepdims=True)
    for rule in (fusion.borda, fusion.highest_rank):
        np.testing.assert_allclose(rule(sharp), rule(p))
    assert not np.allclose(fusion.weighted_sum(sharp), fusion.weighted_sum(p))


def test_standardized_logits_do_not_see_an_affine_distortion():
    z = np.log(two_branches())
    np.testing.assert_allclose(fusion.standardized(z), fusion.standardized(np.stack([9 * z[0] - 4, z[1]])))


def test_the_mix_runs_from_sum_to_borda_and_is_a_distribution_when_divided():
    p = two_branches()
    np.testing.assert_allclose(fusion.mix(p, 0.0), fusion.weighted_sum(p))
    np.testing.assert_allclose(fusion.mix(p, 1.0), fusion.borda(p))
    np.testing.assert_allclose(fusion.mix(p, 0.3).sum(-1), 0.3 * 3.5 + 0.7)  # C / 2 from ranks


def test_discounting_runs_from_sum_to_a_vote_weighted_by_confidence():
    p = two_branches()
    np.testing.assert_allclose(fusion.discounted(p, 1.0), fusion.weighted_sum(p))
    confident = np.where(p == p.max(-1, keepdims=True), p, 0).mean(0)
    np.testing.assert_allclose(fusion.discounted(p, 1e-6), confident, atol=1e-5)


def test_the_shortlist_never_elects_a_class_that_nobody_wants():
    p = two_branches(n=2000)
    won = fusion.shortlist(p, keep=1).argmax(-1)
    first = p.argmax(-1)
    assert ((won == first[0]) | (won == first[1])).all()


@given(st.integers(2, 9), st.data())
def test_the_closed_form_says_when_ranks_overrule_certainty(classes, data):
    h = data.draw(st.integers(1, classes - 1))
    g = data.draw(st.integers(1, classes - 1))
    threshold = fusion.overrules(g, h, classes)
    a, b = 0, 1
    # The certain branch: a first, b h places below. The flat one: b g places above a, scores all but equal.
    flat = np.zeros(classes)
    certain_rank, flat_rank = [None] * classes, [None] * classes
    certain_rank[0], certain_rank[h] = a, b
    flat_rank[0], flat_rank[g] = b, a
    others = list(range(2, classes))
    sure = np.zeros(classes)
    for order, scores, size in ((certain_rank, sure, 1e-9), (flat_rank, flat, 1e-9)):
        rest = iter(others)
        for place in range(classes):
            scores[next(rest) if order[place] is None else order[place]] = (classes - place) * size
    sure[a] = 1.0
    flat += 1 / classes
    p = np.stack([sure / sure.sum(), flat / flat.sum()])
    for lam in (threshold - 0.01, threshold + 0.01):
        if 0 <= lam <= 1:
            mixed = fusion.mix(p, lam)
            assert (mixed[b] > mixed[a]) == (lam > threshold)
    if np.isinf(threshold):
        assert fusion.mix(p, 0.99)[a] >= fusion.mix(p, 0.99)[b]


def test_ties_go_to_the_tie_breaker_then_to_the_better_branch():
    scores = np.array([[0.5, 0.5, 0.0]] * 2)
    assert fusion.decide(scores, tie=np.array([[0.2, 0.3, 0.5]] * 2)).tolist() == [1, 1]
    even = np.array([[0.4, 0.4, 0.2]] * 2)
    better = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7]])
    assert fusion.decide(scores, tie=even, better=better).tolist() == [1, 0]


def test_two_voters_tie_only_where_they_disagree():
    p = two_branches(n=5000)
    scores = fusion.borda(p)
    tied = (np.isclose(scores, scores.max(-1, keepdims=True))).sum(-1) > 1
    agree = p[0].argmax(-1) == p[1].argmax(-1)
    assert tied.any() and not (tied & agree).any()


@pytest.mark.parametrize(
    "call",
    [
        lambda p: fusion.mix(p, 1.5),
        lambda p: fusion.discounted(p, 0.0),
        lambda p: fusion.weighted_sum(p, [1.0]),
        lambda p: fusion.weighted_sum(p, [-1.0, 2.0]),
        lambda p: fusion.weighted_sum(p, [0.0, 0.0]),
    ],
)
def test_settings_that_mean_nothing_are_refused(call):
    with pytest.raises(BadInput, match="give"):
        call(two_branches())


def test_absent_classes_are_masked_before_ranking():
    p = np.array([0.5, 0.3, 0.15, 0.05])
    kept = fusion.among(p, (0, 2))
    np.testing.assert_allclose(kept, [0.5 / 0.65, 0.15 / 0.65])
    assert fusion.sorting_scores(kept).tolist() == [1.0, 0.0]  # and not 1 and 1/3


def test_a_row_without_any_possible_class_is_left_undecided():
    np.testing.assert_allclose(fusion.among(np.array([1.0, 0.0, 0.0]), (1, 2)), [0.5, 0.5])
