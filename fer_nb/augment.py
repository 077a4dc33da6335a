"""Augmentation made for faces, on batches of grey crops (B, 1, 64, 64) in [0, 1].

Each step draws its strength for every image on its own (a blur for the whole batch), from torch's generator,
and keeps the range.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# Quantization of the luminance in baseline JPEG (Annex K of ITU-T T.81).
_TABLE = torch.tensor([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
]).view(8, 8).float()  # fmt: skip
_DCT = torch.tensor(
    [[math.sqrt((1 if k == 0 else 2) / 8) * math.cos((2 * n + 1) * k * math.pi / 16) for n in range(8)]
     for k in range(8)]
)  # fmt: skip


def _each(x: Tensor, low: float, high: float) -> Tensor:
    """One number per image, uniform in [low, high], shaped (B, 1, 1, 1)."""
    return torch.empty(len(x), 1, 1, 1).uniform_(low, high)


def _sometimes(x: Tensor, changed: Tensor, share: float) -> Tensor:
    """Take the changed version for a random share of the images."""
    return torch.where(torch.rand(len(x), 1, 1, 1) < share, changed, x)


def mirror(x: Tensor) -> Tensor:
    """Flip half of the images left to right."""
    return _sometimes(x, x.flip(-1), 0.5)


def move(x: Tensor, *, degrees: float = 8, scale: float = 0.1, shift: float = 0.06) -> Tensor:
    """Turn, resize and shift a little, as a sloppy alignment would; width and height on their own."""
    b = len(x)
    angle = torch.empty(b).uniform_(-degrees, degrees).deg2rad()
    sx, sy = (1 + torch.empty(b).uniform_(-scale, scale) for _ in range(2))
    tx, ty = (torch.empty(b).uniform_(-shift, shift) for _ in range(2))
    c, s = angle.cos(), angle.sin()
    matrix = torch.stack([torch.stack([c / sx, -s / sx, tx], -1), torch.stack([s / sy, c / sy, ty], -1)], 1)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def reshape(x: Tensor, *, pixels: float = 1.0, grid: int = 5) -> Tensor:
    """Bend the face smoothly by up to a few pixels: other proportions, as other people have them."""
    b, side = len(x), x.shape[-1]
    bend = torch.randn(b, 2, grid, grid) * (_each(x, 0, pixels) * 2 / side)
    field = F.interpolate(bend, size=side, mode="bicubic").permute(0, 2, 3, 1)  # (B, H, W, 2)
    straight = F.affine_grid(torch.eye(2, 3).expand(b, -1, -1), list(x.shape), align_corners=False)
    return F.grid_sample(x, straight + field, padding_mode="border", align_corners=False)


def repaint(x: Tensor, *, patches: float = 0.12, grain: float = 0.05) -> Tensor:
    """Darken and lighten parts of the skin: large soft patches, and spots of every smaller size."""
    b, side = len(x), x.shape[-1]
    paint = torch.zeros_like(x)
    for grid, strength in ((6, patches), (14, grain), (32, grain)):
        spots = F.interpolate(torch.randn(b, 1, grid, grid), size=side, mode="bicubic")
        paint = paint + spots * _each(x, 0, strength)
    return _sometimes(x, (x * paint.exp()).clamp(0, 1), 0.7)


def relight(x: Tensor) -> Tensor:
    """Change gamma, contrast and brightness, and light one side more than the other."""
    _, _, h, w = x.shape
    x = x.clamp(1e-3, 1) ** _each(x, -0.5, 0.5).exp()
    ramp_x, ramp_y = torch.linspace(-1, 1, w).view(1, 1, 1, w), torch.linspace(-1, 1, h).view(1, 1, h, 1)
    light = 1 + _each(x, -0.35, 0.35) * ramp_x + _each(x, -0.25, 0.25) * ramp_y
    x = x * light
    middle = x.mean((1, 2, 3), keepdim=True)
    return ((x - middle) * _each(x, 0.7, 1.3) + middle + _each(x, -0.15, 0.15)).clamp(0, 1)


def refilter(x: Tensor, *, size: int = 5, strength: float = 0.8) -> Tensor:
    """Filter each image with a small random kernel of its own: other textures, edges and sharpness.

    What survives is shape. The kernel is added to the image, so light stays light and dark stays dark.

    Source: Xu et al. (2021), "Robust and generalizable visual representation learning via random
    convolutions", ICLR.
    """
    b = len(x)
    kernels = torch.randn(b, 1, size, size) / size
    kernels = kernels - kernels.mean((2, 3), keepdim=True)  # no change where the image is flat
    padded = F.pad(x, (size // 2,) * 4, mode="replicate").transpose(0, 1)  # (1, B, H + 4, W + 4)
    detail = F.conv2d(padded, kernels, groups=b).transpose(0, 1)  # (B, 1, H, W)
    return _sometimes(x, (x + _each(x, 0, strength) * detail).clamp(0, 1), 0.6)


def blur(x: Tensor) -> Tensor:
    """Lose sharpness, as small or compressed faces do: shrink by up to 2 and enlarge again."""
    side = x.shape[-1]
    small = int(side / float(torch.empty(1).uniform_(1.0, 2.0)))
    rough = F.interpolate(x, size=small, mode="bilinear", antialias=True)
    return _sometimes(x, F.interpolate(rough, size=side, mode="bilinear"), 0.5)


def noise(x: Tensor) -> Tensor:
    """Add sensor noise of up to 3 % of the range."""
    return (x + torch.randn_like(x) * _each(x, 0, 0.03)).clamp(0, 1)


def jpeg(x: Tensor) -> Tensor:
    """Quantize 8x8 blocks of cosines as JPEG does, at quality 20 to 80 (half of the images)."""
    b, _, h, w = x.shape
    blocks = (255 * x - 128).view(b, h // 8, 8, w // 8, 8).transpose(2, 3)  # (B, h, w, 8, 8)
    quality = torch.empty(b, 1, 1, 1, 1).uniform_(20, 80)
    step = _TABLE * torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    coded = (_DCT @ blocks @ _DCT.T / step).round() * step
    back = (_DCT.T @ coded @ _DCT).transpose(2, 3).reshape(b, 1, h, w)
    return _sometimes(x, ((back + 128) / 255).clamp(0, 1), 0.5)


def erase(x: Tensor, *, largest: float = 0.3) -> Tensor:
    """Paint a random box in a random gray over a third of the images."""
    h, w = x.shape[-2:]
    rows, columns = torch.arange(h).view(1, 1, h, 1) / h, torch.arange(w).view(1, 1, 1, w) / w
    cy, cx = _each(x, 0, 1), _each(x, 0, 1)
    half_y, half_x = _each(x, 0.04, largest / 2), _each(x, 0.04, largest / 2)
    box = ((rows - cy).abs() < half_y) & ((columns - cx).abs() < half_x)  # (B, 1, H, W)
    return _sometimes(x, torch.where(box, _each(x, 0, 1).expand_as(x), x), 0.33)


def augment(x: Tensor) -> Tensor:
    """Apply every step in the order in which the world would: pose, light, optics, sensor, file.

    Examples
    --------
    >>> out = augment(torch.rand(3, 1, 64, 64))
    >>> out.shape, bool((out >= 0).all() and (out <= 1).all())
    (torch.Size([3, 1, 64, 64]), True)
    """
    for step in (mirror, reshape, move, repaint, relight, refilter, blur, noise, jpeg, erase):
        x = step(x)
    return x
