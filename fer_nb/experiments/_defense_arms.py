"""The arms of the defense: one network, fine-tuned the same time with other ingredients.

Every arm starts from the weights of the shipped spatial branch and goes through the same stills of *fit*
people, those of the online arms for fewer epochs, since an epoch costs them two to three times as much.
The weight average of the last epoch counts; no block is looked at on the way. Two arms, `*_second`, start
from a network that was trained apart from the shipped one: a second undefended network, and the attacker's
own copy of the static recipe.

Inside the online adversary the network answers without its mirror average, at half the cost. Weights are
rounded to half precision, as they are shipped, before anything is measured.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import checkpoints, mime, spatial
from ..cache import cache_dir, load_arrays, save_arrays
from ..defense import DefendedModel, Transform
from ..errors import BadInput
from ..hardening import Adversary, Store, from_store, hardened, online, store
from ..mime.populations import bare
from ..preprocess import FaceSequence, face_sequences
from ..training import Batches, Plan, fit
from . import attack_transfer

PEOPLE = 400  # of *fit*, session 0; one still of each clip in an epoch
PLAN = Plan(epochs=40, learning_rate=2e-3, average=0.999, patience=40)
ONLINE_EPOCHS = 12  # an online epoch costs two to three times a static one
SIZE = 32  # clean stills in a batch
LEVEL = 8  # bound of the attacked pictures, in 1/255
STEPS = {1: 2, 2: 2, 4: 3, 8: 3}  # of PGD for every batch, online, by level
STORED, STORE_STEPS = 1, 10  # epochs of stills in the store of the static arm, steps of PGD
DRAWS = 5  # K, of the deployed model
BOXES, SIDES, QUALITY = 2, (0.1, 0.3), (30, 80)
_PACKAGE = Path(__file__).resolve().parents[1]
_RECIPE = ("features", "crops", "preprocess", "spatial", "training", "augment", "shading", "attacks",
           "gradient_attacks", "jpeg", "defense", "hardening", "experiments/_defense_arms")  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """What an arm is trained with, and what it is deployed behind.

    Attributes
    ----------
    occlusion, compression : parts of the transformation
    adversary : "", "static" or "online"
    level : bound of the attacked pictures, in 1/255
    start, seed : "shipped" or "second", the weights it starts from, and the seed of its training
    """

    occlusion: bool = False
    compression: bool = False
    adversary: str = ""
    level: int = LEVEL
    start: str = "shipped"
    seed: int = 0

    @property
    def transform(self) -> Transform | None:
        """The transformation, None without occlusion and compression."""
        if not (self.occlusion or self.compression):
            return None
        quality = QUALITY if self.compression else None
        return Transform(boxes=BOXES if self.occlusion else 0, size=SIDES, quality=quality)


_BOTH: dict[str, Any] = {"occlusion": True, "compression": True}
ARMS: dict[str, Arm] = {
    "none": Arm(),
    "both": Arm(**_BOTH),
    "static": Arm(**_BOTH, adversary="static"),
    "online": Arm(**_BOTH, adversary="online"),
    "online_alone": Arm(adversary="online"),
    "occlusion": Arm(occlusion=True),
    "compression": Arm(compression=True),
    "none_second": Arm(start="second", seed=1),
    "static_second": Arm(**_BOTH, adversary="static", start="second", seed=1),
    **{f"online_eps{k}": Arm(**_BOTH, adversary="online", level=k) for k in (4, 2, 1)},
    **{f"online_alone_eps{k}": Arm(adversary="online", level=k) for k in (4, 2, 1)},
}
FRONTIER = {
    "online": {1: "online_eps1", 2: "online_eps2", 4: "online_eps4", 8: "online"},
    "online_alone": {
        1: "online_alone_eps1", 2: "online_alone_eps2", 4: "online_alone_eps4", 8: "online_alone",
    },
}  # fmt: skip


class OneWay(nn.Module):
    """A spatial network that answers without its mirror average, (B, 1, 64, 64) to (B, 7)."""

    def __init__(self, net: spatial.SpatialNet) -> None:
        super().__init__()
        self.net = net
        self.train(net.training)

    def forward(self, x: Tensor) -> Tensor:
        return self.net.head(self.net.maps(x))


@functools.cache
def recipe() -> str:
    """Hash of the data version, the weights that arms start from, and the code of their training."""
    digest = hashlib.sha256(f"{mime.VERSION} {mime.fingerprint()}".encode())
    digest.update(str(checkpoints.read_card("spatial").recipe).encode())
    for name in _RECIPE:
        digest.update(bare((_PACKAGE / f"{name}.py").read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:12]


def home() -> Path:
    """Return the folder of trained arms."""
    return cache_dir() / "experiments" / "defense" / recipe()


def spec(name: str) -> Arm:
    """Return what an arm is made of.

    Raises
    ------
    BadInput
        If there is no arm of this name.
    """
    if name not in ARMS:
        raise BadInput(f"defense: no arm {name!r}: choose from {', '.join(ARMS)}")
    return ARMS[name]


# ---------------------------------------------------------------- training


@functools.cache
def training_faces(people: int = PEOPLE) -> tuple[FaceSequence, ...]:
    """Return the traced clips of *fit* people, session 0."""
    clips = mime.block("fit", people=people)
    return tuple(f for f in face_sequences(clips, key=f"{mime.VERSION}/fit") if f is not None)


@functools.cache
def starting_point(start: str) -> spatial.SpatialNet:
    """Return the undefended network that an arm starts from; do not train it in place."""
    net = spatial.load() if start == "shipped" else attack_transfer.trained("twin")
    assert isinstance(net, spatial.SpatialNet)
    return net


def stills() -> Batches:
    """Return the producer of clean batches: x (B, 1, 64, 64), labels (B,), units (B, U)."""
    return partial(spatial.batches, training_faces(), size=SIZE, repeats=1)


def stored(start: str) -> Store:
    """Return the pictures of the static arms: attacked once, on the undefended network."""
    path = home() / f"store-{start}.npz"
    if (kept := load_arrays(path)) is None:
        made = store(
            OneWay(starting_point(start)), stills(), epsilon=LEVEL / 255, steps=STORE_STEPS, epochs=STORED,
            seed=7,
        )  # fmt: skip
        kept = {"images": made.images, "labels": made.rest[0], "units": made.rest[1]}
        save_arrays(path, kept)
    return Store(kept["images"], (kept["labels"], kept["units"]))


def adversary(arm: Arm, net: spatial.SpatialNet) -> Adversary | None:
    """Return who makes an arm's attacked pictures, `net` being the network in training."""
    if arm.adversary == "static":
        return from_store(stored(arm.start))
    if arm.adversary == "online":
        return online(OneWay(net), transform=arm.transform, epsilon=arm.level / 255, steps=STEPS[arm.level])
    return None


