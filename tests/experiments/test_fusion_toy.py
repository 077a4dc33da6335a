import numpy as np
import pytest
from scipy.special import softmax

from fer_nb import calibration
from fer_nb.experiments import fusion_toy


@pytest.mark.parametrize("accuracy", [0.7, 0.9])
def test_the_toy_has_its_accuracy_is_calibrated_and_its_branches_err_apart(accuracy):
    z, y = fusion_toy.toy(14_000, accuracy=accuracy)
    right = z.argmax(-1) == y
    np.testing.assert_allclose(right.mean(1), accuracy, atol=0.015)
    assert calibration.fit_temperature(z[0], y) == pytest.approx(1.0, abs=0.06)
    assert abs(np.corrcoef(right)[0, 1]) < 0.03


def test_a_temperature_changes_one_branch_and_no_first_choice():
    z, _ = fusion_toy.toy(70)
    hot = fusion_toy.tempered(z, 0, 0.1)
    np.testing.assert_array_equal(hot[1], z[1])
    np.testing.assert_allclose(hot[0], 10 * z[0])


def test_spread_is_one_scale_for_each_sample_and_branch():
    z, _ = fusion_toy.toy(70)
    ratio = fusion_toy.spread(z, 1.0) / z
    np.testing.assert_allclose(ratio, ratio[..., :1] * np.ones(7))
    assert 0.8 < np.log(ratio[..., 0]).std() < 1.2
    np.testing.assert_array_equal(fusion_toy.spread(z, 1.0), fusion_toy.spread(z, 1.0))


def test_the_toy_in_the_form_of_pooled_folds():
    pooled = fusion_toy.toy_pooled(140, folds=4)
    assert set(pooled.fold) == {0, 1, 2, 3} and pooled.pairs() == [("temporal-0", "spatial-0")]
    for person in np.unique(pooled.person):
        mine = pooled.person == person
        assert sorted(pooled.truth[mine]) == list(range(7)) and len(set(pooled.fold[mine])) == 1
    assert softmax(pooled.of(("temporal-0",)), axis=-1).shape == (1, 140, 7)
