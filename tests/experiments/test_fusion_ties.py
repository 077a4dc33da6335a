from __future__ import annotations

import numpy as np
import pytest

from fer_nb import fusion
from fer_nb.experiments import fusion_ties
from fer_nb.experiments.fusion_data import gather
from tests.fusion_toys import pooled_table


@pytest.fixture(scope="module")
def pooled():
    return gather(pooled_table())


def test_ties_are_counted_by_pair_of_classes(pooled):
    counts, shares = fusion_ties.ties(pooled)
    np.testing.assert_array_equal(counts, counts.T)
    assert np.diag(counts).sum() == 0 and counts.sum() > 0
    assert 0 < shares["all"] < shares["disagreeing"] < 1
    clips = len(pooled.pairs()) * len(pooled.truth)
    assert counts.sum() / 2 == pytest.approx(shares["all"] * clips)
    assert {"class order", "calibrated score", "better branch"} < set(shares)


def test_certain_and_flat_keep_the_rankings():
    p = np.random.default_rng(0).dirichlet(np.ones(7), (2, 50))
    sure, flat = fusion_ties.certain_and_flat(p)
    np.testing.assert_array_equal(fusion.ranks(sure), fusion.ranks(p[0]))
    np.testing.assert_array_equal(fusion.ranks(flat), fusion.ranks(p[1]))
    assert sure.max(-1).min() > 0.999 and np.ptp(flat) < 1e-6


def test_the_flat_branch_gets_its_way_only_beyond_the_closed_form(pooled):
    rows = fusion_ties.sweep(pooled, pooled.pairs()[0])
    assert {row["classes"] for row in rows} == set(fusion_ties.CLASSES)
    for row in rows:
        assert 0 <= row["accuracy"] <= 1 and 0 <= row["accuracy_calibrated"] <= 1
        earliest = fusion.overrules(row["classes"] - 1, 1, row["classes"])
        if row["lam"] < earliest - 1e-6:
            assert row["overruled"] == 0
    last = {row["classes"]: row["overruled"] for row in rows if row["lam"] == 1}
    assert last[2] == 0 and last[7] > 0
