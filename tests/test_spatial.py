from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fer_nb import spatial
from fer_nb.errors import BadInput
from tests.faces import sequence


def test_normalization_removes_light_and_contrast():
    torch.manual_seed(0)
    face = F.interpolate(torch.rand(1, 1, 16, 16), size=64, mode="bicubic").clamp(0.2, 0.8)
    even = spatial.Normalize(floor=0.0)
    darker, brighter = even(0.5 * face), even(0.5 * face + 0.3)
    assert torch.allclose(darker, even(face), atol=1e-3)
    assert torch.allclose(brighter, even(face), atol=1e-3)


def test_normalization_of_a_flat_crop_is_zero_and_has_a_gradient():
    x = torch.full((1, 1, 64, 64), 0.5, requires_grad=True)
    out = spatial.Normalize()(x)
    assert out.abs().max() < 1e-5
    out.sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()


def test_a_pixel_can_be_attacked():
    net, x = spatial.SpatialNet().eval(), torch.rand(2, 1, 64, 64, requires_grad=True)
    F.cross_entropy(net(x), torch.tensor([1, 2])).backward()
    assert (x.grad != 0).float().mean() > 0.9


def test_dense_layers_keep_what_they_were_given():
    layer, x = spatial.DenseLayer(8, 4), torch.rand(1, 8, 5, 5)
    out = layer(x)
    assert out.shape == (1, 12, 5, 5) and torch.equal(out[:, :8], x)


def test_answers_do_not_depend_on_the_batch():
    net, x = spatial.SpatialNet().eval(), torch.rand(4, 1, 64, 64)
    assert torch.allclose(net(x)[1], net(x[1:2])[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (1, 1, 48, 48), (64, 64)])
def test_wrong_shapes_are_one_line_errors(shape):
    with pytest.raises(BadInput, match="give"):
        spatial.SpatialNet()(torch.zeros(shape))


def test_stills_split_a_clip_into_peak_and_quiet():
    peaks, quiet = spatial.stills(sequence("fear"))
    assert peaks.min() > quiet.max() and 0 in quiet and 11 in peaks
    peaks, quiet = spatial.stills(sequence("neutral"))
    assert len(peaks) == len(quiet) == 12


def test_inputs_are_in_zero_to_one():
    x = spatial.to_input(np.array([[[0, 255]]], np.uint8))
    assert x.flatten().tolist() == [0, 1]
    assert spatial.clip_input(sequence()).shape == (1, 1, 64, 64)


def taught(label, units=22):
    return replace(sequence(label), units=np.linspace(0, 1.2, 12)[:, None] * np.ones((1, units), np.float32))


def test_an_epoch_names_peaks_and_quiet_stills_and_leaves_the_rest_unsure():
    clips = [taught("fear"), taught("anger")] * 30
    drawn = list(spatial.batches(clips, np.random.default_rng(0), size=16, repeats=2))
    x, labels, units = (torch.cat(parts) for parts in zip(*drawn, strict=True))
    assert x.shape == (120, 1, 64, 64) and units.shape == (120, 22)
    assert set(labels.tolist()) == {spatial._UNSURE, 0, 1, 3}
    assert units[labels > 0].min() > units[labels == 0].max() and (labels == 0).sum() > 5


def test_stills_without_true_units_cannot_teach():
    with pytest.raises(BadInput, match="true action units"):
        list(spatial.batches([sequence("fear")], np.random.default_rng(0)))


def test_both_tasks_teach_and_unsure_stills_teach_units_only():
    net, x = spatial.SpatialNet(), torch.rand(4, 1, 64, 64)
    spatial.loss(net, x, torch.tensor([0, 1, 2, -100]), torch.rand(4, 22)).backward()
    assert net.head[-1].weight.grad.abs().sum() > 0 and net.units[-1].weight.grad.abs().sum() > 0


def test_a_face_and_its_mirror_image_are_read_alike():
    torch.manual_seed(0)
    net, x = spatial.SpatialNet().eval(), torch.rand(2, 1, 64, 64)
    assert torch.allclose(net(x), net(x.flip(-1)), atol=1e-5)
    assert not torch.allclose(net.head(net.maps(x)), net(x), atol=1e-5)
