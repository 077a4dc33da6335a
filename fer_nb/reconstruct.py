"""Reconstruction: fresh decoders that turn released features back into a face, and how near they come.

An attacker who owns faces of other people can run them through a released encoder, and learn the way back.
Similarity is SSIM inside the face oval. What counts is how far it lies above a *conditional floor*: a
decoder that knows expression, pose and light, and nothing else of the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .crops import OVAL, SIZE, in_crop, upright
from .errors import BadInput

SIZES = {"small": 8, "medium": 16, "large": 32}  # channels of a decoder
WINDOW, SIGMA = 11, 1.5  # of SSIM, pixels
LEAST_ABOVE, LEAST_CHANCE = 0.10, 10.0  # below, the plain attack is too weak for a ratio


# ---------------------------------------------------------------- faces and how alike they are


def oval(points: np.ndarray) -> np.ndarray:
    """Return where a crop shows the face, (64, 64) bool, from the landmarks that it was cut by.

    Parameters
    ----------
    points : (478, 3) array, pixels of the image

    Examples
    --------
    >>> face = np.random.default_rng(0).uniform(20, 70, (478, 3))
    >>> oval(face).shape
    (64, 64)
    """
    outline = in_crop(points, upright(points))[list(OVAL)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    return cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1).astype(bool)


def pose(points: np.ndarray) -> np.ndarray:
    """Return pitch, yaw and roll of a face in radians, (3,), from its eye line and its midline.

    Parameters
    ----------
    points : (478, 3) array, pixels

    Examples
    --------
    >>> face = np.zeros((478, 3))
    >>> face[263, 0] = face[152, 1] = 1.0
    >>> pose(face).tolist()
    [0.0, 0.0, 0.0]
    """
    p = np.asarray(points, float)
    across, down = p[263] - p[33], p[152] - p[10]
    return np.array([
        np.arctan2(down[2], down[1]), np.arctan2(across[2], across[0]), np.arctan2(across[1], across[0]),
    ])  # fmt: skip


def shrink(x: Tensor, side: int) -> Tensor:
    """Bring pictures (N, 1, 64, 64) to a smaller side by averaging whole pixels.

    Raises
    ------
    BadInput
        If the side does not divide that of the pictures.

    Examples
    --------
    >>> shrink(torch.rand(2, 1, 64, 64), 32).shape
    torch.Size([2, 1, 32, 32])
    """
    if side < 1 or x.shape[-1] % side:
        raise BadInput(f"pictures of {x.shape[-1]} pixels cannot be averaged to {side}: give a divisor")
    return F.avg_pool2d(x, x.shape[-1] // side) if x.shape[-1] != side else x


def similarity(a: Tensor, b: Tensor, ovals: Tensor) -> np.ndarray:
    """Mean structural similarity inside the face oval of each picture, (N,), by scikit-image.

    The window is Gaussian, 11 pixels wide, spread 1.5, as in the source: Wang et al. (2004), IEEE
    Transactions on Image Processing 13.

    Parameters
    ----------
    a, b : (N, 1, S, S) in [0, 1]
    ovals : (N, 1, S, S), share of each pixel that lies in the oval

    Raises
    ------
    BadInput
        If shapes differ or an oval is empty.

    Examples
    --------
    >>> x = torch.rand(2, 1, 32, 32)
    >>> similarity(x, x, torch.ones(2, 1, 32, 32)).round(3).tolist()
    [1.0, 1.0]
    """
    if not a.shape == b.shape == ovals.shape:
        raise BadInput(f"similarity: shapes {tuple(a.shape)}, {tuple(b.shape)}, {tuple(ovals.shape)} differ")
    weight = ovals.float().sum((1, 2, 3))
    if not bool((weight > 0).all()):
        raise BadInput("similarity: an oval is empty: leave out pictures without a face")
    from skimage.metrics import structural_similarity

    options = {"gaussian_weights": True, "sigma": SIGMA, "use_sample_covariance": False, "data_range": 1.0}
    left, right = a.detach().float().numpy()[:, 0], b.detach().float().numpy()[:, 0]
    maps = [structural_similarity(p, q, full=True, **options)[1] for p, q in zip(left, right, strict=True)]
    return (np.stack(maps) * ovals.float().numpy()[:, 0]).sum((1, 2)) / weight.numpy()


# ---------------------------------------------------------------- decoders


class Decoder(nn.Module):
    """Features (B, D) to a picture (B, 1, S, S) in [0, 1]: a linear layer, then convolutions that grow it.

    Examples
    --------
    >>> Decoder(8, side=32, width=8)(torch.rand(2, 8)).shape
    torch.Size([2, 1, 32, 32])
    """

    def __init__(self, inputs: int, *, side: int = 32, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("center", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.start = nn.Linear(inputs, 4 * width * 16)  # 4 x 4 places
        parts: list[nn.Module] = [nn.Unflatten(1, (4 * width, 4, 4)), nn.ReLU()]
        channels = 4 * width
        for _ in range(int(math.log2(side)) - 3):  # 4 -> side / 2
            fewer = max(width, channels // 2)
            parts += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, fewer, 3, padding=1)]
            parts += [nn.GroupNorm(4, fewer), nn.ReLU()]
            channels = fewer
        parts += [nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU()]
        self.grow = nn.Sequential(*parts, nn.Conv2d(width, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, h: Tensor) -> Tensor:
        center, scale = self.get_buffer("center"), self.get_buffer("scale")
        even = ((h - center) / scale).clamp(-5, 5)  # a feature that is seldom at work must not shout
        return torch.sigmoid(self.grow(self.start(even)))  # (B, D) -> (B, 1, S, S)


def loss(guess: Tensor, x: Tensor, *, alike: float = 0.5) -> Tensor:
    """What a decoder learns by: absolute error, and the similarity that it will be judged by (kornia)."""
    near = F.l1_loss(guess, x) + F.mse_loss(guess, x)
    if not alike:
        return near
    from kornia.losses import ssim_loss

    return near + alike * ssim_loss(guess, x, WINDOW)


def fit_decoder(
    h: Tensor, x: Tensor, *, width: int = 16, epochs: int = 12, batch: int = 64, seed: int = 0
) -> Decoder:
    """Train a fresh decoder from features to pictures; return it in evaluation mode.

    Parameters
    ----------
    h : (N, D) features of the attacker's own pictures
    x : (N, 1, S, S) in [0, 1], these pictures
    width : channels, one of `SIZES`

    Raises
    ------
    BadInput
        If lengths differ, features are not finite, or there are fewer than two pictures.

    Examples
    --------
    >>> decoder = fit_decoder(torch.rand(8, 3), torch.rand(8, 1, 32, 32), width=4, epochs=1, batch=4)
    >>> decoder(torch.rand(2, 3)).shape
    torch.Size([2, 1, 32, 32])
    """
    if len(h) != len(x) or len(h) < 2 or h.ndim != 2:
        raise BadInput(f"decoder: features {tuple(h.shape)}, pictures {tuple(x.shape)}: align two or more")
    if not bool(torch.isfinite(h).all()):
        raise BadInput("decoder: features are not finite: check the encoder that released them")
    torch.manual_seed(seed)
    net = Decoder(h.shape[1], side=x.shape[-1], width=width)
    net.get_buffer("center").copy_(h.mean(0))
    net.get_buffer("scale").copy_(h.std(0).clamp_min(1e-4))
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=1e-3)
    late = (2 * epochs) // 3  # similarity is dear: only the last third of the epochs learns by it
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        order = torch.from_numpy(np.random.default_rng((seed, epoch)).permutation(len(h)))
        for rows in order.split(batch):
            error = loss(net(h[rows]), x[rows], alike=0.5 if epoch >= late else 0.0)
            optimizer.zero_grad()
            error.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
    return net.eval()


def decode(decoder: Decoder, h: Tensor) -> Tensor:
    """Return a decoder's pictures as they would be stored, in steps of 1/255, (N, 1, S, S)."""
    with torch.no_grad():
        parts = [decoder(part) for part in h.split(256)]
    return torch.cat(parts).mul(255).round().div(255)


