import numpy as np
import pytest

from fer_nb import fusion
from fer_nb.errors import BadInput


def test_mean_of_two_is_between_them_and_sums_to_one():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(7), 5), rng.dirichlet(np.ones(7), 5)
    fused = fusion.mean(a, b)
    assert ((fused >= np.minimum(a, b)) & (fused <= np.maximum(a, b))).all()
    np.testing.assert_allclose(fused.sum(1), 1)
    np.testing.assert_allclose(fused, fusion.mean(b, a))


def test_a_silent_branch_leaves_the_other_alone():
    p = np.array([0.3, 0.7])
    np.testing.assert_array_equal(fusion.mean(p, None), p)
    np.testing.assert_array_equal(fusion.mean(None, p), p)


def test_nothing_to_fuse_and_shapes_that_differ():
    with pytest.raises(BadInput, match="neither branch"):
        fusion.mean(None, None)
    with pytest.raises(BadInput, match="differ"):
        fusion.mean(np.ones(7), np.ones(6))
