"""Is our PGD the one of the books? `python -m fer_nb.experiments.attack_agreement`.

On pictures, where Foolbox has it, ours is held against `LinfPGD`: pixel by pixel without random start, in
float64; and by accuracy with random starts, at a bound that leaves about half. Nothing is rounded here.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from .. import results, spatial
from ..attacks import Attackable, under_attack
from ..gradient_attacks import pgd
from . import _attack_lab as lab

EACH = (1, 2)  # clips of a person: pixel by pixel, by accuracy
HALVES = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # bounds in 1/255, among which one leaves about half
SEEDS = (0, 1, 2)
RECORDS = (
    "attack.foolbox_agreement", "attack.foolbox_agreement.accuracy", "attack.foolbox_agreement.level",
    "attack.foolbox_agreement.ours",
)  # fmt: skip


def agreement(model: Attackable, who: lab.Victims, *, steps: int = 40) -> dict[str, float]:
    """Hold our PGD against Foolbox's: pixels without random start in float64, accuracies with it.

    Returns
    -------
    dict with "pixels" (largest difference), "level" (bound in 1/255 that leaves about half), "ours" and
    "foolbox" (accuracies there, mean of three seeds), "difference"
    """
    import foolbox

    def theirs(x: torch.Tensor, y: torch.Tensor, epsilon: float, *, start: bool) -> torch.Tensor:
        attack = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=0.1, random_start=start)
        return attack(foolbox.PyTorchModel(model, bounds=(0, 1)), x, y, epsilons=epsilon)[1]

    def right(images: torch.Tensor, y: torch.Tensor) -> float:
        with torch.no_grad():
            return float((model(images).argmax(1) == y).float().mean())

    def work() -> dict[str, np.ndarray]:
        few, mine = who.some(EACH[0]), who.some(EACH[1])
        x, y = few.x.double(), few.y
        model.double()
        a = pgd(model, x, y, epsilon=8 / 255, steps=steps, random_start=False)
        pixels = float((a - theirs(x, y, 8 / 255, start=False)).abs().max())
        model.float()
        x, y = mine.x, mine.y
        left = [right(pgd(model, x, y, epsilon=k / 255, steps=20), y) for k in HALVES]
        level = HALVES[int(np.argmin(np.abs(np.array(left) - 0.5)))]
        each = []
        for seed in SEEDS:
            ours = right(pgd(model, x, y, epsilon=level / 255, steps=steps, seed=seed), y)
            torch.manual_seed(seed)
            each.append((ours, right(theirs(x, y, level / 255, start=True), y)))
        return {"pixels": np.array(pixels), "level": np.array(level), "each": np.array(each)}

    unit = lab.kept(f"{who.split}-agreement-{steps}-{len(who.faces)}", work)
    ours, foolbox_mean = unit["each"].mean(0)
    return {"pixels": float(unit["pixels"]), "level": float(unit["level"]), "ours": float(ours),
            "foolbox": float(foolbox_mean), "difference": abs(float(ours - foolbox_mean))}  # fmt: skip


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Compare, then write records."""
    began = time.perf_counter()
    who = lab.victims(split, people)
    same = agreement(under_attack(spatial.load()), who)
    few, mine = who.some(EACH[0]), who.some(EACH[1])
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    bound = f"{same['level']:g}/255, random start, mean of three seeds, not rounded"
    return [
        lab.record("attack.foolbox_agreement", same["pixels"], few, unit="of [0, 1]", direction="down",
                   target=1e-6, note="largest difference of a pixel to Foolbox's LinfPGD: 8/255, 40 steps, "
                   "no random start, float64", **common),
        lab.record("attack.foolbox_agreement.accuracy", same["difference"], mine, unit="accuracy",
                   direction="down", target=0.01, note=f"difference of accuracies at {bound}",
                   **{**common, "seeds": SEEDS}),
        lab.record("attack.foolbox_agreement.level", same["level"], mine, unit="1/255",
                   note="the bound that leaves about half", **common),
        lab.record("attack.foolbox_agreement.ours", same["ours"], mine, unit="accuracy",
                   note=f"our PGD at {bound}", **{**common, "seeds": SEEDS}),
    ]  # fmt: skip


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--split", default=lab.SPLIT, help="block whose clips are attacked")
    for record in run(split=parser.parse_args().split):
        print(f"{record.id}: {record.value:.4g}")


if __name__ == "__main__":
    main()
