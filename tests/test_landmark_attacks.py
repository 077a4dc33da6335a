"""Landmark attacks: the torch way equals the numpy way, bounds hold, and branches can be turned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fer_nb import features
from fer_nb import landmark_attacks as attack
from fer_nb.errors import BadInput
from fer_nb.labels import LABELS
from fer_nb.preprocess import FEATURES, FaceSequence, sequence_from_points, window_features
from tests.faces import mesh, sequence, smile


class Temporal(nn.Module):
    """A linear temporal branch, sharp enough to be turned."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        drawn = torch.randn(FEATURES, 7, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(4 * drawn)
        self.eval()

    def forward(self, x):
        return x.mean(1) @ self.weight


def restless(seed: int = 0, *, frames: int = 10, lost: tuple[int, ...] = ()) -> FaceSequence:
    """A face that turns, shifts and smiles, with noise, lost in some frames."""
    rng = np.random.default_rng(seed)
    points = []
    for t in range(frames):
        a, b = rng.uniform(-0.3, 0.3, 2)
        turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        lean = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        face = smile(0.8 * t) + rng.normal(0, 0.3, (478, 3))
        points.append((face - 80) @ turn @ lean * rng.uniform(0.8, 1.3) + 80 + rng.uniform(-5, 5, 3))
    points = np.stack(points).astype(np.float32)
    points[list(lost)] = np.nan
    crops = np.zeros((frames, 64, 64), np.uint8)
    return sequence_from_points(points, crops, fps=12.0, label="happiness", source="toy")


def test_the_twins_equal_the_originals():
    s = restless()
    points = torch.from_numpy(s.points.astype(np.float64))
    theirs = features.align(s.points, s.neutral)
    ours = attack.align(points, torch.from_numpy(s.neutral))
    assert np.abs(ours.numpy() - theirs).max() < 1e-9
    assert np.abs(attack.measure(ours).numpy() - features.measure(theirs)).max() < 1e-6
    upright = attack.neutral_frame(points[0]).numpy()
    assert np.abs(upright - features.neutral_frame(s.points[0])).max() < 1e-9


def test_a_mirrored_face_is_turned_and_not_mirrored():
    reference = features.neutral_frame(mesh())
    mirrored = (mesh() * [-1, 1, 1])[None]
    ours = attack.align(torch.from_numpy(mirrored), torch.from_numpy(reference)).numpy()
    assert np.allclose(ours, features.align(mirrored, reference))


@pytest.mark.parametrize("lost", [(), (0, 4), (8, 9)])
def test_the_whole_way_gives_the_features_of_the_branch(lost):
    for seed in range(3):
        s = restless(seed, lost=lost)
        points = torch.from_numpy(s.points[s.found].astype(np.float64))
        ours = attack.Path.of(s).features(points).numpy()
        assert np.abs(ours - window_features(s.motion, s.found)).max() < 1e-5


def test_gradients_flow_back_to_the_points():
    s = restless()
    path = attack.Path.of(s)
    points = torch.from_numpy(s.points.astype(np.float64)).requires_grad_(True)
    weight = torch.randn(FEATURES, generator=torch.Generator().manual_seed(0))

    def score(p):
        return (path.features(p).double() @ weight.double()).mean()

    (slope,) = torch.autograd.grad(score(points), points)
    step = 1e-2 * slope / slope.norm()
    with torch.no_grad():
        rise = score(points + step) - score(points - step)
    assert torch.isfinite(slope).all() and float(rise) == pytest.approx(2e-2 * float(slope.norm()), rel=0.02)


@settings(max_examples=12, deadline=None)
@given(pixels=st.floats(0.05, 10.0), smooth=st.booleans(), seed=st.integers(0, 99))
def test_no_landmark_leaves_its_bound(pixels, smooth, seed):
    s = restless(seed % 5, lost=(2,))
    (found,) = attack.landmark_pgd(
        Temporal(seed), [s], pixels=pixels, smooth=smooth, steps=2, step=0.6, seed=seed
    )
    scale = attack.WIDTH / attack.face_width(s.points)
    away = np.linalg.norm((found.sequence.points - s.points)[s.found][..., :2], axis=-1) * scale
    assert away.max() <= pixels * 1.001 + 1e-3 and found.largest == pytest.approx(away.max(), abs=2e-3)
    assert found.mean <= found.largest
    assert np.array_equal(found.sequence.found, s.found)  # a lost face stays lost
    assert np.array_equal(found.sequence.points[s.found][..., 2], s.points[s.found][..., 2])


def test_it_turns_a_branch_that_noise_of_its_size_does_not():
    model, clips = Temporal(), [restless(k) for k in range(4)]
    before = attack.answers(model, clips)
    y = before.argmax(1)
    clips = [FaceSequence(**{**{f: getattr(s, f) for f in s.__dataclass_fields__}, "label": LABELS[k]})
             for s, k in zip(clips, y.tolist(), strict=True)]  # fmt: skip
    free, smooth = (
        attack.landmark_pgd(model, clips, pixels=2.0, smooth=s, steps=8, step=0.3) for s in (False, True)
    )
    still = attack.noise(clips, pixels=2.0)
    wrong = [
        (attack.answers(model, [m.sequence for m in ms]).argmax(1) != y).sum() for ms in (free, smooth, still)
    ]
    assert wrong[0] >= 3 and wrong[0] >= wrong[1] and wrong[0] > wrong[2]
    assert all(m.largest == pytest.approx(2, abs=0.01) == m.mean for m in still)


def test_smooth_moves_are_smoother():
    s = restless()
    rough, smooth = (
        attack.landmark_pgd(Temporal(), [s], pixels=2.0, smooth=k, steps=4)[0].sequence.points - s.points
        for k in (False, True)
    )

    def change(away):
        return np.abs(np.diff(away[..., :2], axis=0)).mean() / np.abs(away[..., :2]).mean()

    assert change(smooth) < change(rough)


def test_jitter_is_zero_on_a_still_mesh_and_in_pixels_of_a_face_of_128():
    points = np.repeat(mesh()[None], 5, 0)
    assert attack.jitter(points) == 0
    noisy = points + np.random.default_rng(0).normal(0, 0.5, points.shape)
    width = attack.face_width(noisy)
    assert attack.jitter(noisy) == pytest.approx(0.5 * 2**0.5 * 128 / width, rel=0.15)
    assert attack.jitter(2 * noisy) == pytest.approx(attack.jitter(noisy))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: attack.landmark_pgd(Temporal(), [], pixels=1), "at least one"),
        (lambda: attack.landmark_pgd(Temporal(), [sequence()], pixels=0), "more than 0"),
        (lambda: attack.landmark_pgd(Temporal().train(), [sequence()], pixels=1), r"model\.eval\(\)"),
        (lambda: attack.landmark_pgd(Temporal(), [sequence(label=None)], pixels=1), "no label"),
    ],
)
def test_bad_input_says_what_to_do(wrong, words):
    with pytest.raises(BadInput, match=words):
        wrong()
