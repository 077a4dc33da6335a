"""A defense with a proof: randomized smoothing, and the radius within which nobody can change its answer.

The smoothed model answers with the class that wins under Gaussian noise. How often it wins bounds how far, in
l2, an image must be changed before another class can. The proof is statistical: it fails with chance alpha.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from .errors import BadInput
from .pixels import check_pixels
from .training import Batch, Batches

ABSTAIN = -1


@dataclass(frozen=True)
class Certificate:
    """An answer that no change shorter than `radius` (l2, in units of [0, 1] pixels) can alter.

    `label` is -1 where the smoothed model abstains; `share` is the lower bound on the winner's share.
    """

    label: int
    radius: float
    share: float


def noise_counts(
    model: nn.Module, x: Tensor, *, sigma: float, n: int, generator: torch.Generator, size: int = 500
) -> np.ndarray:
    """Count the answers of a model to one image under Gaussian noise, (C,) int.

    Parameters
    ----------
    model : Module, from (B, 1, H, W) to logits (B, C)
    x : (1, H, W) in [0, 1]; the noise may leave [0, 1], as in the paper
    sigma : standard deviation of the noise, in units of [0, 1] pixels
    n : how many noises; `size` of them at a time
    """
    counts: np.ndarray | None = None
    with torch.no_grad():
        for start in range(0, n, size):
            noise = torch.randn(min(size, n - start), *x.shape, generator=generator)
            z = model(x + sigma * noise.to(x))  # (b, C)
            part = torch.bincount(z.argmax(1), minlength=z.shape[1]).cpu().numpy()
            counts = part if counts is None else counts + part
    if counts is None:
        raise BadInput(f"smoothing: n is {n}: draw at least one noise")
    return counts


def lower_bound(hits: int, n: int, alpha: float) -> float:
    """Return the one-sided Clopper-Pearson bound: the true share is above it with probability 1 - alpha.

    Examples
    --------
    >>> round(lower_bound(100, 100, 0.001), 4) == round(0.001 ** (1 / 100), 4)
    True
    """
    test = stats.binomtest(int(hits), int(n), alternative="greater")
    return float(test.proportion_ci(1 - alpha, method="exact").low)


def certify(
    model: nn.Module,
    x: Tensor,
    *,
    sigma: float,
    n0: int = 100,
    n: int = 10_000,
    alpha: float = 0.001,
    seed: int = 0,
    first: int = 0,
    size: int = 500,
) -> list[Certificate]:
    """Certify the smoothed model on images: guess the winner on n0 noises, bound its share on n fresh ones.

    Parameters
    ----------
    model : Module, from (B, 1, H, W) to logits (B, C), in evaluation mode, best trained with `noisy`
    x : (N, 1, H, W) in [0, 1]
    sigma : standard deviation of the noise
    alpha : chance that a certificate is wrong, for each image
    seed, first : int; image number `first` + i draws from a generator of its own, so that a run can be
        cut into parts

    Source: Cohen, Rosenfeld and Kolter (2019), "Certified adversarial robustness via randomized smoothing",
    ICML, algorithm CERTIFY.

    Raises
    ------
    BadInput
        If sigma, n0, n or alpha cannot be, pixels leave [0, 1], or the model is in training mode.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    >>> certificate, = certify(model, torch.rand(1, 1, 2, 2), sigma=0.25, n0=10, n=100)
    >>> certificate.radius >= 0
    True
    """
    if not sigma > 0 or n0 < 1 or n < 1 or not 0 < alpha < 1:
        raise BadInput("smoothing: give sigma > 0, n0 and n >= 1, and 0 < alpha < 1")
    if model.training:
        raise BadInput("smoothing: the model is in training mode: call model.eval()")
    check_pixels("smoothing", x)
    out = []
    for i, image in enumerate(x, first):
        generator = torch.Generator().manual_seed(100_003 * seed + i)
        guess = noise_counts(model, image, sigma=sigma, n=n0, generator=generator, size=size)
        counts = noise_counts(model, image, sigma=sigma, n=n, generator=generator, size=size)
        label = int(guess.argmax())
        share = lower_bound(int(counts[label]), n, alpha)
        sure = share > 0.5
        radius = sigma * float(stats.norm.ppf(share)) if sure else 0.0
        out.append(Certificate(label if sure else ABSTAIN, radius, share))
    return out


def certified_accuracy(certificates: Sequence[Certificate], truth: Sequence[int], radius: float) -> float:
    """Share of images answered rightly with a certificate of at least this radius; abstaining is an error.

    Examples
    --------
    >>> given = [Certificate(0, 0.5, 0.9), Certificate(1, 0.1, 0.6), Certificate(-1, 0.0, 0.4)]
    >>> certified_accuracy(given, [0, 1, 2], radius=0.25)
    0.33
    """
    if len(certificates) != len(truth) or not len(truth):
        raise BadInput(f"smoothing: {len(certificates)} certificates for {len(truth)} labels: align them")
    held = [c.label == t and c.radius >= radius for c, t in zip(certificates, truth, strict=True)]
    return float(np.mean(held))


def l2_of_linf(levels: float, pixels: int) -> float:
    """Return the l2 radius that contains all changes of up to `levels`/255 in each of so many pixels.

    Examples
    --------
    >>> [round(l2_of_linf(k, 64 * 64), 2) for k in (1, 2, 4, 8)]
    [0.25, 0.5, 1.0, 2.01]
    """
    return levels / 255 * math.sqrt(pixels)


def noisy(batches: Batches, sigma: float) -> Batches:
    """Add Gaussian noise to the inputs of a batch producer, for `training.fit`: the base model of smoothing.

    Examples
    --------
    >>> clean = lambda rng: [(torch.zeros(2, 1, 8, 8), torch.zeros(2))]
    >>> (x, y), = noisy(clean, 0.25)(np.random.default_rng(0))
    >>> bool(0.1 < x.std() < 0.4)
    True
    """

    def produce(rng: np.random.Generator) -> Iterator[Batch]:
        for x, *rest in batches(rng):
            yield (x + sigma * torch.randn_like(x), *rest)

    return produce
