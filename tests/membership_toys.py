"""Toy people for tests of membership: seven noisy gratings each, in no time."""

from __future__ import annotations

import zlib

import numpy as np

from fer_nb.apex_stills import Stills
from fer_nb.experiments._membership_lab import Sizes

SIZES = Sizes(members=6, owned=9, others=12, targets=2)


def toy_stills(block: str, *, people: int, session: int = 0, **_: object) -> Stills:
    """Stills whose class is a direction; each person has noise of their own."""
    rng = np.random.default_rng([zlib.crc32(block.encode()), session])
    angle = np.pi * np.arange(7) / 7
    y, x = np.mgrid[:64, :64] / 10
    waves = np.sin(np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y)  # (7, 64, 64)
    crops = 128 + 60 * waves + rng.normal(0, 30, (people, 7, 64, 64))
    names = tuple(f"{block}/{k}" for k in range(people))
    seen = np.ones((people, 7), bool)
    return Stills(crops.clip(0, 255).astype(np.uint8), np.zeros((people, 7, 22), np.float32), seen, names)
