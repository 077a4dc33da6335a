"""One branch under attack: logits of the fold networks on crops changed by PGD, or by noise of equal size.

The attacker knows the spatial network of a fold and changes the apex crops of clips held out from it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .. import results
from ..cache import load_arrays, replacing, save_arrays
from ..labels import LABELS
from . import crossfit
from .fusion_data import Pooled

EPSILONS = (1, 2, 4)  # of 255; the bound on the change of a pixel
CLIPS = 200  # one clip each of as many people, the same number in each fold
STEPS = 20


def chosen(pooled: Pooled, clips: int = CLIPS, *, seed: int = 0) -> np.ndarray:
    """Return rows of the pooled folds: one clip each of different people, equally many from each fold."""
    rng = np.random.default_rng(seed)
    rows = []
    folds = np.unique(pooled.fold)
    for fold in folds:
        mine = np.flatnonzero((pooled.fold == fold) & np.isfinite(pooled.logits["spatial-0"]).all(1))
        people = rng.permutation(np.unique(pooled.person[mine]))[: clips // len(folds)]
        rows += [int(rng.choice(mine[pooled.person[mine] == person])) for person in people]
    return np.array(sorted(rows))


def attack(
    model: Any, x: torch.Tensor, y: torch.Tensor, *, steps: int = STEPS, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return logits (N, 7) of changed crops, rounded to 8 bits, by the name of the change.

    Parameters
    ----------
    model : network from (N, 1, 64, 64) in [0, 1] to (N, 7)
    x, y : crops and true labels
    """
    import foolbox

    torch.manual_seed(seed)
    target = foolbox.PyTorchModel(model.eval(), bounds=(0, 1), device="cpu")
    pgd = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=0.1)
    _, found, _ = pgd(target, x, y, epsilons=[e / 255 for e in EPSILONS])
    sign = torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    changed = {f"PGD {e}/255": images for e, images in zip(EPSILONS, found, strict=True)}
    changed[f"noise {EPSILONS[-1]}/255"] = (x + EPSILONS[-1] / 255 * sign).clamp(0, 1)
    return {name: crossfit.logits(model, (seen(images),)) for name, images in changed.items()}


def seen(images: torch.Tensor) -> torch.Tensor:
    """Round images in [0, 1] to 8 bits, as a stored picture is."""
    return (images * 255).round() / 255


def attacked_logits(pooled: Pooled, *, people: int = crossfit.PEOPLE, clips: int = CLIPS) -> Any:
    """Return a table of attacked clips: clip, change, seven logits of the spatial branch; keep it in results.

    Each fold is a unit of work and kept in the cache.
    """
    import pandas as pd

    rows, data, tables = chosen(pooled, clips), None, []
    for fold in np.unique(pooled.fold):
        unit = crossfit.Unit("spatial", 0, int(fold))
        mine = rows[pooled.fold[rows] == fold]
        path = crossfit.path_of(unit, people).with_name(f"pgd-{clips}-{STEPS}-fold{fold}.npz")
        kept = load_arrays(path)
        if kept is None:
            data = data or crossfit.load_data(people)
            faces = dict(zip(data.source["fit"], data.faces["fit"], strict=True))
            x = crossfit.inputs("spatial", [faces[clip] for clip in pooled.clip[mine]])[0]
            y = torch.from_numpy(pooled.truth[mine])
            kept = attack(crossfit.load_model(unit, people), x, y)
            save_arrays(path, kept)
        for change, logits in kept.items():
            table = pd.DataFrame(logits, columns=list(LABELS))
            table.insert(0, "change", change)
            table.insert(0, "clip", pooled.clip[mine])
            tables.append(table)
    whole = pd.concat(tables, ignore_index=True)
    with replacing(results.folder() / "predictions" / "fusion_pgd.parquet") as temporary:
        whole.to_parquet(temporary, index=False, compression="zstd")
    return whole
