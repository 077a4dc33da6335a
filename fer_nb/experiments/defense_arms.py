"""Train the arms of chapter 07: `python -m fer_nb.experiments.defense_arms --only static`.

Each arm is trained once, in three to fifteen minutes, and kept. A run that was stopped goes on at its last
epoch. The package ships all of them, two hours of training, in about 5 MB: as long as they are what this
recipe makes, a run takes them from there.
Settings were chosen before, on 100 clips of *validate*, and once more after a first round of arms:

transformation    Put before the shipped network without any training, JPEG of quality 30 to 80 costs 1 point,
                  with two boxes of 10 to 30 % of the side 2. Quality 5 to 25 with boxes costs 5, and it
                  helps no more: of pictures made by PGD at 8/255 on the network alone, both leave next to
                  nothing (0.000 and 0.002).
adversary         PGD on the network without its mirror average fools the network with it just as well
                  (accuracy 0 at 8/255), at half the cost; it is used for the store and online.
length            A first round (quality 5 to 25, five epochs for all) ended with a static arm that read 0.53
                  of 40 clean clips (the arm none 0.80), and 0.18 under transfer. Hence a milder codec. In a
                  second round, ten epochs on 200 people, the static arm read 0.54 of clean clips against 0.68
                  of the arm none. Hence forty epochs on 400 people. Online arms go through twelve, in which
                  they ask the network about as often.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .. import checkpoints, defended, mime, results, spatial
from ..cache import save_arrays
from ..errors import BadInput
from ..expected import share_right
from . import _attack_lab as lab
from . import _defense_arms as arms

RECORDS: tuple[str, ...] = ()  # networks only; `defense_grey` measures them
TOGETHER = "arms"  # name of the weights of all arms that have no file of their own


class Arms(nn.ModuleDict):
    """The networks of several arms, by name."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({name: spatial.SpatialNet() for name in names})


def run(*, only: tuple[str, ...] = tuple(arms.ARMS)) -> None:
    """Train what is missing of these arms, and write the weights that the package ships."""
    for name in only:
        arms.spec(name)
    adopt()
    for name in only:
        known = arms.is_ready(name)
        arms.arm(name)
        print(f"{name}: {'was there' if known else 'trained'}", flush=True)
        if name in defended.SHIPPED:
            if not is_current(defended.name_of(name)):
                ship(name)
        elif name not in shipped_together():
            ship_together()


def shipped_together() -> tuple[str, ...]:
    """Return the names of the arms that the package holds in one file, as this recipe makes them."""
    if not is_current(TOGETHER):
        return ()
    return tuple(checkpoints.read_card(TOGETHER).architecture["arguments"]["names"])


def adopt() -> None:
    """Put shipped weights where trained arms are kept, if this recipe made them and none are there."""
    found: dict[str, nn.Module] = {name: defended.load(name).model for name in defended.SHIPPED
                                   if is_current(defended.name_of(name))}  # fmt: skip
    if shipped_together():
        found |= checkpoints.load(TOGETHER, Arms)[0].items()
    for name, net in found.items():
        if not arms.is_ready(name):
            halves = {key: value.half().numpy() for key, value in net.state_dict().items()}
            save_arrays(arms.home() / f"{name}.npz", halves)


def validated(name: str) -> float:
    """Accuracy of an arm, as deployed, over all clips of *validate*."""
    who = lab.victims("validate")
    right = share_right(arms.defended(name), who.x, who.y, draws=2)
    return float(right.sum()) / len(who)


def is_current(weights: str) -> bool:
    """Whether the package holds weights of this name, made by this recipe."""
    try:
        return checkpoints.read_card(weights).recipe == arms.recipe()
    except BadInput:
        return False


def ship(name: str) -> None:
    """Write weights and card of an arm into the package."""
    net, transform = arms.arm(name), arms.spec(name).transform
    assert transform is not None
    made = {"seed": arms.spec(name).seed, "metrics": {"validate_accuracy": round(validated(name), 4)}}
    about = card(defended.name_of(name), {"class": type(net).__name__, "arguments": {}}, **made)
    path = defended.save(net, transform, about, checkpoints.WEIGHTS)
    with torch.no_grad():  # what is shipped is what was measured
        x = torch.rand(2, 1, 64, 64)
        assert torch.equal(checkpoints.load(path, type(net))[0](x), net(x))


def ship_together() -> None:
    """Write the weights of all arms that have no file of their own, and are trained, into one."""
    names = tuple(name for name in arms.ARMS if name not in defended.SHIPPED and arms.is_ready(name))
    nets = Arms(names)
    for name in names:
        nets[name] = arms.arm(name)
    about = card(TOGETHER, {"class": "Arms", "arguments": {"names": names}}, seed=0)
    checkpoints.save(nets.half(), about, checkpoints.WEIGHTS / TOGETHER)


def card(name: str, architecture: dict[str, Any], **more: Any) -> checkpoints.Card:
    """Return the card of an arm's weights."""
    return checkpoints.Card(
        name=name,
        architecture=architecture,
        input={"shape": ["B", 1, 64, 64], "made_by": "crops.crop_face / 255, in [0, 1]"},
        normalization="inside the model",
        data_version=mime.VERSION,
        code=results.code_hash(),
        recipe=arms.recipe(),
        **more,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default=",".join(arms.ARMS), help="names of arms, joined by commas")
    run(only=tuple(parser.parse_args().only.split(",")))


if __name__ == "__main__":
    main()