# ---------------------------------------------------------------- may a ratio be printed


@dataclass(frozen=True)
class Verdict:
    """Whether a fall of similarity above the floor may be given as a ratio, and if not, why."""

    allowed: bool
    reason: str


def judge(above_floor: float, identity: float, chance: float) -> Verdict:
    """Decide by the plain attack alone: it must lie above its floor and recognize people.

    Against an attack that is weak to begin with every defense looks good, so its row is void.

    Parameters
    ----------
    above_floor : SSIM of the plain attack minus that of the conditional floor
    identity : share of people recognized again from the plain attack's pictures
    chance : the same by guessing

    Examples
    --------
    >>> judge(0.15, 0.4, 0.02).allowed, judge(0.05, 0.4, 0.02).allowed
    (True, False)
    """
    if not 0 < chance <= 1:
        raise BadInput(f"judge: chance is {chance}: give one over the number of people")
    weak = []
    if above_floor < LEAST_ABOVE:
        weak.append(f"plain lies {above_floor:.3f} above the floor, {LEAST_ABOVE} is needed")
    if identity < LEAST_CHANCE * chance:
        weak.append(f"it recognizes {identity / chance:.1f} times chance, {LEAST_CHANCE:g} is needed")
    return Verdict(not weak, "; ".join(weak) or "the plain attack is strong enough")


def fall(plain: float, hardened: float, floor: float) -> float:
    """Share of the similarity above the floor that hardening takes away: 1 is all of it, 0 nothing.

    Examples
    --------
    >>> round(fall(0.8, 0.65, 0.6), 2)
    0.75
    """
    if plain <= floor:
        raise BadInput(f"fall: plain {plain:.3f} is not above the floor {floor:.3f}: ask `judge` first")
    return (plain - hardened) / (plain - floor)
