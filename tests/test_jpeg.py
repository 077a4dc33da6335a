from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fer_nb import jpeg
from fer_nb.errors import BadInput


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    """Smooth images with an edge and a little noise, (6, 1, 64, 64), multiples of 1/255."""
    torch.manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(6, 1, 5, 5), 64, mode="bicubic")
    x[:, :, 20:40, 10:30] *= 0.5
    return ((x + 0.02 * torch.randn_like(x)).clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("quality", [10, 40, 75, 95])
def test_soft_codec_is_within_two_grey_levels_of_the_real_one_and_nearer_than_kornias(faces, quality):
    from kornia.enhance import jpeg_codec_differentiable

    q = torch.full((6,), quality)
    truth = jpeg.real(faces, q)
    ours = 255 * (jpeg.soft(faces, q) - truth).abs().mean()
    other = jpeg_codec_differentiable(faces.expand(-1, 3, -1, -1), q.float())[:, :1]
    assert ours < 2 and ours < 255 * (other - truth).abs().mean()
    assert 255 * (faces - truth).abs().mean() > ours  # the codec does change the image


def test_real_codec_is_opencvs_image_by_image(faces):
    q = torch.tensor([5, 20, 40, 60, 80, 100])
    out = (jpeg.real(faces, q) * 255).round().byte().numpy()
    for image, result, quality in zip(faces, out, q.tolist(), strict=True):
        grey = (image[0] * 255).byte().numpy()
        _, coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
        np.testing.assert_array_equal(result[0], cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))


def test_steps_are_those_that_libjpeg_writes_into_the_file():
    from PIL import Image  # PIL reads the tables back out of the file

    for quality in (1, 30, 50, 77, 100):
        _, coded = cv2.imencode(".jpg", np.zeros((8, 8), np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
        import io

        table = Image.open(io.BytesIO(coded.tobytes())).quantization[0]
        assert jpeg.steps(torch.tensor([quality])).flatten().int().tolist() == list(table)


def test_gradients_of_the_stand_ins(faces):
    q, weights = torch.full((6,), 40), torch.randn(6, 1, 64, 64)
    grads = {}
    for name in jpeg.GRADIENTS:
        x = faces.clone().requires_grad_()
        out = jpeg.coded(x, q, gradient=name)
        torch.testing.assert_close(out, jpeg.real(faces, q), atol=1e-6, rtol=0)
        if name == "none":
            assert not out.requires_grad
            continue
        (grads[name],) = torch.autograd.grad((out * weights).sum(), x)
    torch.testing.assert_close(grads["identity"], weights)
    x = faces.clone().requires_grad_()
    (expected,) = torch.autograd.grad((jpeg.soft(x, q) * weights).sum(), x)
    torch.testing.assert_close(grads["soft"], expected)


def test_soft_gradient_is_right_between_the_jumps():
    x = torch.rand(1, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 0.4 + 0.3
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: jpeg.soft(v, torch.tensor([60])), x, eps=1e-7, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "quality", "text"),
    [
        ((2, 3, 8, 8), [50, 50], "grey"),
        ((2, 1, 8, 8), [50], "one quality for each"),
        ((1, 1, 8, 8), [0], "1 to 100"),
        ((1, 1, 9, 8), [50], "multiples of 8"),
    ],
)
def test_bad_input_is_named(shape, quality, text):
    with pytest.raises(BadInput, match=text):
        jpeg.soft(torch.rand(shape), torch.tensor(quality))
    with pytest.raises(BadInput, match="choose from"):
        jpeg.coded(torch.rand(1, 1, 8, 8), torch.tensor([50]), gradient="straight")