def tuned(name: str, **options: Any) -> nn.Module:
    """Fine-tune an arm. `options` go to `training.fit`."""
    arm = spec(name)
    net = spatial.SpatialNet()
    net.load_state_dict(starting_point(arm.start).state_dict())
    producer, foe = stills(), adversary(arm, net)
    if arm.transform is not None or foe is not None:
        producer = hardened(producer, transform=arm.transform, adversary=foe)
    epochs = min(PLAN.epochs, ONLINE_EPOCHS if arm.adversary == "online" else PLAN.epochs)
    plan = Plan(**{**vars(PLAN), "epochs": epochs, "seed": 100 + arm.seed})
    return fit(net, producer, lambda _: 0.0, plan=plan, loss=spatial.loss, **options).model


def is_ready(name: str) -> bool:
    """Whether an arm has been trained by this recipe."""
    spec(name)
    return (home() / f"{name}.npz").exists()


def arm(name: str) -> spatial.SpatialNet:
    """Return an arm's network, undefended at its input; trained where it is missing (in minutes).

    Parameters
    ----------
    name : one of `ARMS`
    """
    spec(name)
    path = home() / f"{name}.npz"
    if (kept := load_arrays(path)) is None:
        made = tuned(name, resume=home() / f"{name}.pt", progress=name)
        kept = {key: value.half().numpy() for key, value in made.state_dict().items()}
        save_arrays(path, kept)
        (home() / f"{name}.pt").unlink(missing_ok=True)
    net = spatial.SpatialNet()
    net.load_state_dict({key: torch.from_numpy(np.asarray(value)) for key, value in kept.items()})
    return net.eval()


def defended(name: str, *, draws: int = DRAWS, seed: int = 0) -> nn.Module:
    """Return an arm as it is deployed: behind its transformation, or as it is if it has none.

    Parameters
    ----------
    name : one of `ARMS`
    draws : K, the defender's own
    """
    transform = spec(name).transform
    net = arm(name)
    return net if transform is None else DefendedModel(net, transform, draws=draws, seed=seed)
