"""Clips: every kind of file gives upright RGB frames, or one line that says what is wrong."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_nb import clips
from fer_nb._media import VideoFrames
from fer_nb.clips import Clip, as_rgb8, clip_from_frames, read_clip
from fer_nb.errors import BadInput
from tests.toys import Toys

FORMATS = {
    "a.mp4": ("libx264", "yuv420p"),
    "a.mov": ("mpeg4", "yuv420p"),
    "a.mkv": ("libx264", "yuv420p"),
    "a.avi": ("mpeg4", "yuv420p"),
    "a.webm": ("libvpx", "yuv420p"),
    "a.flv": ("flv", "yuv420p"),
    "a.gif": ("gif", "rgb8"),
}


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


def one_line(error: BaseException, *words: str) -> None:
    """Check that a message is one line with these words and a remedy after a colon."""
    text = str(error)
    assert "\n" not in text and len(text.rsplit(": ", 1)[-1].split()) >= 2, text
    for word in words:
        assert word in text, text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_frames(toys: Toys, name: str) -> None:
    codec, pixels = FORMATS[name]
    clip = read_clip(toys.video(name, codec=codec, pixels=pixels))
    frames = np.asarray(clip.frames)
    assert frames.shape == (6, 48, 64, 3) and frames.dtype == np.uint8 and len(clip) == 6
    assert clip.fps == pytest.approx(10, rel=0.01) and clip.seconds == pytest.approx(0.6, rel=0.01)
    red = frames[3, 2:8, 2:10].reshape(-1, 3).mean(0)
    assert red[0] > 200 and red[1] < 60 and red[2] < 60, "channels are in the order RGB"
    assert np.abs(frames[:, 40, 50].mean(1) - 20 * np.arange(6)).max() < 25


def test_iterating_streams_and_forgets(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    clip: Any = read_clip(toys.video("a.mp4"))
    passes = [np.stack(list(clip.iter_frames())) for _ in range(2)]
    assert clip.frames._kept is None
    assert np.array_equal(passes[0], passes[1])
    assert np.array_equal(clip.frames[2], passes[0][2]) and clip.frames._kept is not None
    assert np.array_equal(clip.frames[1:3], passes[0][1:3])
    monkeypatch.setattr(VideoFrames, "_stream", lambda self: pytest.fail("decoded again"))
    assert len(list(clip.iter_frames())) == len(clip) == 6


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "path of the clip is empty"),
        ("  ", "path of the clip is empty"),
        (None, "not a NoneType"),
        (np.zeros((2, 4, 4, 3)), "a Clip of frames"),
        ("x" * 300 + ".mp4", "cannot be looked up"),
    ],
    ids=["empty", "blank", "None", "frames", "long"],
)
def test_what_is_no_path_is_refused(path: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_clip(path)


def test_a_rate_that_is_no_number_is_refused(toys: Toys) -> None:
    with pytest.raises(BadInput, match="positive number"):
        read_clip(toys.video("a.mp4"), fps="30")  # type: ignore[arg-type]


def test_opening_decodes_one_frame_only(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen, stream = toys.video("a.mp4", frames=toys.frames(40)), [], VideoFrames._decode

    def counting(self: VideoFrames, *args: Any) -> Any:
        for frame in stream(self, *args):
            seen.append(1)
            yield frame

    monkeypatch.setattr(VideoFrames, "_decode", counting)
    read_clip(path)
    assert len(seen) == 1


def test_a_lazy_clip_travels_as_its_path(toys: Toys) -> None:
    clip = read_clip(toys.video("a.mp4"))
    assert clip.frames[0].any() and len(pickle.dumps(clip)) < 2000
    assert np.array_equal(pickle.loads(pickle.dumps(clip)).frames[4], clip.frames[4])


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_rotation_in_the_header_is_honored(toys: Toys, angle: int) -> None:
    shape = (64, 48) if angle % 180 else (48, 64)
    path = toys.video("turned.mp4")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix lies 40 bytes into the box's payload
    c, s = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[angle]
    for i, value in enumerate((c, s, 0, -s, c)):  # turns clockwise by the angle when shown
        data[at + 4 * i : at + 4 * i + 4] = (value * 65536).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    clip = read_clip(path)
    assert clip.size == shape and np.asarray(clip.frames).shape == (6, *shape, 3)
    expected = np.rot90(toys.frames(6)[3], -angle // 90)
    assert np.abs(clip.frames[3].astype(int) - expected)[..., 0].mean() < 20
    assert clip.frames[3].flags["C_CONTIGUOUS"]


def test_variable_frame_rate_gives_the_average(toys: Toys) -> None:
    stamps = [0, 40, 80, 280, 320, 500]
    for name, codec in (("vfr.mkv", "libx264"), ("vfr.webm", "libvpx")):
        clip = read_clip(toys.video(name, codec=codec, stamps=stamps))
        assert len(clip) == 6 and clip.fps == pytest.approx(5 / 0.5, rel=0.05)


def test_fps_can_be_told(toys: Toys) -> None:
    assert read_clip(toys.video("a.mp4"), fps=50).seconds == pytest.approx(6 / 50)
    for bad in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadInput) as caught:
            read_clip(toys.folder / "a.mp4", fps=bad)
        one_line(caught.value, "a.mp4", "positive")


def test_one_frame_video_is_read(toys: Toys) -> None:
    for name, codec, pixels in (("one.mp4", "mpeg4", "yuv420p"), ("one.gif", "gif", "rgb8")):
        clip = read_clip(toys.video(name, frames=toys.frames(1), codec=codec, pixels=pixels))
        assert len(clip) == 1 and 0 < clip.fps <= 240 and clip.seconds > 0


@pytest.mark.parametrize(("height", "width"), [(96, 32), (2, 2), (16, 16), (200, 8)])
def test_portrait_and_tiny_frames_are_read(toys: Toys, height: int, width: int) -> None:
    clip = read_clip(toys.video("small.mkv", codec="ffv1", frames=toys.frames(2, height=height, width=width)))
    assert clip.size == (height, width) and clip.frames[1].shape == (height, width, 3)


# ---- files that cannot be used ----


def test_zero_bytes(tmp_path: Path) -> None:
    for name in ("empty.mp4", "empty.png"):
        (tmp_path / name).touch()
        with pytest.raises(BadInput) as caught:
            read_clip(tmp_path / name)
        one_line(caught.value, name, "0 bytes")


def test_text_named_mp4(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("these are notes, not a video\n" * 50)
    with pytest.raises(BadInput) as caught:
        read_clip(tmp_path / "notes.mp4")
    one_line(caught.value, "notes.mp4", "no video")


@pytest.mark.parametrize("name", ["notes.txt", "data.csv", "code.py"])
def test_other_files_are_no_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n" * 100)
    with pytest.raises(BadInput) as caught:
        read_clip(tmp_path / name)
    one_line(caught.value, name)


def test_truncated_without_an_index(toys: Toys) -> None:
    path = toys.video("cut.mp4", frames=toys.frames(30))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # the index comes last in this file
    with pytest.raises(BadInput) as caught:
        read_clip(path)
    one_line(caught.value, "cut.mp4", "cut short", "copy it again")


@pytest.mark.parametrize("name", ["cut.avi", "cut.mkv", "fast.mp4"])
def test_truncated_with_readable_frames_gives_them_and_warns(toys: Toys, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    path = toys.video(name, frames=noise) if name != "fast.mp4" else _with_index_first(toys, noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        count = sum(1 for _ in read_clip(path).iter_frames())
    assert 5 < count < 30
    if name != "cut.mkv":  # its header promises no number of frames
        assert len(caught) == 1
        one_line(caught[0].message, name, "cut short", f"{count} of 40")  # type: ignore[arg-type]


def _with_index_first(toys: Toys, frames: np.ndarray) -> Path:
    import av

    source, path = toys.video("slow.mp4", frames=frames), toys.folder / "fast.mp4"
    with av.open(str(source)) as old, av.open(str(path), "w", options={"movflags": "faststart"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return Path(path)


def test_damage_in_the_middle_is_survived(toys: Toys) -> None:
    path = toys.video("hole.mp4", frames=np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(read_clip(path)) >= 10


def test_sound_only(toys: Toys) -> None:
    with pytest.raises(BadInput) as caught:
        read_clip(toys.sound("song.mp4"))
    one_line(caught.value, "song.mp4", "sound but no picture")


def test_missing_and_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_clip(tmp_path / "gone.mp4")
    one_line(caught.value, "gone.mp4", "no such file")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "readme.txt").write_text("x")
    (tmp_path / "frames" / ".hidden.png").write_text("x")
    with pytest.raises(BadInput) as caught:
        read_clip(tmp_path / "frames")
    one_line(caught.value, "frames", "no images")


# ---- folders and images ----


def _image(path: Path, value: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), value)


def test_folder_in_natural_order_at_25(tmp_path: Path) -> None:
    for i in (1, 2, 10, 11):
        _image(tmp_path / "f" / f"frame{i}.png", np.full((8, 8, 3), i, np.uint8))
    clip = read_clip(tmp_path / "f")
    assert [int(frame[0, 0, 0]) for frame in clip.iter_frames()] == [1, 2, 10, 11]
    assert clip.fps == 25 and clip.seconds == pytest.approx(4 / 25)
    assert read_clip(tmp_path / "f", fps=5).fps == 5


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "PNG", "JPEG"])
def test_every_image_format(tmp_path: Path, suffix: str) -> None:
    _image(tmp_path / "f" / f"1.{suffix}", np.full((16, 16, 3), (10, 100, 200), np.uint8))  # BGR
    assert np.abs(read_clip(tmp_path / "f").frames[0].reshape(-1, 3).mean(0) - (200, 100, 10)).max() < 5


@pytest.mark.parametrize(
    "image",
    [
        np.full((8, 6), 128, np.uint8),
        np.full((8, 6, 4), 128, np.uint8),
        np.full((8, 6), 128 * 257, np.uint16),
        np.full((8, 6, 3), 128 * 257, np.uint16),
        np.full((8, 6, 4), 128 * 257, np.uint16),
    ],
    ids=["gray8", "rgba8", "gray16", "rgb16", "rgba16"],
)
def test_gray_rgba_and_16_bit_images(tmp_path: Path, image: np.ndarray) -> None:
    _image(tmp_path / "f" / "1.png", image)
    frame = read_clip(tmp_path / "f").frames[0]
    assert frame.shape == (8, 6, 3) and frame.dtype == np.uint8 and (frame == 128).all()
    assert (as_rgb8(image) == 128).all()


def test_gray_video(toys: Toys) -> None:
    clip = read_clip(toys.video("gray.mkv", codec="ffv1", pixels="gray"))
    assert clip.frames[3].shape == (48, 64, 3) and (clip.frames[3][40, 50] == 60).all()


def test_one_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    _image(tmp_path / "me.png", np.zeros((8, 8, 3), np.uint8))
    assert len(read_clip(tmp_path / "me.png")) == 1


def test_frames_of_two_sizes(tmp_path: Path) -> None:
    _image(tmp_path / "f" / "1.png", np.zeros((8, 8, 3), np.uint8))
    _image(tmp_path / "f" / "2.png", np.zeros((8, 9, 3), np.uint8))
    with pytest.raises(BadInput) as caught:
        list(read_clip(tmp_path / "f").iter_frames())
    one_line(caught.value, "2.png", "9x8", "8x8")


def test_text_named_png(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "1.png").write_text("no image")
    with pytest.raises(BadInput) as caught:
        read_clip(tmp_path)
    one_line(caught.value, "1.png", "not an image")
    assert capfd.readouterr().err == ""


# ---- the type itself ----


def test_clip_checks_its_fields() -> None:
    good = np.zeros((3, 4, 4, 3), np.uint8)
    points = np.full((3, 478, 3), np.nan, np.float32)  # NaN landmarks are allowed: no face was found
    assert np.isnan(Clip(good, 25, landmarks=points).landmarks).all()  # type: ignore[arg-type]
    for frames, fields, word in (
        (good, {"label": "joy"}, "unknown label 'joy'"),
        (good, {"landmarks": points[:2]}, "2 rows of landmarks"),
        (good, {"landmarks": points[:, :468]}, "478"),
        (good, {"units": np.zeros((4, 5))}, "4 rows of units"),
        (good[:0], {}, "empty"),
        (good[..., 0], {}, "clip_from_frames"),
        (good.astype(float), {}, "clip_from_frames"),
    ):
        with pytest.raises(BadInput) as caught:
            Clip(frames, 25, **fields)  # type: ignore[arg-type]
        one_line(caught.value, word)


def test_clip_from_frames() -> None:
    clip = clip_from_frames([np.zeros((4, 5), np.uint8), np.ones((4, 5, 4), np.uint8)], label="fear")
    assert clip.frames.shape == (2, 4, 5, 3) and clip.label == "fear"  # type: ignore[union-attr]
    for bad in ([], [np.zeros((4, 5)), np.zeros((5, 4))]):
        with pytest.raises(BadInput) as caught:
            clips.clip_from_frames(bad, source="cam")
        one_line(caught.value, "cam")
