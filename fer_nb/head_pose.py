"""How a head is turned: from landmarks, and read from the features of a network."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


def sines(points: np.ndarray) -> np.ndarray:
    """Return how far heads turn and nod, (T, 2): sines of both angles, from landmarks (T, 478, 3).

    Turning is positive when the picture's right side of the face comes nearer, nodding when the chin does.

    Examples
    --------
    >>> face = np.zeros((1, 478, 3)); face[0, [263, 362], 0], face[0, 152, 1] = 10.0, 10.0
    >>> sines(face).tolist()
    [[0.0, 0.0]]
    """
    p = np.asarray(points, np.float64)
    across, down = p[:, [263, 362]].mean(1) - p[:, [33, 133]].mean(1), p[:, 152] - p[:, 10]
    return np.stack([-v[:, 2] / (np.linalg.norm(v, axis=1) + 1e-9) for v in (across, down)], 1)


def fit_pose(features: Tensor, pose: np.ndarray, *, strength: float = 10.0) -> nn.Linear:
    """Return a linear readout of head pose from features (N, F), by ridge regression."""
    x = features.double()
    mean, y = x.mean(0), torch.from_numpy(pose)
    gram = (x - mean).T @ (x - mean) + strength * torch.eye(x.shape[1])
    weight = torch.linalg.solve(gram, (x - mean).T @ (y - y.mean(0))).T.float()  # (2, F)
    readout = nn.Linear(x.shape[1], pose.shape[1])
    with torch.no_grad():
        readout.weight.copy_(weight)
        readout.bias.copy_(y.mean(0).float() - weight @ mean.float())
    return readout
