"""What does our training loop cost? `python -m fer_nb.experiments.train_speed`.

The same model, the same batches and the same optimizer go through `training.fit` and through the shortest
loop that PyTorch allows. Ours does more: it averages the weights, clips gradients and scores each epoch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import nn

from .. import results
from ..spatial import SpatialNet
from ..training import Batch, Plan, cross_entropy, fit
from ._race import race, record

RECORDS = ("train.throughput_ratio",)
ROUNDS, BATCHES, SIZE = 7, 12, 64


def toy_batches(count: int = BATCHES, size: int = SIZE) -> list[Batch]:
    """Return random crops (B, 1, 64, 64) and labels (B,): speed does not depend on what they show."""
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.rand(size, 1, 64, 64, generator=generator), torch.randint(0, 7, (size,), generator=generator))
        for _ in range(count)
    ]


def ours(batches: Sequence[Batch]) -> nn.Module:
    """Train for one epoch with the loop of the package."""
    torch.manual_seed(0)
    return fit(SpatialNet(), lambda rng: batches, lambda model: 0.0, plan=Plan(epochs=1)).model


def bare(batches: Sequence[Batch]) -> nn.Module:
    """Train for one epoch with nothing but loss, gradient and step."""
    torch.manual_seed(0)
    model, plan = SpatialNet().train(), Plan(epochs=1)
    optimizer = torch.optim.AdamW(model.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
    for x, y in batches:
        loss = cross_entropy(model, x, y, smoothing=plan.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def run() -> list[results.Record]:
    """Measure and record."""
    began, batches = time.perf_counter(), toy_batches()
    ours(batches), bare(batches)  # not timed: libraries load
    measured = race(lambda: ours(batches), lambda: bare(batches), rounds=ROUNDS)
    return [
        record(
            RECORDS[0], measured, target=0.9, unit="ratio of samples per second",
            command="python -m fer_nb.experiments.train_speed", seconds=time.perf_counter() - began,
            over=f"{BATCHES} batches of {SIZE} for the spatial branch",
        )
    ]  # fmt: skip


if __name__ == "__main__":
    print(run()[0])
