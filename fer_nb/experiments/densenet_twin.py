"""Is the book's dense network the published one? `python -m fer_nb.experiments.densenet_twin`."""

from __future__ import annotations

import time

import torch
from torchvision.models import densenet121

from .. import results
from ..densenet import DenseNet, copy_weights

RECORDS = ("spatial.densenet_equivalence",)
SEED, IMAGES = 0, 8


def largest_difference(seed: int = SEED, images: int = IMAGES) -> float:
    """Return the largest difference between the logits of DenseNet-121 here and in torchvision.

    Both have the same random weights and see the same random images.
    """
    torch.manual_seed(seed)
    twin, ours = densenet121(weights=None).eval(), DenseNet()
    copy_weights(twin.state_dict(), ours)
    x = torch.rand(images, 3, 224, 224)
    with torch.no_grad():
        return float((ours.eval()(x) - twin(x)).abs().max())


def run() -> list[results.Record]:
    """Measure and record."""
    began = time.perf_counter()
    record = results.record(
        RECORDS[0],
        largest_difference(),
        unit="logit",
        n=IMAGES,
        direction="down",
        target=1e-5,
        seeds=(SEED,),
        command="python -m fer_nb.experiments.densenet_twin",
        seconds=round(time.perf_counter() - began, 1),
        note="largest difference of logits, DenseNet-121, same random weights and images, float32",
    )
    results.write(record)
    return [record]


if __name__ == "__main__":
    print(run()[0])
