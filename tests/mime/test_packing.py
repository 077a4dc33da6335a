"""Clips as arrays and back: nothing is lost, and frames decode when they are asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from fer_nb.clips import Clip
from fer_nb.labels import LABELS
from fer_nb.mime.packing import CONDITIONS, JpegFrames, encode, pack, unpack


def picture(level: int) -> np.ndarray:
    image = np.full((16, 24, 3), level, np.uint8)
    image[:8, :12] = (250, 40, 10)
    return image


def toy(count: int, label: str, person: int) -> Clip:
    rng = np.random.default_rng(person)
    values = (person, 1, True, 0.5 + person, False, 2, True, False)
    return Clip(
        frames=JpegFrames(tuple(encode(picture(40 * t), 90) for t in range(count))), fps=12.5, label=label,
        landmarks=rng.normal(size=(count, 478, 3)).astype(np.float32),
        units=rng.uniform(size=(count, 22)).astype(np.float32),
        conditions=dict(zip(CONDITIONS, values, strict=True)),
    )  # fmt: skip


@pytest.fixture
def frames() -> JpegFrames:
    return JpegFrames(tuple(encode(picture(40 * t), 95) for t in range(5)))


def test_frames_keep_their_colors(frames: JpegFrames) -> None:
    assert len(frames) == 5 and frames[0].shape == (16, 24, 3) and frames[0].dtype == np.uint8
    np.testing.assert_allclose(frames[3][12, 20], 120, atol=4)
    red, green, blue = frames[3][3, 3].astype(int)
    assert red > 200 > 100 > green and blue < 100, "RGB, not BGR"


def test_frames_are_a_sequence(frames: JpegFrames) -> None:
    np.testing.assert_array_equal(frames[-1], frames[4])
    assert frames[1:4].shape == (3, 16, 24, 3) and frames[np.int64(2)].shape == (16, 24, 3)
    stacked = np.asarray(frames)
    assert stacked.dtype == np.uint8 and stacked.shape == (5, 16, 24, 3)
    np.testing.assert_array_equal(stacked, np.stack(list(frames)))
    assert np.asarray(frames, np.float32).dtype == np.float32
    with pytest.raises(IndexError):
        frames[5]


def test_frames_decode_one_at_a_time(frames: JpegFrames, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, calls = cv2.imdecode, []
    monkeypatch.setattr(cv2, "imdecode", lambda *a: calls.append(1) or decode(*a))
    assert len(frames) == 5 and calls == []
    frames[2]
    assert calls == [1]


def test_quality_costs_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    assert len(encode(noise, 40.0)) < len(encode(noise, 95.0))


def test_packing_is_undone_bit_for_bit() -> None:
    clips = [toy(3, "fear", 4), toy(1, "neutral", 4), toy(5, "surprise", 9)]
    arrays = pack(clips)
    assert all(value.dtype != object for value in arrays.values())
    for clip, fields in zip(clips, unpack(arrays), strict=True):
        assert fields["label"] == clip.label in LABELS and fields["fps"] == clip.fps
        assert fields["conditions"] == clip.conditions
        assert {type(v) for v in fields["conditions"].values()} <= {int, bool, float}
        np.testing.assert_array_equal(fields["landmarks"], clip.landmarks)
        np.testing.assert_array_equal(fields["units"], clip.units)
        np.testing.assert_array_equal(np.asarray(fields["frames"]), np.asarray(clip.frames))
