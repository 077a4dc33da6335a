"""Many pictures of equal size in one WebP image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import BadInput

EDGE = 16383  # longest side of a WebP image
MARGIN = 4  # pixels around each picture, as far as the codec smears


@dataclass(frozen=True)
class Sheet:
    """All pictures of a figure in one WebP image of equal cells, row by row.

    `cell` is the height and width of a picture. Each lies `MARGIN` pixels inside a `pitch`, a multiple of
    16 pixels filled with the picture's own edge, so that the codec does not mix neighbors.
    """

    data: bytes
    count: int
    columns: int
    cell: tuple[int, int]
    pitch: tuple[int, int]

    def decode(self, index: int) -> np.ndarray:
        """Return picture `index`, `(H, W, 3) uint8` RGB, as a reader's browser sees it."""
        sheet = cv2.cvtColor(cv2.imdecode(np.frombuffer(self.data, np.uint8), 1), cv2.COLOR_BGR2RGB)
        row, column = divmod(index, self.columns)
        y, x = row * self.pitch[0] + MARGIN, column * self.pitch[1] + MARGIN
        return sheet[y : y + self.cell[0], x : x + self.cell[1]]


def rgb(image: np.ndarray) -> np.ndarray:
    """Return `(H, W, 3) uint8` from grey or color, `uint8` or floats in [0, 1]."""
    image = np.asarray(image)
    if image.dtype != np.uint8:
        image = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image[..., :3]


def webp(image: np.ndarray, quality: int) -> bytes:
    """Return a picture `(H, W, 3) uint8` as WebP bytes."""
    done, data = cv2.imencode(".webp", image[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise BadInput("explore: the pictures could not be packed, use fewer or smaller ones")
    return data.tobytes()


def pack(pictures: Sequence[np.ndarray], *, quality: int = 80) -> Sheet:
    """Pack pictures of equal size `(H, W, 3) uint8` into one WebP image, nearly square.

    Raises
    ------
    BadInput
        If the sizes differ or the sheet would be larger than WebP allows.

    Examples
    --------
    >>> pack([np.full((20, 20, 3), g, np.uint8) for g in (0, 90, 255)]).decode(2).mean() > 250
    True
    """
    height, width = pictures[0].shape[:2]
    if any(picture.shape != (height, width, 3) for picture in pictures):
        raise BadInput("explore: draw returned pictures of different sizes, keep one size")
    pitch = (height + 2 * MARGIN + 15) // 16 * 16, (width + 2 * MARGIN + 15) // 16 * 16
    down, right = pitch[0] - height - MARGIN, pitch[1] - width - MARGIN
    columns = math.ceil(math.sqrt(len(pictures) * pitch[0] / pitch[1]))
    rows = -(-len(pictures) // columns)
    if max(rows * pitch[0], columns * pitch[1]) > EDGE:
        raise BadInput(f"explore: the sheet is larger than {EDGE} pixels, use smaller pictures")
    sheet = np.zeros((rows * pitch[0], columns * pitch[1], 3), np.uint8)
    for k, picture in enumerate(pictures):
        y, x = k // columns * pitch[0], k % columns * pitch[1]
        padded = np.pad(picture, ((MARGIN, down), (MARGIN, right), (0, 0)), mode="edge")
        sheet[y : y + pitch[0], x : x + pitch[1]] = padded
    return Sheet(webp(sheet, quality), len(pictures), columns, (height, width), pitch)
