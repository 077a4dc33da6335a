from typing import ClassVar

import numpy as np
import pytest

from fer_nb import crops
from fer_nb.clips import Clip
from fer_nb.errors import BadInput
from tests.faces import mesh


class FakeTracker:
    """Finds the toy face in every frame that is not black; counts nothing, detects nothing."""

    opened: ClassVar[list[str]] = []

    def __init__(self, kind="tracking"):
        self.opened.append(kind)

    @classmethod
    def static(cls):
        return cls("static")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, frame):
        factor = frame.shape[0] / 160
        return (mesh() * factor).astype(np.float32) if frame.any() else np.full((478, 3), np.nan, np.float32)


@pytest.fixture
def tracker(monkeypatch):
    FakeTracker.opened = []
    monkeypatch.setattr(crops, "FaceTracker", FakeTracker)
    return FakeTracker


def gradient(side=160):
    ramp = np.linspace(0, 255, side)
    return np.repeat(np.add.outer(ramp, ramp)[..., None] / 2, 3, axis=2).astype(np.uint8)


def test_eyes_land_where_they_should():
    image = np.zeros((160, 160, 3), np.uint8)
    face = mesh()
    for i in (33, 263):
        x, y = face[i, :2].round().astype(int)
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    crop = crops.crop_face(image, face)
    rows, columns = np.nonzero(crop > 60)
    assert abs(np.median(rows) - 21) <= 2
    assert abs((columns.max() + columns.min()) / 2 - 32) <= 2
    assert abs(columns.max() - columns.min() - 30) <= 5


def test_crop_does_not_change_with_place_size_and_roll():
    image, face = gradient(), mesh()
    direct = crops.crop_face(image, face)
    larger = np.repeat(np.repeat(image, 2, 0), 2, 1)
    assert np.abs(crops.crop_face(larger, 2 * face).astype(int) - direct).max() <= 4
    upside = face * [-1, -1, 1] + [159, 159, 0]
    assert np.abs(crops.crop_face(image[::-1, ::-1], upside).astype(int) - direct).max() <= 4


def test_outside_of_the_oval_is_one_gray():
    crop = crops.crop_face(gradient(), mesh())
    corners = crop[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == corners[0]).all()
    assert crop[32, 32] != corners[0]


def test_trace_counts_frames_without_a_face(tracker):
    frames = np.stack([gradient(), np.zeros((160, 160, 3), np.uint8), gradient()])
    points, cut = crops.trace(Clip(frames, 25.0))
    assert np.isfinite(points).all((1, 2)).tolist() == [True, False, True]
    assert not cut[1].any() and cut[0].any()
    assert tracker.opened == ["tracking"]


@pytest.mark.parametrize("side", [24, 160, 1000])
def test_any_resolution_gives_points_in_the_pixels_of_the_clip(tracker, side):
    points, cut = crops.trace(Clip(np.full((1, side, side, 3), 90, np.uint8), 25.0))
    np.testing.assert_allclose(points[0], mesh() * side / 160, rtol=0.01, atol=0.05)
    assert cut.shape == (1, 64, 64)


def test_stills_are_searched_one_by_one(tracker):
    crops.trace(Clip(np.stack([gradient()] * 2), 1.0))
    assert tracker.opened == ["static"]


def test_many_clips_are_kept_and_taken_up_again(tracker, cache_folder):
    clips = [Clip(np.stack([gradient()] * (2 + i)), 25.0, source=f"toy{i}") for i in range(3)]
    made = crops.trace_many(clips, key="toy", workers=1, progress=False)
    (kept,) = (cache_folder / "faces" / "toy").glob("*.npz")
    tracker.opened.clear()
    again = crops.trace_many(clips, key="toy", workers=1, progress=False)
    assert tracker.opened == []  # nothing was detected a second time
    for (p, c), (q, d) in zip(made, again, strict=True):
        np.testing.assert_array_equal(p, q)
        np.testing.assert_array_equal(c, d)
    kept.write_bytes(kept.read_bytes()[:-40])  # cut short: made again
    with pytest.warns(UserWarning):
        assert len(crops.trace_many(clips, key="toy", workers=1, progress=False)) == 3
    assert tracker.opened


def test_other_clips_under_the_same_key_are_not_mixed_up(tracker, cache_folder):
    first = [Clip(np.stack([gradient()] * 2), 25.0, source="a")]
    second = [Clip(np.stack([gradient() // 2] * 2), 25.0, source="a")]  # same name, other pixels
    one = crops.trace_many(first, key="toy", workers=1, progress=False)
    other = crops.trace_many(second, key="toy", workers=1, progress=False)
    assert not np.array_equal(one[0][1], other[0][1])


def test_empty_clip_is_a_one_line_error(tracker):
    class Nothing:
        fps, source = 25.0, "empty.mp4"

        @staticmethod
        def iter_frames():
            return iter(())

    with pytest.raises(BadInput, match=r"empty\.mp4: .*no frame"):
        crops.trace(Nothing())
