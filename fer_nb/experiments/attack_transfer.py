"""Does a change made for one network fool another? `python -m fer_nb.experiments.attack_transfer`.

Two more networks are trained apart from the shipped one, on half of its people, one session, and for a fixed
time: one of the same kind with another seed, and a residual one. PGD-40 is crafted on each and shown to all,
rounded to 8 bits. A row is the source, a column the network that reads the pictures.

A first run had a plain network in the place of the residual one, and trained both on fewer people for
fewer steps. The plain one read no more than chance, and an attack on such a network says nothing. So both are
trained longer now, and the plain one is replaced. The hypotheses are as they were but for its name.

Hypotheses, written down before the run:

transfers          At 8/255, what is crafted on the twin costs the shipped network more than 10 points.
own_is_worst       At 8/255 each network is fooled most by what was crafted on itself.
kind_matters       What is crafted on the residual network transfers less to the shipped one than what is
                   crafted on the twin.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import mime, results, small_nets, spatial
from ..attacks import launch, under_attack
from ..gradient_attacks import pgd
from ..preprocess import face_sequences
from ..training import Plan, fit
from . import _attack_lab as lab
from ._tables import write_table

PEOPLE, EPOCHS, REPEATS, STEPS = 200, 20, 2, 40
EACH = 2  # clips of each person are attacked
LEVELS = (4, 8)
SOURCES = ("shipped", "twin", "residual", "noise")
NETS = SOURCES[:3]
HYPOTHESES = ("transfers", "own_is_worst", "kind_matters")
RECORDS = (
    "attack.transfer", "attack.transfer.back", "attack.transfer.residual", "attack.transfer.ensemble",
    "attack.transfer.kind", "attack.transfer.kind.eps4",
    *(f"attack.transfer.clean.{name}" for name in NETS), "attack.transfer.hypotheses_held",
)  # fmt: skip
TABLE = "attack.transfer.csv"


def trained(name: str) -> nn.Module:
    """Train one of the other networks, or read what was trained before; *validate* is not looked at."""
    torch.manual_seed({"twin": 11, "residual": 12}[name])
    net: spatial.SpatialNet = spatial.SpatialNet() if name == "twin" else small_nets.ResidualNet()

    def work() -> dict[str, np.ndarray]:
        clips = mime.block("fit", people=PEOPLE)
        faces = [f for f in face_sequences(clips, key=f"{mime.VERSION}/fit") if f is not None]
        plan = Plan(epochs=EPOCHS, learning_rate=4e-3, patience=EPOCHS, seed=11)
        draw = partial(spatial.batches, faces, repeats=REPEATS)
        done = fit(net, draw, lambda m: 0.0, plan=plan, loss=spatial.loss, progress=f"{name} network")
        return {key: value.numpy() for key, value in done.model.state_dict().items()}

    kept = lab.kept(f"net-{name}-{PEOPLE}-{EPOCHS}-{REPEATS}", work)
    net.load_state_dict({key: torch.from_numpy(value) for key, value in kept.items()})
    return net.eval()


class Ensemble(nn.Module):
    """Several networks that answer with the mean of their logits: a source that overfits to none."""

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([net(x) for net in self.nets]).mean(0)


def crafted(source: str, net: nn.Module | None, who: lab.Victims, level: float) -> torch.Tensor:
    """Return pictures (N, 1, 64, 64) made on a source, or noise at the corners of the same bound."""
    epsilon = level / 255

    def work() -> dict[str, np.ndarray]:
        if net is None:
            drawn = torch.randint(0, 2, who.x.shape, generator=torch.Generator().manual_seed(0))
            images = (who.x + epsilon * (2 * drawn - 1)).clamp(0, 1)
        else:
            attack = partial(pgd, epsilon=epsilon, steps=STEPS)
            images = launch(attack, under_attack(net), who.x, who.y, epsilon=epsilon).images
        return {"images": (255 * images).round().numpy().astype(np.uint8)}

    name = f"{who.split}-crafted-{source}-{level:g}-{STEPS}-{PEOPLE}-{EPOCHS}-{REPEATS}-{len(who.faces)}"
    return torch.from_numpy(lab.kept(name, work)["images"]).float() / 255


def hits(net: nn.Module, images: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """Return which pictures a network reads rightly, (N,) bool."""
    with torch.no_grad():
        return (torch.cat([net(part) for part in images.split(128)]).argmax(1) == y).numpy()


def verdicts(left: dict[tuple[str, str, float], float], clean: dict[str, float]) -> dict[str, bool]:
    """Say of each hypothesis whether it held, from accuracies by (source, reader, level)."""
    return {
        "transfers": clean["shipped"] - left["twin", "shipped", 8] > 0.10,
        "own_is_worst": all(
            left[net, net, 8] <= min(left[source, net, 8] for source in SOURCES) for net in NETS
        ),
        "kind_matters": left["residual", "shipped", 8] > left["twin", "shipped", 8],
    }


def run(*, split: str = lab.SPLIT, people: int | None = None) -> list[results.Record]:
    """Train what is missing, craft, show to all, then write records and the table."""
    began = time.perf_counter()
    who = lab.victims(split, people).some(EACH)
    nets: dict[str, nn.Module] = {"shipped": spatial.load(), **{n: trained(n) for n in NETS[1:]}}
    sources: dict[str, nn.Module | None] = {
        **nets, "noise": None, "twin and residual": Ensemble(nets["twin"], nets["residual"]),
    }  # fmt: skip
    right = {name: hits(net, who.x, who.y) for name, net in nets.items()}
    rows: list[dict[str, Any]] = []
    found: dict[tuple[str, str, float], np.ndarray] = {}
    for level in LEVELS:
        for source, net in sources.items():
            images = crafted(source, net, who, level)
            for reader, judge in nets.items():
                found[source, reader, level] = hits(judge, images, who.y)
                score = who.score(found[source, reader, level])
                rows.append({"source": source, "reader": reader, "level": level, **vars(score)})
                print(rows[-1], flush=True)
    common: dict[str, Any] = {"seconds": round(time.perf_counter() - began, 1)}
    made = [
        lab.record(f"attack.transfer.clean.{name}", who.score(right[name]), who, unit="accuracy", **common)
        for name in NETS
    ]
    for id, source, reader in (
        ("", "twin", "shipped"), (".back", "shipped", "twin"), (".residual", "residual", "shipped"),
        (".ensemble", "twin and residual", "shipped"),
    ):  # fmt: skip
        note = f"accuracy of the {reader} network on what PGD-{STEPS}, 8/255, made on: {source}"
        made.append(lab.record(f"attack.transfer{id}", who.score(found[source, reader, 8]), who,
                               unit="accuracy", note=note, **common))  # fmt: skip
    for id, level in (("kind", 8), ("kind.eps4", 4)):
        more = found["residual", "shipped", level].astype(float) - found["twin", "shipped", level]
        note = f"left of the shipped network: made on the residual one minus made on the twin, {level}/255"
        made.append(lab.record(f"attack.transfer.{id}", who.score(more), who, unit="accuracy", note=note,
                               **common))  # fmt: skip
    mean = {key: float(value.mean()) for key, value in found.items()}
    held = verdicts(mean, {name: float(value.mean()) for name, value in right.items()})
    made.append(lab.hypotheses("attack.transfer.hypotheses_held", held, split, **common))
    write_table(rows, results.folder() / TABLE)
    return made


if __name__ == "__main__":
    lab.command_line(run, __doc__)
