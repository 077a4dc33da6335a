"""What the adaptive evaluations share: who is attacked, a campaign that goes on with what stands, kept work.

A campaign is a cascade: cheap attacks first, each on the pictures that still stand. Every candidate is judged
on the draws of the choice, the last word is spoken on fresh draws (see `fer_nb.expected`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from .. import spatial
from ..adaptive import Plateau, grow
from ..attacks import Attacked
from ..cache import cache_dir
from ..defense import DefendedModel
from ..expected import share_right, strongest
from . import _defense_arms as arms
from . import _units
from ._quick import judge, quick

CHOICE, SCORE = 20, 100  # evaluations that a choice rests on, and that a score rests on
_RECIPE = ("attacks", "gradient_attacks", "image_attacks", "jpeg", "defense", "expected", "adaptive",
           "experiments/_adaptive_lab", "experiments/_quick")  # fmt: skip
Launcher = Callable[[Tensor, Tensor], Attacked]  # from pictures and labels to attacked pictures


class RandomSide(nn.Module):
    """A spatial network that looks at each picture or at its mirror image, by the toss of a coin.

    For an attacker who averages over draws anyway, the mirror average is one more draw. It halves the cost of
    a gradient. Under `attacks.seeded` the coins repeat.

    Examples
    --------
    >>> RandomSide(spatial.SpatialNet().eval())(torch.rand(2, 1, 64, 64)).shape
    torch.Size([2, 7])
    """

    def __init__(self, net: spatial.SpatialNet) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)

    def forward(self, x: Tensor) -> Tensor:
        turned = (torch.rand(len(x)) < 0.5).view(-1, 1, 1, 1)
        return self.net.head(self.net.maps(torch.where(turned, x.flip(-1), x)))


def model_of(name: str) -> nn.Module:
    """Return a defense: an arm as deployed, or "untrained", the shipped branch behind the transformation."""
    net = quick(spatial.load() if name == "untrained" else arms.arm(name))
    transform = arms.spec("both" if name == "untrained" else name).transform
    return net if transform is None else DefendedModel(net, transform, draws=arms.DRAWS)


def cheap_twin(model: nn.Module) -> nn.Module:
    """Return the model that gradients are taken of: the same defense around a `RandomSide`."""
    if isinstance(model, DefendedModel) and isinstance(model.model, spatial.SpatialNet):
        return DefendedModel(RandomSide(model.model), model.transform, draws=model.draws)
    return model


@functools.cache
def recipe() -> str:
    """Hash of what trains the arms, and of the code of attacks and scores."""
    return _units.recipe(arms.recipe(), modules=_RECIPE)


def kept(name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return a unit of work: read where it is kept, else made and kept. `name` says all that decides it."""
    return _units.kept(cache_dir() / "experiments" / "adaptive" / recipe() / f"{name}.npz", make)


# ---------------------------------------------------------------- a campaign


@dataclass(frozen=True)
class Stage:
    """What one attack of a campaign did.

    Attributes
    ----------
    attack : its name
    tried : how many pictures it was tried on
    alone : share of right answers on these, on the draws of the choice
    taken : on how many it became the strongest so far
    after : accuracy over all pictures after it, on the draws of the choice: biased, not a result
    queries, gradients : for each picture it was tried on, in single draws
    """

    attack: str
    tried: int
    alone: float
    taken: int
    after: float
    queries: float
    gradients: float


@dataclass
class Campaign:
    """Attacks on one defense at one bound, in order; each unit of it is kept.

    Parameters
    ----------
    name : of the campaign, says defense, bound and pictures
    model : the defense
    x, y : pictures (N, 1, 64, 64) on the 256 levels, and labels (N,)
    """

    name: str
    model: nn.Module
    x: Tensor
    y: Tensor
    images: Tensor = field(init=False)
    strength: Tensor = field(init=False)  # (N,) share right, on the draws of the choice
    by: list[str] = field(init=False)  # which attack made each picture
    alone: Tensor = field(init=False)  # shares right under the last attack alone, on what it was tried on
    stages: list[Stage] = field(default_factory=list)

    def __post_init__(self) -> None:
        unit = self._kept("none", lambda: {"alone": self._judge(self.x, self.y)})
        self.images, self.strength = self.x.clone(), torch.from_numpy(unit["alone"])
        self.by, self.alone = ["none"] * len(self.x), self.strength.clone()
        self.stages.append(Stage("none", len(self.x), self.accuracy, 0, self.accuracy, 0.0, 0.0))

    @property
    def accuracy(self) -> float:
        """Mean share of right answers so far, on the draws of the choice."""
        return float(self.strength.mean())

    def standing(self) -> Tensor:
        """Return the rows that are still read rightly in some draws."""
        return torch.nonzero(self.strength > 0).flatten()

    def launch(self, attack: str, run: Launcher, rows: Tensor | None = None) -> Stage:
        """Attack the standing pictures, or those in `rows`, and keep what is stronger than before."""
        mine = self.standing() if rows is None else rows

        def work() -> dict[str, np.ndarray]:
            if not len(mine):
                return {"images": np.zeros((0, 1, 64, 64), np.uint8), "alone": np.zeros(0, np.float32),
                        "cost": np.zeros(2)}  # fmt: skip
            found = run(self.x[mine], self.y[mine])
            return {
                "images": (found.images * 255).round().byte().numpy(),
                "alone": self._judge(found.images, self.y[mine]),
                "cost": np.array([found.queries, found.gradients]),
            }

        unit = self._kept(f"{attack}-{len(mine)}", work)
        self.alone = alone = torch.from_numpy(unit["alone"])
        better = alone < self.strength[mine]
        self.images[mine[better]] = torch.from_numpy(unit["images"]).float().div(255)[better]
        self.strength[mine[better]] = alone[better]
        for row in mine[better].tolist():
            self.by[row] = attack
        share = float(alone.mean()) if len(mine) else 0.0
        cost = (float(unit["cost"][0]), float(unit["cost"][1]))
        stage = Stage(attack, len(mine), share, int(better.sum()), self.accuracy, *cost)
        self.stages.append(stage)
        print(self.name, stage, flush=True)
        return stage

    def grow(self, attack: str, run: Callable[[int], Launcher], *, limit: int = 16) -> Plateau:
        """Double an attack's draws until what it takes from the standing pictures is under one point."""

        def after(count: int) -> float:
            return self.launch(f"{attack} {count}", run(count)).after

        return grow(after, limit=limit)

    def score(self) -> np.ndarray:
        """Return in what share of fresh draws each picture is read rightly, (N,)."""
        last = self.stages[-1].attack

        def work() -> dict[str, np.ndarray]:
            return {"share": share_right(judge(self.model), self.images, self.y, draws=SCORE).numpy()}

        return self._kept(f"score-after-{last}", work)["share"]

    def _judge(self, images: Tensor, y: Tensor) -> np.ndarray:
        return strongest(judge(self.model), {"it": images}, y, draws=CHOICE).strength.numpy()

    def _kept(self, name: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return kept(f"{self.name}-{name}".replace(" ", "_"), make)
