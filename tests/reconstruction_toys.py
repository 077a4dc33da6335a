"""A tiny world for tests of the reconstruction experiment: people are patterns, expressions are stripes."""

from __future__ import annotations

import numpy as np

from fer_nb.experiments._reconstruction_lab import Stills, World

UNITS = 22


def stills(people: range, sessions: int = 2, clips: int = 3, *, seed: int = 0) -> Stills:
    """Two stills of each clip; a person's pattern stays, its light changes with the session."""
    rng = np.random.default_rng(seed)
    rows = [(p, s, c, k) for s in range(sessions) for p in people for c in range(clips) for k in (1, 0)]
    crops, units = [], []
    for person, session, clip, apex in rows:
        face = np.random.default_rng(person).uniform(60, 190, (8, 8)).repeat(8, 0).repeat(8, 1)
        face[40 + 4 * clip : 44 + 4 * clip] += 40 * (1 + apex) / 2
        crops.append(np.clip(face * (0.8 + 0.2 * session) + rng.normal(0, 3, face.shape), 0, 255))
        units.append(np.eye(UNITS)[clip] * (1 + apex) / 2 + rng.uniform(0, 0.05, UNITS))
    table = np.array(rows)
    oval = np.zeros((64, 64), bool)
    oval[8:60, 10:54] = True
    return Stills(
        crops=np.array(crops, np.uint8), ovals=np.repeat(oval[None], len(rows), 0),
        units=np.clip(units, 0, 1).astype(np.float32),
        labels=np.where(table[:, 3] == 1, table[:, 2], -100), apex=table[:, 3] == 1, person=table[:, 0],
        session=table[:, 1], clip=np.arange(len(rows)) // 2,
        poses=rng.normal(0, 0.1, (len(rows), 3)).astype(np.float32),
    )  # fmt: skip


def world(split: str = "toy") -> World:
    """Three populations that share nobody."""
    judge = stills(range(8))
    attacker = stills(range(20, 26), seed=1)
    own = judge.of(judge.session == 0)
    mine = stills(range(40, 44), 3, seed=2)
    return World(split, own, judge, attacker.joined(attacker.mirrored()), mine)
