"""Reading of files below `clips`: order of names, kinds of images, names with any letters, playlists."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fer_nb._media import ImageFrames, VideoFrames, as_rgb8, natural_order, read_image
from fer_nb.errors import BadInput
from tests.toys import Toys


def test_natural_order_is_total() -> None:
    names = ["b1", "a10b2", "a10b10", "a2", "a", "1", "01", "A2x", "é3"]
    assert sorted(names, key=natural_order) == sorted([*names[4:], *names[:4]], key=natural_order)
    assert sorted(["9", "10", "x"], key=natural_order) == ["9", "10", "x"]


def test_as_rgb8_refuses_what_is_no_image() -> None:
    nan = np.full((4, 4), np.nan)
    for bad in (np.zeros(5), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8), nan, nan * 0 + 7.0,
                np.zeros((4, 4), np.int64)):  # fmt: skip
        with pytest.raises(BadInput) as caught:
            as_rgb8(bad, name="x.png")
        assert str(caught.value).startswith("x.png: ") and "\n" not in str(caught.value)
    assert (as_rgb8(np.eye(3, dtype=bool))[0, 0] == 255).all()


def test_names_with_any_letters(tmp_path: Path) -> None:
    folder = tmp_path / "Ünï cödé 顔"
    folder.mkdir()
    video = Toys(folder).video("笑顔 %d.mp4")
    assert len(VideoFrames(video)) == 6
    picture = folder / "ß.png"
    picture.write_bytes(cv2.imencode(".png", np.full((4, 5, 3), 9, np.uint8))[1].tobytes())
    assert (read_image(picture) == 9).all()


def test_a_picture_is_turned_upright_by_its_tag(tmp_path: Path) -> None:
    image = np.zeros((8, 16, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    turned = jpeg[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + jpeg[2:]
    (tmp_path / "phone.jpg").write_bytes(turned)
    assert ImageFrames([tmp_path / "phone.jpg"]).size == (16, 8)


def test_a_float_picture_is_clipped(tmp_path: Path) -> None:
    path = tmp_path / "float.tif"
    assert cv2.imwrite(str(path), np.full((4, 4, 3), 0.5, np.float32))
    assert np.abs(read_image(path).astype(int) - 128).max() < 5


def test_playlists_are_not_followed(tmp_path: Path) -> None:
    video = Toys(tmp_path).video("a.mp4")
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/{video.name}\n")
    start = time.perf_counter()
    with pytest.raises(BadInput, match=r"list\.m3u8"):
        VideoFrames(playlist)
    assert time.perf_counter() - start < 2, "nothing was asked for over a network"


def test_a_frame_that_vanishes_is_one_line(tmp_path: Path) -> None:
    paths = [tmp_path / "1.png", tmp_path / "2.png"]
    for path in paths:
        cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint8))
    frames = ImageFrames(paths)
    paths[1].unlink()
    with pytest.raises(BadInput, match=r"2\.png: cannot be opened"):
        list(frames)
    assert repr(frames) == "ImageFrames('1.png', 4x4)"
