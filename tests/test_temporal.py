import numpy as np
import pytest
import torch

from fer_nb import features, temporal
from fer_nb.errors import BadInput
from fer_nb.labels import index
from fer_nb.preprocess import FEATURES
from tests.faces import sequence

CORNER = features.NAMES.index("lip_corner_up_right")


def test_logits_for_any_length():
    net = temporal.TemporalNet().eval()
    for steps in (2, 24, 60):
        assert net(torch.randn(3, steps, FEATURES)).shape == (3, 7)


def test_scaling_lives_inside_the_model():
    net = temporal.TemporalNet().eval()
    x = 0.01 * torch.randn(2, 24, FEATURES)
    before = net(x)
    net.scale.mul_(10)
    assert torch.allclose(net(10 * x), before, atol=1e-6)
    temporal.fit_scale(net, [sequence()])
    assert net.scale[CORNER] > 0.01 and net.scale[-1] == 10 and "scale" in net.state_dict()


def test_a_committee_answers_with_the_mean_probability_of_its_members():
    committee = temporal.Committee(members=3).eval()
    x = torch.randn(4, 24, FEATURES)
    each = torch.stack([member(x).softmax(-1) for member in committee.members])
    torch.testing.assert_close(committee(x).softmax(-1), each.mean(0))
    assert each.std(0).max() > 1e-3  # members differ


def test_wrong_width_is_a_one_line_error():
    with pytest.raises(BadInput, match=r"\(2, 24, 5\)"):
        temporal.TemporalNet()(torch.zeros(2, 24, 5))


def test_mirror_is_its_own_inverse():
    x = torch.randn(2, 24, FEATURES)
    assert torch.equal(temporal.mirror(temporal.mirror(x)), x)
    assert not torch.equal(temporal.mirror(x), x)


def test_samples_cover_expression_neutral_and_the_wrong_way_round():
    seen, rng = sequence("happiness", amount=8), np.random.default_rng(0)
    drawn = [temporal.sample(seen, rng) for _ in range(400)]
    labels = [y for _, y in drawn]
    assert set(labels) == {index("neutral"), index("happiness")}
    assert 0.6 < np.mean([y == index("happiness") for y in labels]) < 0.9
    assert all(x.shape == (24, FEATURES) and np.isfinite(x).all() for x, _ in drawn)
    up = [x[:, CORNER].max() for x, y in drawn if y == index("happiness")]
    still = [x[:, CORNER].max() for x, y in drawn if y == index("neutral")]
    assert np.median(up) > 3 * np.median(still)
    assert min(x[:, CORNER].min() for x, y in drawn if y == index("neutral")) < -0.03  # reversed pairs


def test_samples_of_neutral_clips_are_neutral():
    rng = np.random.default_rng(0)
    assert {temporal.sample(sequence("neutral", amount=1), rng)[1] for _ in range(50)} == {0}


def test_an_epoch_is_the_same_for_the_same_generator():
    clips = [sequence("happiness"), sequence("fear")]
    one, two = (list(temporal.batches(clips, np.random.default_rng(3), size=3)) for _ in range(2))
    assert [len(y) for _, y in one] == [3, 1]
    assert all(torch.equal(a, b) and torch.equal(y, z) for (a, y), (b, z) in zip(one, two, strict=True))
