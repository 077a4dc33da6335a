"""The steps of preparing motion: all together they are the shipped recipe, and each arm leaves out one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fer_nb import features, temporal
from fer_nb.errors import BadInput
from fer_nb.experiments import _motion_steps as steps
from fer_nb.preprocess import STEPS, sequence_from_points
from tests.faces import LIP_CORNERS, mesh, sequence

BY_NAME = {arm.name: arm for arm in steps.ARMS}
WIDTH = len(features.NAMES)


def with_gaps():
    """A smile with two frames in which no face was found."""
    points = sequence(frames=14).points.copy()
    points[[5, 9]] = np.nan
    return sequence_from_points(points, np.zeros((14, 64, 64), np.uint8), fps=10, label="happiness")


def toy(*, frames: int = 12, rest: np.ndarray | None = None) -> steps.Motion:
    """Motion that rises, each measure at its own pace."""
    pace = np.linspace(0.05, 0.2, WIDTH)
    moved = np.linspace(0, 1, frames)[:, None] * pace
    return steps.Motion(moved, np.ones(frames, bool), label=4, rest=rest)


def drawn(name: str, clip: steps.Motion, count: int = 60) -> list[tuple[np.ndarray, int]]:
    rng = np.random.default_rng(0)
    return [steps.sample(clip, BY_NAME[name], rng) for _ in range(count)]


def test_every_arm_leaves_out_one_step_or_all_variation():
    assert len(BY_NAME) == len(steps.ARMS) == 9
    for arm in steps.ARMS[1:]:
        changed = [
            k for k in ("measured", "resampled", "variations") if getattr(arm, k) != getattr(steps.ALL, k)
        ]
        assert len(changed) == 1
        assert len(arm.variations) in (len(steps.VARIATIONS), len(steps.VARIATIONS) - 1, 0)


def test_with_all_steps_examples_are_those_of_the_shipped_recipe():
    faces = [sequence(frames=12), sequence("neutral", amount=0.5), with_gaps(), sequence("fear", frames=3)]
    clips, _ = steps.measured(faces, faces, steps.ALL)
    ours, theirs = np.random.default_rng(7), np.random.default_rng(7)
    labels = set()
    for k in range(200):
        x, label = steps.sample(clips[k % 4], steps.ALL, ours)
        other, same = temporal.sample(faces[k % 4], theirs)
        np.testing.assert_array_equal(x, other)
        assert label == same
        labels.add(label)
    assert len(labels) > 2


def test_with_all_steps_a_clip_is_shown_as_the_shipped_network_sees_it():
    faces = [sequence(), with_gaps()]
    clips, sizes = steps.measured(faces, faces, steps.ALL)
    for clip, face in zip(clips, faces, strict=True):
        np.testing.assert_array_equal(steps.whole(clip, steps.ALL), temporal.clip_input(face))
    net = temporal.TemporalNet()
    temporal.fit_scale(net, faces)
    torch.testing.assert_close(steps.network(sizes, hidden=8).scale, net.scale)


def still(change=lambda points: points):
    """A clip in which the face does not move."""
    points = np.repeat(change(mesh())[None], 8, axis=0).astype(np.float32)
    return sequence_from_points(points, np.zeros((8, 64, 64), np.uint8), fps=10, label="neutral")


def wide(points):
    """A person with a wide mouth."""
    points[LIP_CORNERS] += [[-8, 0, 0], [8, 0, 0]]
    return points


def test_only_without_a_reference_is_a_resting_face_seen():
    faces = [still(), still(wide)]
    width = features.NAMES.index("mouth_width")
    own, _ = steps.measured(faces, faces, steps.ALL)
    assert max(abs(steps.whole(clip, steps.ALL)[:, :-1]).max() for clip in own) < 1e-4
    arm = BY_NAME["without_neutral"]
    raw, sizes = steps.measured(faces, faces, arm)
    narrow, broad = (steps.whole(clip, arm)[:, width] for clip in raw)
    assert (broad - narrow).min() > 0.1 and abs(broad + narrow).max() < 1e-4  # the mean was taken off
    assert sizes[width] == pytest.approx((broad - narrow).mean() / 2, rel=1e-3)


def test_without_a_reference_nothing_is_measured_from_the_peak():
    clip = toy(rest=np.full(WIDTH, 0.5))
    rng = np.random.default_rng(0)
    kinds = [steps.stretch(clip, rng) for _ in range(200)]
    assert all(moved is clip.moved for _, moved, _ in kinds)
    assert 0 < sum(label == 0 for *_, label in kinds) < 50  # quiet parts are still neutral
    assert any(moved is not toy().moved for _, moved, _ in [steps.stretch(toy(), rng) for _ in range(50)])


def test_without_alignment_a_head_that_moves_is_an_expression_that_moves():
    points = np.repeat(mesh()[None], 10, axis=0).astype(np.float32)
    points[:, :, 1] += np.linspace(0, 12, 10)[:, None]  # downward
    nod = sequence_from_points(points, np.zeros((10, 64, 64), np.uint8), fps=10, label="neutral")
    assert abs(nod.motion).max() < 1e-3
    moved = steps.unaligned(nod)
    heights = features.NAMES.index("chin_height"), features.NAMES.index("mouth_width")
    assert moved[-1, heights[0]] < -0.1 and abs(moved[:, heights[1]]).max() < 1e-3
    clips, sizes = steps.measured([nod], [nod], BY_NAME["without_alignment"])
    np.testing.assert_array_equal(clips[0].moved, moved)
    assert sizes[heights[0]] > 10 * sizes[heights[1]]


def test_without_resampling_a_step_is_a_frame():
    arm, clip = BY_NAME["without_resampling"], toy(frames=10)
    x = steps.whole(clip, arm)
    np.testing.assert_allclose(x[:10, :-1], clip.moved, atol=1e-6)
    assert x[:10, -1].all() and not x[10:].any()
    long = steps.whole(toy(frames=40), arm)
    assert long.shape == (STEPS, WIDTH + 1) and long[-1, -1] == 1  # cut, not squeezed
    np.testing.assert_allclose(long[:, :-1], toy(frames=40).moved[:STEPS], atol=1e-6)


def test_without_variation_every_example_is_the_clip_itself():
    clip, arm = toy(), BY_NAME["without_variation"]
    for x, label in drawn("without_variation", clip, 5):
        np.testing.assert_array_equal(x, steps.whole(clip, arm))
        assert label == 4


def ramps(x: np.ndarray) -> bool:
    """Whether a measure rises without any jitter."""
    return bool((np.diff(x[:, 0]) >= -1e-9).all())


def test_each_variation_can_be_left_out():
    x, found, rng = np.zeros((12, WIDTH)), np.ones(12, bool), np.random.default_rng(0)
    assert 0.0005 < steps.noisy(x, found, rng, reference=True).std() < 0.02
    assert all(ramps(x) for x, label in drawn("without_noise", toy()) if label)
    assert not all(ramps(x) for x, label in drawn("all", toy()) if label)
    assert {label for _, label in drawn("without_stretch", toy())} == {4}
    assert {label for _, label in drawn("all", toy())} == {0, 4}
    assert all(x[:, -1].all() for x, _ in drawn("without_drop", toy()))
    assert not all(x[:, -1].all() for x, _ in drawn("all", toy()))


def test_without_mirror_sides_keep_their_places():
    right, left = (features.NAMES.index(f"lip_corner_up_{side}") for side in ("right", "left"))
    moved = np.zeros((12, WIDTH))
    moved[:, right] = np.linspace(0, 5, 12)  # one side only
    clip = replace(toy(), moved=moved)

    def side(name):
        arm = replace(BY_NAME[name], variations=tuple(v for v in BY_NAME[name].variations if v != "stretch"))
        rng = np.random.default_rng(0)
        last = [steps.sample(clip, arm, rng)[0][-1] for _ in range(40)]
        return {"right" if abs(x[right]) > abs(x[left]) else "left" for x in last}

    assert side("without_mirror") == {"right"} and side("all") == {"right", "left"}


def test_an_epoch_has_the_same_size_for_any_number_of_clips():
    for count in (3, 70, 900):
        clips = [replace(toy(), label=k % 7) for k in range(count)]
        seen = list(steps.epoch(clips, BY_NAME["without_variation"], np.random.default_rng(0)))
        x, y = (torch.cat(parts) for parts in zip(*seen, strict=True))
        assert x.shape == (steps.DRAWS, STEPS, WIDTH + 1) and len(y) == steps.DRAWS
        if count == 70:  # ten rounds over all of them
            assert torch.bincount(y, minlength=7).tolist() == [100] * 7


def test_an_unknown_way_to_measure_is_refused():
    with pytest.raises(BadInput, match="unknown way to measure"):
        steps.measured([sequence()], [sequence()], steps.Arm("odd", measured="magic"))
