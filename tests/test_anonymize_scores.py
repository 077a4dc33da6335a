"""Scores of drawn faces: they are right where the answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_nb import anonymize_scores as scores
from fer_nb import spatial
from fer_nb.errors import BadInput


def test_ssim_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    a = cv2.GaussianBlur(rng.integers(0, 255, (64, 64)).astype(np.uint8), (0, 0), 2)
    b = np.clip(a + rng.normal(0, 9, a.shape), 0, 255).astype(np.uint8)
    theirs = structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert scores.ssim(a[None], b[None])[0] == pytest.approx(theirs, abs=0.01)


def test_ssim_refuses_unequal_stacks():
    with pytest.raises(BadInput, match="two equal stacks"):
        scores.ssim(np.zeros((2, 32, 32), np.uint8), np.zeros((1, 32, 32), np.uint8))


def test_frechet_of_scaled_clouds_is_known():
    cloud = np.random.default_rng(0).normal(size=(4000, 5))
    exact = np.trace(np.cov(cloud, rowvar=False))  # (2 - 1)^2 times the trace, for a cloud twice as wide
    assert scores.frechet(cloud, 2 * cloud) == pytest.approx(exact + np.square(cloud.mean(0)).sum(), rel=1e-6)
    assert scores.frechet(cloud[:2000], cloud[2000:]) < 0.05


def test_looks_are_one_row_each():
    crops = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    assert scores.looks(crops, spatial.SpatialNet().eval()).shape == (3, 116)


def test_correlations_by_column():
    x = np.random.default_rng(0).normal(size=(50, 3))
    y = np.stack([x[:, 0] * 3 + 1, -x[:, 1], np.zeros(50)], 1)
    assert np.allclose(scores.correlations(x, y), [1, -1, 0])


def test_flicker_of_a_still_clip_is_zero():
    still = np.full((4, 8, 8), 9, np.uint8)
    assert scores.flicker(still) == 0 == scores.flicker(still[:1])
