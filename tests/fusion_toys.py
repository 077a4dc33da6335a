"""Toy tables like those of `crossfit`: Gaussian branches, three folds, seven clips a person."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fer_nb.experiments.fusion_toy import toy
from fer_nb.labels import LABELS

NETWORKS = (("temporal", 0, 0.85), ("temporal", 1, 0.85), ("spatial", 0, 0.7), ("wide", 0, 0.86),
            ("wide", 1, 0.86), ("joint", 0, 0.9))  # fmt: skip
FOLDS = 3


def pooled_table(people: int = 24) -> pd.DataFrame:
    """One row for each clip and network; the people are divided into folds."""
    parts = []
    for number, (branch, seed, accuracy) in enumerate(NETWORKS):
        z, y = toy(7 * people, accuracy=accuracy, branches=1, seed=number)
        table = pd.DataFrame(z[0].astype(np.float32), columns=list(LABELS))
        person = [f"fit/{k // 7:03d}" for k in range(7 * people)]
        about = {
            "clip": [f"{p}/{LABELS[k]}" for p, k in zip(person, y, strict=True)],
            "person": person,
            "truth": y.astype(np.int8),
            "fold": (np.arange(7 * people) // 7 % FOLDS).astype(np.int8),
            "branch": branch,
            "seed": np.int8(seed),
        }
        for place, (column, value) in enumerate(about.items()):
            table.insert(place, column, value)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def validate_table(people: int = 6) -> pd.DataFrame:
    """The same clips for each fold's networks; the second half is the shifted twin, read less well."""
    parts = []
    for fold in range(FOLDS):
        for shifted in (False, True):
            table = pooled_table(people)
            table["clip"] = table["clip"].str.replace("fit", "validate") + ("/shift" if shifted else "")
            table["person"] = table["person"].str.replace("fit", "validate")
            table["fold"] = np.int8(fold)
            if shifted:
                noise = np.random.default_rng(fold).normal(0, 6, (len(table), 7))
                table[list(LABELS)] = (table[list(LABELS)] + noise).astype(np.float32)
            parts.append(table)
    return pd.concat(parts, ignore_index=True)
