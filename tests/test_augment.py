import pytest
import torch

from fer_nb import augment

STEPS = (
    augment.mirror,
    augment.reshape,
    augment.move,
    augment.repaint,
    augment.relight,
    augment.refilter,
    augment.blur,
    augment.noise,
    augment.jpeg,
    augment.erase,
)


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.__name__)
def test_each_step_changes_something_and_keeps_shape_and_range(step):
    x = torch.rand(16, 1, 64, 64)
    before = x.clone()
    y = step(x)
    assert y.shape == x.shape and y.min() >= 0 and y.max() <= 1
    assert not torch.equal(y, before) and torch.equal(x, before)


def test_strengths_differ_between_images_and_follow_the_seed():
    x = torch.rand(1, 1, 64, 64).expand(8, -1, -1, -1).contiguous()
    torch.manual_seed(1)
    one = augment.augment(x)
    torch.manual_seed(1)
    assert torch.equal(augment.augment(x), one)
    assert not torch.equal(one[0], one[1])


def test_the_cosines_are_orthonormal():
    assert torch.allclose(augment._DCT @ augment._DCT.T, torch.eye(8), atol=1e-6)


def test_jpeg_of_a_flat_image_changes_little():
    x = torch.full((8, 1, 64, 64), 0.5)
    assert (augment.jpeg(x) - x).abs().max() < 0.03


def test_a_small_move_keeps_a_smooth_image_close():
    ramp = torch.linspace(0.2, 0.8, 64).view(1, 1, 1, 64).expand(4, 1, 64, 64)
    assert (augment.move(ramp) - ramp).abs().mean() < 0.06


def test_refiltering_leaves_a_flat_image_alone():
    flat = torch.full((8, 1, 64, 64), 0.4)
    assert torch.allclose(augment.refilter(flat), flat, atol=1e-6)


def test_refiltering_changes_edges_but_not_which_side_is_lighter():
    torch.manual_seed(0)
    step = torch.zeros(32, 1, 64, 64)
    step[..., 32:] = 1.0
    out = augment.refilter(0.3 + 0.4 * step)
    assert (out - (0.3 + 0.4 * step)).abs().max() > 0.01
    assert (out[..., 40:].mean((1, 2, 3)) > out[..., :24].mean((1, 2, 3))).all()
