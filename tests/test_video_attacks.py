"""Attacks on videos: shared, sparse and flickering changes, and the whole system as a black box."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fer_nb.attacks import launch, measured, under_attack
from fer_nb.clips import Clip
from fer_nb.errors import BadInput, NoFace
from fer_nb.labels import LABELS
from fer_nb.prediction import Models
from fer_nb.preprocess import FEATURES
from fer_nb.video_attacks import EndToEnd, OverTime, few_frames, flicker, heaviest_frames, shared, sparse
from tests.attack_toys import Toy, pictures
from tests.faces import smile

VIDEO = under_attack(OverTime(Toy()), video=True)
X = 0.25 + pictures(4, frames=5) / 2
Y = VIDEO(X).argmax(1)


def test_over_time_is_the_mean_of_the_frames():
    toy = Toy()
    assert torch.allclose(OverTime(toy)(X), torch.stack([toy(X[:, t]) for t in range(5)]).mean(0), atol=1e-5)
    with pytest.raises(BadInput, match="unsqueeze"):
        OverTime(toy)(X[:, 0])


@settings(max_examples=20, deadline=None)
@given(
    epsilon=st.floats(0.1 / 255, 1.0),
    kind=st.sampled_from(["shared", "flicker", "sparse"]),
    seed=st.integers(0, 999),
)
def test_no_attack_leaves_its_bound_or_the_range(epsilon, kind, seed):
    x = pictures(2, frames=4, seed=seed)
    y = torch.tensor([1, 5])
    options = {"frames": 1 + seed % 4} if kind == "sparse" else {}
    attack = {"shared": shared, "flicker": flicker, "sparse": sparse}[kind]
    z = attack(VIDEO, x, y, epsilon=epsilon, steps=3, seed=seed, **options)
    assert (z - x).abs().max() <= epsilon + 1e-5 and z.min() >= 0 and z.max() <= 1
    moving = ((z - x).abs().amax((2, 3, 4)) > 0).sum(1)
    assert (moving <= (options.get("frames", 4))).all()


def test_what_is_shared_is_shared_and_what_flickers_is_even():
    change = shared(VIDEO, X, Y, epsilon=8 / 255, steps=5) - X
    assert (change - change[:, :1]).abs().max() < 1e-6
    change = flicker(VIDEO, X, Y, epsilon=8 / 255, steps=5) - X
    assert (change.amax((2, 3, 4)) - change.amin((2, 3, 4))).max() < 1e-6


def test_the_heaviest_frames_are_those_that_count():
    class Third(nn.Module):
        def __init__(self):
            super().__init__()
            self.toy = Toy()
            self.eval()

        def forward(self, x):
            return self.toy(x[:, 3])

    marks = heaviest_frames(under_attack(Third(), video=True), X, Y, 1)
    assert marks.shape == (4, 5, 1, 1, 1) and (marks[:, 3] == 1).all() and marks.sum() == 4
    for count in (0, 6):
        with pytest.raises(BadInput, match="1 to 5"):
            heaviest_frames(VIDEO, X, Y, count)


def test_more_frames_do_more_harm():
    def harm(count):
        z = sparse(VIDEO, X, Y, epsilon=0.2, frames=count, steps=10)
        return float(nn.functional.cross_entropy(VIDEO(z), Y))

    assert harm(1) < harm(3) < harm(5)


def test_few_frames_keep_both_ends_and_the_speed():
    frames = np.arange(9, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    few = few_frames(Clip(frames, 18.0, label="fear", subject="p"), 3)
    assert few.frames[:, 0, 0, 0].tolist() == [0, 4, 8] and few.fps == 6.0
    assert (few.label, few.subject, len(few_frames(Clip(frames, 18.0), 100))) == ("fear", "p", 9)
    with pytest.raises(BadInput, match="2 or more"):
        few_frames(Clip(frames, 18.0), 1)


# ---- the black box, with a toy detector and toy branches ----


class Detector:
    """Reports a smile that grows; loses the face in dark frames."""

    def __init__(self):
        self.asked = 0

    def __call__(self, frame):
        self.asked += 1
        if frame.mean() < 90:
            return np.full((478, 3), np.nan, np.float32)
        return smile(2.0 * ((self.asked - 1) % 4)).astype(np.float32)


class Pixels(nn.Module):
    """A spatial branch that reads happiness while its crop is not too bright."""

    def forward(self, x):
        return 400 * (x.mean((1, 2, 3)) - 100 / 255)[:, None] * torch.eye(7)[LABELS.index("anger")][None]


class Moves(nn.Module):
    """A temporal branch that finds happiness barely ahead."""

    def forward(self, x):
        assert x.shape[1:] == (24, FEATURES)
        return torch.eye(7)[LABELS.index("happiness")].repeat(len(x), 1)


def system(gray=100):
    frames = np.full((4, 160, 160, 3), gray, np.uint8)
    return EndToEnd(Clip(frames, 4.0, label="happiness"), Models(Moves(), Pixels()), tracker=Detector())


def test_no_change_is_the_clean_answer():
    box = system()
    said = box.answer(box.nothing[0])
    assert said is not None and said.label == "happiness"
    assert torch.allclose(box(box.nothing).exp().sum(1), torch.ones(1), atol=1e-4) and box.lost == 0
    assert np.array_equal(box.changed(box.nothing[0]), box.frames)


def test_changes_are_laid_over_every_frame_in_levels():
    box = system()
    seen = box.changed(box.nothing[0] + 8 / 255).astype(int) - box.frames
    assert (seen == 8).all()
    assert (
        box.changed(torch.ones(3, 160, 160)).max() == 227 and box.changed(torch.zeros(3, 160, 160)).min() == 0
    )
    with pytest.raises(BadInput, match="does not fit"):
        box.changed(torch.zeros(3, 4, 4))


def test_square_turns_the_answer_by_scores_alone():
    from fer_nb.image_attacks import bounded

    pytest.importorskip("torchattacks")
    box = system()
    model, y = under_attack(box), torch.tensor([box.label])
    found = launch(bounded("Square", 16 / 255, steps=40), model, box.nothing, y, epsilon=16 / 255)
    assert found.accuracy(y) == 0 and found.levels.max() <= 16.001 and 0 < found.queries <= 42
    assert found.gradients == 0 and box.lost == 0


def test_a_lost_face_is_counted_and_turns_no_answer():
    box = system()
    model, y = under_attack(box), torch.tensor([box.label])
    dark = measured(model, box.nothing, box.nothing - 20 / 255)
    assert box.lost == 1 and dark.accuracy(y) == 1 and box.answer((box.nothing - 20 / 255)[0]) is None


def test_what_cannot_be_attacked_is_refused():
    frames = np.full((4, 160, 160, 3), 100, np.uint8)
    with pytest.raises(BadInput, match="no label"):
        EndToEnd(Clip(frames, 4.0, source="mine.mp4"), Models(Moves(), Pixels()), tracker=Detector())
    with pytest.raises(NoFace):
        system(gray=10)
