"""Tiny videos for tests, made on the spot."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


class Toys:
    """Makes tiny videos in a folder; frame t is a field of gray 20 t with a red left upper corner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def frames(count: int, *, height: int = 48, width: int = 64) -> np.ndarray:
        """`(count, height, width, 3) uint8`, each frame of its own gray."""
        frames = np.zeros((count, height, width, 3), np.uint8)
        frames += (20 * np.arange(count) % 240).astype(np.uint8)[:, None, None, None]
        frames[:, : height // 4, : width // 4] = (250, 0, 0)
        return frames

    def video(
        self,
        name: str,
        *,
        frames: np.ndarray | None = None,
        codec: str = "mpeg4",
        pixels: str = "yuv420p",
        fps: int = 10,
        stamps: list[int] | None = None,
    ) -> Path:
        """Write a video and return its path; `stamps` are times of frames in milliseconds."""
        path = self.folder / name
        frames = self.frames(6) if frames is None else frames
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=fps)
            stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
            if stamps is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            for t, array in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                if stamps is not None:
                    frame.pts, frame.time_base = stamps[t], Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def sound(self, name: str) -> Path:
        """Write a file with an eighth of a second of silence and no picture."""
        path = self.folder / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("aac", rate=8000)
            frame: Any = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.planes[0].update(bytes(4096))
            frame.sample_rate = 8000
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path
