"""How good are drawn faces: likeness, distance of distributions, whether they show the code, how steady."""

from __future__ import annotations

import numpy as np
import torch

from . import spatial
from .errors import BadInput

# The units that the DISFA data set codes (Mavadati et al. 2013), which all matter in everyday expressions.
TWELVE = ("AU1", "AU2", "AU4", "AU5", "AU6", "AU9", "AU12", "AU15", "AU17", "AU20", "AU25", "AU26")


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity of two stacks of gray pictures, (N,), 1 where they are equal.

    Parameters
    ----------
    a, b : (N, H, W) uint8 arrays; windows of 11 pixels

    Source: Wang et al. (2004), "Image quality assessment: from error visibility to structural similarity".

    Examples
    --------
    >>> picture = np.random.default_rng(0).integers(0, 255, (1, 32, 32)).astype(np.uint8)
    >>> float(ssim(picture, picture)[0]), bool(ssim(picture, picture[:, ::-1])[0] < 0.5)
    (1.0, True)
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as measure

    if a.shape != b.shape:
        raise BadInput(f"ssim: pictures of shape {a.shape} and {b.shape}: give two equal stacks")
    x, y = (torch.from_numpy(np.ascontiguousarray(v)).float()[:, None] / 255 for v in (a, b))
    parts = [measure(p, q, data_range=1.0, sigma=1.5, kernel_size=11, reduction="none")
             for p, q in zip(x.split(64), y.split(64), strict=True)]  # fmt: skip
    return torch.cat([part.reshape(-1) for part in parts]).numpy()  # type: ignore[union-attr]


def looks(crops: np.ndarray, net: spatial.SpatialNet) -> np.ndarray:
    """Return what the spatial network sees of crops, averaged over place: (N, 116) of its last maps."""
    with torch.no_grad():
        return torch.cat([net.maps(x).mean((2, 3)) for x in spatial.to_input(crops).split(256)]).numpy()


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of two clouds of features, each taken as a normal distribution; 0 where they are the same.

    Parameters
    ----------
    a, b : (N, F) arrays, with N well above F

    Source: Heusel et al. (2017), "GANs trained by a two time-scale update rule", there on Inception features.

    Examples
    --------
    >>> cloud = np.random.default_rng(0).normal(size=(500, 3))
    >>> round(frechet(cloud, cloud), 6), round(frechet(cloud, cloud + [2, 0, 0]), 3)
    (0.0, 4.0)
    """
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.linalg.eigvals(ca @ cb)  # their roots sum up to the trace of the root of the product
    cross = np.sqrt(np.maximum(root.real, 0)).sum()
    away = np.square(a.mean(0) - b.mean(0)).sum()
    return max(0.0, float(away + np.trace(ca) + np.trace(cb) - 2 * cross))


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of each column of one table with the same column of another, (C,); 0 where one is flat.

    Examples
    --------
    >>> correlations(np.array([[0.0, 1], [1, 1]]), np.array([[1.0, 2], [3, 4]])).tolist()
    [1.0, 0.0]
    """
    x, y = a - a.mean(0), b - b.mean(0)
    spread = np.sqrt((x**2).sum(0) * (y**2).sum(0))
    return np.where(spread > 1e-12, (x * y).sum(0) / np.maximum(spread, 1e-12), 0.0)


def flicker(crops: np.ndarray) -> float:
    """Mean change of a pixel from a frame to the next, in gray levels; 0 for a single frame.

    Examples
    --------
    >>> flicker(np.array([[[0]], [[3]], [[2]]], np.uint8))
    2.0
    """
    return float(np.abs(np.diff(crops.astype(float), axis=0)).mean()) if len(crops) > 1 else 0.0
