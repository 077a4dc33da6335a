"""Decoders, similarity on the oval, and the rule that says when a ratio may be printed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fer_nb import reconstruct as r
from fer_nb.errors import BadInput


def test_the_loss_pulls_at_the_similarity_that_is_measured():
    from kornia.metrics import ssim

    a, b = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    inside = torch.zeros_like(a)
    inside[..., 8:24, 8:24] = 1  # libraries differ at the border
    theirs = ssim(a, b, r.WINDOW)[..., 8:24, 8:24].mean((1, 2, 3))
    assert r.similarity(a, b, inside) == pytest.approx(theirs.numpy(), abs=1e-4)
    assert r.loss(a, a).item() == pytest.approx(0, abs=1e-4) and r.loss(a, b) > r.loss(a, b, alike=0) > 0


def test_only_the_oval_counts():
    a = torch.rand(1, 1, 32, 32)
    b, mask = a.clone(), torch.zeros_like(a)
    b[..., :10] = 0
    mask[..., 26:] = 1
    assert r.similarity(a, b, mask)[0] == pytest.approx(1, abs=1e-4)
    assert r.similarity(a, b, 1 - mask)[0] < 0.9


@pytest.mark.parametrize("bad", [torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 16, 16)])
def test_ovals_must_fit(bad):
    x = torch.rand(1, 1, 32, 32)
    with pytest.raises(BadInput, match="similarity"):
        r.similarity(x, x, bad)


def test_pose_follows_the_head():
    face = np.zeros((478, 3))
    face[263, 0] = face[152, 1] = 1
    face[263, 1] = 0.2  # rolled
    assert r.pose(face)[2] == pytest.approx(np.arctan(0.2))
    face[263] = (1, 0, 0.3)  # turned
    assert r.pose(face)[1] == pytest.approx(np.arctan(0.3))


def test_the_oval_is_where_the_landmarks_say():
    angle = np.linspace(0, 2 * np.pi, len(r.OVAL), endpoint=False)
    face = np.zeros((478, 3))
    face[list(r.OVAL), :2] = np.c_[50 + 30 * np.sin(angle), 50 - 40 * np.cos(angle)]
    for eye, x in zip((33, 133, 362, 263), (30, 44, 56, 70), strict=True):
        face[eye, :2] = x, 40
    mask = r.oval(face)
    assert mask[28, 32] and not mask[0, 0] and 0.3 < mask.mean() < 0.8


def test_shrinking_averages_whole_pixels():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert r.shrink(x, 2)[0, 0, 0, 0] == x[0, 0, :2, :2].mean() and r.shrink(x, 4) is x
    with pytest.raises(BadInput, match="divisor"):
        r.shrink(x, 3)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("size", r.SIZES)
def test_every_size_gives_pictures(side, size):
    out = r.Decoder(5, side=side, width=r.SIZES[size])(torch.rand(2, 5))
    assert out.shape == (2, 1, side, side) and out.min() >= 0 and out.max() <= 1


def test_a_decoder_learns_what_the_features_say():
    h = torch.rand(64, 1)
    x = h.view(-1, 1, 1, 1).expand(-1, 1, 32, 32).contiguous()
    decoder = r.fit_decoder(h, x, width=4, epochs=20, batch=4)
    out = r.decode(decoder, torch.tensor([[0.2], [0.8]]))
    assert out[1].mean() - out[0].mean() > 0.2
    assert torch.equal(out, (out * 255).round() / 255)
    twins = [r.decode(r.fit_decoder(h, x, width=4, epochs=1), h) for _ in range(2)]
    assert torch.equal(*twins)


def test_what_a_decoder_refuses():
    x = torch.rand(3, 1, 32, 32)
    with pytest.raises(BadInput, match="align"):
        r.fit_decoder(torch.rand(2, 4), x)
    with pytest.raises(BadInput, match="finite"):
        r.fit_decoder(torch.full((3, 4), float("nan")), x)


@pytest.mark.parametrize(
    ("above", "identity", "allowed", "word"),
    [
        (0.10, 0.2, True, "strong"),
        (0.09, 0.2, False, "floor"),
        (0.3, 0.19, False, "chance"),
        (0, 0, False, ";"),
    ],
)
def test_a_ratio_needs_a_strong_plain_attack(above, identity, allowed, word):
    verdict = r.judge(above, identity, 0.02)
    assert verdict.allowed is allowed and word in verdict.reason
    with pytest.raises(BadInput, match="chance"):
        r.judge(above, identity, 0)


def test_the_fall_is_a_share_of_what_lies_above_the_floor():
    assert r.fall(0.8, 0.8, 0.6) == 0 and r.fall(0.8, 0.6, 0.6) == pytest.approx(1)
    with pytest.raises(BadInput, match="judge"):
        r.fall(0.5, 0.5, 0.6)
