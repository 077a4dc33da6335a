import numpy as np
import pytest
import torch

from fer_nb import checkpoints, joint, spatial, temporal
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS, index
from fer_nb.preprocess import FEATURES
from tests.faces import sequence


@pytest.fixture
def branches() -> tuple[temporal.TemporalNet, spatial.SpatialNet]:
    torch.manual_seed(0)
    return temporal.TemporalNet(hidden=8).eval(), spatial.SpatialNet(
        growth=4, stem=4, layers=(1, 1, 1)
    ).eval()


def test_before_training_the_joint_logits_are_those_of_the_branches_added(branches):
    motion, still = torch.randn(3, 24, FEATURES) / 50, torch.rand(3, 1, 64, 64)
    net = joint.JointNet(*branches).eval()
    with torch.no_grad():
        expected = branches[0](motion) + branches[1](still)
        np.testing.assert_allclose(net(motion, still).numpy(), expected.numpy(), atol=1e-5)


def test_training_the_joint_net_leaves_the_branches_alone_and_moves_both_trunks(branches):
    net = joint.JointNet(*branches).train()
    before = [p.clone() for branch in branches for p in branch.parameters()]
    motion, still = torch.randn(4, 24, FEATURES) / 50, torch.rand(4, 1, 64, 64)
    joint.loss(net, motion, still, torch.arange(4)).backward()
    assert net.motion.enter[0].weight.grad.abs().sum() > 0
    assert net.still.body[0].weight.grad.abs().sum() > 0
    after = [p for branch in branches for p in branch.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_features_hold_both_trunks(branches):
    net = joint.JointNet(*branches)
    size = net.features(torch.zeros(2, 24, FEATURES), torch.rand(2, 1, 64, 64)).shape
    assert size == (2, net.head.in_features)


def test_an_example_shows_the_same_in_motion_and_still():
    """A clip that brightens as it rises: its still is bright when the motion is expressive, else dark."""
    face, rng = sequence("happiness", frames=12, amount=9.0), np.random.default_rng(0)
    bright = {True: [], False: []}
    for _ in range(60):
        x, crop, label = joint.sample(face, rng)
        assert x.shape == (24, FEATURES) and crop.shape == (64, 64) and crop.dtype == np.uint8
        assert label in (0, index("happiness"))
        bright[label != 0].append(crop.max())
    assert np.mean(bright[True]) > np.mean(bright[False]) + 30


def test_batches_draw_every_clip_and_repeat_themselves_for_a_seed():
    clips = [sequence(label, frames=6, amount=2.0 + k) for k, label in enumerate(LABELS)]

    def epoch():
        torch.manual_seed(0)
        return list(joint.batches(clips, np.random.default_rng(1), size=4, repeats=2))

    first, again = epoch(), epoch()
    assert sum(len(labels) for _, _, labels in first) == 14
    assert first[0][1].shape == (4, 1, 64, 64) and first[0][1].min() >= 0 and first[0][1].max() <= 1
    for a, b in zip(first, again, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_logits_of_clips_do_not_depend_on_the_size_of_a_batch(branches):
    net = joint.JointNet(*branches)
    given = joint.clip_inputs([sequence(frames=5, amount=a) for a in (1.0, 4.0, 8.0)])
    torch.testing.assert_close(joint.logits(net, *given, size=1), joint.logits(net, *given))
    assert joint.logits(net, given[0][:0], given[1][:0]).shape[-1] == 7


def test_the_shipped_joint_model_reads_its_card_and_refuses_the_weights_of_another():
    net = joint.load()
    assert not net.training and checkpoints.read_card("joint").architecture["class"] == "JointNet"
    given = joint.clip_inputs([sequence(frames=5), sequence(frames=9)])
    assert joint.logits(net, *given).shape == (2, len(LABELS))
    with pytest.raises(BadInput, match="not a JointNet"):
        joint.load("spatial")
