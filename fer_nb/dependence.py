"""How much two batches have to do with each other, as numbers that training can push down.

Rate, distance correlation and HSIC: three prices on what a code carries of the picture it was made from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .errors import BadInput


def divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """Mean over the batch of the divergence from a standard normal, in nats: the rate of a noisy code.

    Source: Alemi et al. (2017), "Deep variational information bottleneck", ICLR.

    Parameters
    ----------
    mean, spread : (B, K), mean and log variance

    Examples
    --------
    >>> divergence(torch.zeros(3, 2), torch.zeros(3, 2)).item()
    0.0
    """
    return 0.5 * (mean**2 + spread.exp() - 1 - spread).sum(1).mean()


def distance_correlation(a: Tensor, b: Tensor) -> Tensor:
    """Squared distance correlation of two batches, in [0, 1]; 0 in the limit only for independent ones.

    Source: Szekely et al. (2007), Annals of Statistics 35; as a penalty on features, Vepakomma et al.
    (2020), "NoPeek".

    Parameters
    ----------
    a, b : (B, ...), B >= 2

    Examples
    --------
    >>> x = torch.arange(6.0)[:, None]
    >>> round(distance_correlation(x, 3 * x).item(), 3)
    1.0
    """
    left, right = (_centered(_distances(_flat(part))) for part in (a, b))
    return (left * right).mean() / ((left**2).mean() * (right**2).mean()).clamp_min(1e-12).sqrt()


def hsic(a: Tensor, b: Tensor) -> Tensor:
    """Hilbert-Schmidt independence criterion of two batches, normalized to [0, 1], Gaussian kernels.

    The width of each kernel is the median distance. Source: Gretton et al. (2005); as a penalty against
    inversion, Peng et al. (2022), "Bilateral dependency optimization".

    Examples
    --------
    >>> x = torch.arange(6.0)[:, None]
    >>> round(hsic(x, 3 * x).item(), 3)
    1.0
    """
    kernels = []
    for part in (a, b):
        apart = _distances(_flat(part))
        width = apart[apart > 0].median().detach() if (apart > 0).any() else apart.new_tensor(1.0)
        kernels.append(_centered((-(apart**2) / (2 * width**2)).exp()))
    left, right = kernels
    return (left * right).mean() / ((left**2).mean() * (right**2).mean()).clamp_min(1e-12).sqrt()


def _flat(x: Tensor) -> Tensor:
    if len(x) < 2:
        raise BadInput(f"dependence: a batch of {len(x)}: give two or more pictures")
    return x.flatten(1)


def _distances(x: Tensor) -> Tensor:
    """Distances of all pairs (B, B); a small number under the root keeps its slope finite."""
    square = (x**2).sum(1)
    apart = square[:, None] + square[None] - 2 * x @ x.T
    away = 1 - torch.eye(len(x), device=x.device)
    return (apart.clamp_min(0) * away + 1e-8).sqrt() * away


def _centered(matrix: Tensor) -> Tensor:
    return matrix - matrix.mean(0, keepdim=True) - matrix.mean(1, keepdim=True) + matrix.mean()
