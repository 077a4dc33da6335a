"""Head pose: known turns are read, and a linear readout finds what is linear."""

from __future__ import annotations

import numpy as np
import torch

from fer_nb import head_pose


def test_pose_is_read_from_landmarks_and_from_features():
    face = np.zeros((2, 478, 3))
    face[:, [263, 362], 0], face[:, 152, 1] = 10.0, 10.0
    face[1, [263, 362], 2], face[1, 152, 2] = -10.0, -10.0  # nearer to the camera
    pose = head_pose.sines(face)
    assert np.allclose(pose, [[0, 0], [np.sqrt(0.5), np.sqrt(0.5)]])
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 6))
    truth = features[:, :2] @ np.array([[1.0, 0.5], [0.0, 2.0]]) + 3
    readout = head_pose.fit_pose(torch.from_numpy(features), truth, strength=0.1)
    with torch.no_grad():
        assert np.allclose(readout(torch.from_numpy(features).float()), truth, atol=0.02)
