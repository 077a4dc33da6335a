"""JPEG on grey crops: the codec that the defense runs, and a smooth stand-in through which gradients flow.

The real codec rounds, so its gradient is zero almost everywhere. An attacker who knows that keeps the real
codec forward and takes the gradient of a stand-in: backward pass differentiable approximation, BPDA.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from .augment import _DCT, _TABLE
from .errors import BadInput

GRADIENTS = ("soft", "identity", "none")


def real(x: Tensor, quality: Tensor) -> Tensor:
    """Encode and decode each image with OpenCV's JPEG codec (libjpeg); no gradient.

    Parameters
    ----------
    x : (B, 1, H, W) in [0, 1]; rounded to 8 bits first, as a stored picture is
    quality : (B,) int, 1 to 100

    Returns
    -------
    (B, 1, H, W) in [0, 1], multiples of 1/255

    Examples
    --------
    >>> real(torch.full((2, 1, 16, 16), 0.5), torch.tensor([20, 90])).shape
    torch.Size([2, 1, 16, 16])
    """
    _check(x, quality)
    images = (x.detach() * 255).round().clamp(0, 255).byte().cpu().numpy()[:, 0]  # (B, H, W)
    out = np.empty_like(images)
    for i, (image, q) in enumerate(zip(images, quality.tolist(), strict=True)):
        _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(q)])
        out[i] = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return torch.from_numpy(out).to(x.device, x.dtype).div(255).unsqueeze(1)


def soft(x: Tensor, quality: Tensor) -> Tensor:
    """Do what the codec does to a grey image, with a rounding that has a gradient.

    Blocks of 8x8 cosines are divided by the steps of their quality, rounded, and put back. Rounding is
    replaced by round(v) + (v - round(v))^3: what the codec rounds away passes little gradient, what is about
    to flip passes much. On crops of Mime this differs from `real` by less than one grey level on average.
    It follows libjpeg's tables and has no color to convert, which is why it is nearer to the real codec than
    a color codec fed with three equal channels, and ten times faster.

    Parameters
    ----------
    x : (B, 1, H, W) in [0, 1], H and W multiples of 8
    quality : (B,) int, 1 to 100

    Source: Shin and Song (2017), "JPEG-resistant adversarial images", NIPS workshop on machine learning and
    computer security.

    Examples
    --------
    >>> x = torch.rand(1, 1, 8, 8, requires_grad=True)
    >>> soft(x, torch.tensor([50])).sum().backward()
    >>> bool(x.grad.abs().sum() > 0)
    True
    """
    _check(x, quality)
    b, _, h, w = x.shape
    if h % 8 or w % 8:
        raise BadInput(f"jpeg: the image is {h} x {w}: give sides that are multiples of 8")
    basis, step = _DCT.to(x), steps(quality).to(x).view(b, 1, 1, 8, 8)
    blocks = (255 * x - 128).view(b, h // 8, 8, w // 8, 8).transpose(2, 3)  # (B, h, w, 8, 8)
    scaled = basis @ blocks @ basis.T / step
    rounded = scaled.round()
    coded = (rounded.detach() + (scaled - rounded.detach()) ** 3) * step
    back = (basis.T @ coded @ basis).transpose(2, 3).reshape(b, 1, h, w)
    return ((back + 128) / 255).clamp(0, 1)


def steps(quality: Tensor) -> Tensor:
    """Return the quantization steps of libjpeg for grey, (B, 8, 8), from the quality (B,).

    Examples
    --------
    >>> steps(torch.tensor([50, 100]))[:, 0, 0].tolist()  # quality 50 is the table of the standard
    [16.0, 1.0]
    """
    q = quality.view(-1, 1, 1).float()
    scale = torch.where(q < 50, (5000 / q).floor(), 200 - 2 * q)
    return ((_TABLE.to(q.device) * scale + 50) / 100).floor().clamp(1, 255)


def coded(x: Tensor, quality: Tensor, *, gradient: str = "soft") -> Tensor:
    """Run the real codec, with the gradient of a stand-in.

    Parameters
    ----------
    x : (B, 1, H, W) in [0, 1]
    quality : (B,) int, 1 to 100
    gradient : "soft" (that of `soft`), "identity" (as if the codec changed nothing), or "none", which is
        what an attacker meets who does not know of BPDA

    Source: Athalye, Carlini and Wagner (2018), "Obfuscated gradients give a false sense of security", ICML.

    Examples
    --------
    >>> x, q = torch.rand(1, 1, 8, 8), torch.tensor([50])
    >>> bool(torch.allclose(coded(x, q), real(x, q), atol=1e-6))
    True
    """
    if gradient not in GRADIENTS:
        raise BadInput(f"jpeg: gradient {gradient!r} is unknown: choose from {', '.join(GRADIENTS)}")
    out = real(x, quality)
    if gradient == "none" or not x.requires_grad:
        return out
    stand_in = soft(x, quality) if gradient == "soft" else x
    return stand_in + (out - stand_in).detach()


def _check(x: Tensor, quality: Tensor) -> None:
    if x.ndim != 4 or x.shape[1] != 1 or quality.shape != x.shape[:1]:
        shapes = f"{tuple(x.shape)} with qualities {tuple(quality.shape)}"
        raise BadInput(f"jpeg: got {shapes}: give grey images (B, 1, H, W) and one quality for each")
    if ((quality < 1) | (quality > 100)).any():
        raise BadInput("jpeg: qualities run from 1 to 100")
