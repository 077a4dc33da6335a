"""Train the anonymizer: a game between a generator and a discriminator, steadied, watched and resumable.

In each step the generator draws twice: a real frame's own code on its own face, which must come out as that
frame, and the same codes on faces drawn at random, which must look real, show the code and be the donor.
"""

from __future__ import annotations

import copy
import hashlib
import io
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._parallel import bar
from .anonymize_nets import CODE, UNITS, Anonymizer, Discriminator
from .cache import atomic_write
from .errors import BadInput


@dataclass(frozen=True)
class Weights:
    """How much each part of the generator's loss counts; those of the discriminator count 1.

    `picture` weighs the mean difference to the real frame, `edges` that of its slopes, `real` the
    discriminator's verdict, `code` and `donor` its heads.
    """

    picture: float = 20.0
    edges: float = 20.0
    real: float = 0.4
    code: float = 4.0
    donor: float = 0.2


@dataclass(frozen=True)
class Plan:
    """How to train. In the first `alone` epochs the generator draws real frames only, without a game.

    `learning_rate` and `game_rate` are the generator's, alone and in the game; `judge_rate` is the
    discriminator's, which has to learn faster (Heusel et al. 2017). `average` is the decay of the weight
    average that is shipped.
    """

    epochs: int = 16
    alone: int = 10
    steps: int = 250
    batch: int = 32
    game_batch: int = 16
    learning_rate: float = 2e-3
    game_rate: float = 5e-4
    judge_rate: float = 2e-3
    average: float = 0.995
    seed: int = 0
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        if min(self.epochs, self.steps, self.batch, self.game_batch) < 1 or not 0 <= self.average < 1:
            raise BadInput("plan: give epochs, steps and batch of at least 1, and 0 <= average < 1")


@dataclass(frozen=True)
class Faces:
    """Frames to learn from: crops (N, 64, 64) uint8, codes (N, 24) float32, whose they are (N,) int."""

    crops: np.ndarray
    codes: np.ndarray
    people: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.crops) == len(self.codes) == len(self.people) or not len(self.crops):
            raise BadInput("faces: crops, codes and people must be equally many, and at least one")
        if not np.isfinite(self.codes).all():
            raise BadInput("faces: codes hold NaN: leave out frames without a face")


@dataclass(frozen=True)
class Trained:
    """Averaged weights, one row of numbers per epoch, and the epoch that broke off in NaN, if any."""

    model: Anonymizer
    course: list[dict[str, float]]
    broken: int | None = None


def where_it_moves(crops: Tensor, people: Tensor, *, most: float = 3.0) -> Tensor:
    """Return how much each pixel counts, (64, 64): more where a person's frames differ, mouth and brows.

    Parameters
    ----------
    crops : (N, 64, 64) uint8 tensor
    people : (N,) int64 tensor
    most : the largest weight; the mean is about 1
    """
    total = torch.zeros(64, 64)
    for person in people.unique():
        own = crops[people == person].float()
        total += own.std(0, correction=0) * len(own)
    weight = total / total.mean().clamp(min=1e-6)
    return (0.3 + 0.7 * weight).clamp(max=most) if bool(total.any()) else torch.ones(64, 64)


def train(
    faces: Faces,
    plan: Plan,
    *,
    pose: nn.Linear | None = None,
    watch: Callable[[Anonymizer], dict[str, float]] | None = None,
    resume: Path | None = None,
    until: int | None = None,
    progress: str | None = None,
) -> Trained:
    """Train an anonymizer on the frames of its donors; it is the average of the weights along the way.

    Parameters
    ----------
    faces : Faces
    plan : Plan
    pose : the readout of head pose that goes into the model, from `fit_pose`
    watch : called with the averaged model after each epoch; its numbers join the course
    resume : the state is kept here after each epoch and taken up again
    until : stop after this epoch, as when a long training is done in pieces; the plan's end by default
    progress : text of a bar on standard error

    Returns
    -------
    Trained. When a loss is no longer finite, training stops with a warning, and the weights are those of
    the last epoch in which all was well.

    Raises
    ------
    BadInput
        If the very first epoch breaks off: then there are no good weights.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> faces = Faces(rng.integers(0, 255, (4, 64, 64)).astype(np.uint8),
    ...               np.zeros((4, 24), np.float32), np.arange(4) % 2)
    >>> len(train(faces, Plan(epochs=1, steps=1, batch=2)).course)
    1
    """
    torch.manual_seed(plan.seed)
    game = _Game(faces, plan, pose)
    game.load(resume)
    with bar(progress, plan.epochs) as step:
        for epoch in range(plan.epochs if until is None else min(until, plan.epochs)):
            step()
            if epoch < len(game.course):
                continue
            row = game.epoch(epoch)
            if row is None:
                if not game.course:
                    raise BadInput(
                        "anonymizer: the losses are not finite from the start: lower learning_rate"
                    )
                warnings.warn(f"anonymizer: epoch {epoch} broke off in NaN, kept the last good", stacklevel=2)
                return Trained(game.average.eval(), game.course, epoch)
            game.course.append({"epoch": epoch, **row, **(watch(game.average) if watch else {})})
            game.save(resume)
    return Trained(game.average.eval(), game.course)


class _Game:
    """Generator, its average, discriminator and optimizers: all that a resumed training needs."""

    PARTS = ("model", "average", "critic", "draws", "judges")

    def __init__(self, faces: Faces, plan: Plan, pose: nn.Linear | None) -> None:
        donors = int(faces.people.max()) + 1
        self.plan, self.people = plan, torch.from_numpy(np.asarray(faces.people, np.int64))
        self.crops, self.codes = torch.from_numpy(faces.crops), torch.from_numpy(faces.codes).float()
        self.model = Anonymizer(donors=donors, **({} if pose is None else {"features": pose.in_features}))  # type: ignore[arg-type]
        if pose is not None:
            self.model.pose.load_state_dict(pose.state_dict())
        self.model.center.copy_(self.codes.mean(0))
        self.model.spread.copy_(self.codes.std(0, correction=0).clamp(min=0.03))
        self.moving = where_it_moves(self.crops, self.people)
        self.chance = 0.2 + self.codes[:, :UNITS].abs().sum(1)  # expressive frames are drawn more often
        self.average = copy.deepcopy(self.model).eval()
        self.critic = Discriminator(code=CODE, donors=donors)
        self.draws = torch.optim.Adam([*self.model.generator.parameters(), *self.model.donors.parameters()],
                                      plan.learning_rate, betas=(0.5, 0.99))  # fmt: skip
        self.judges = torch.optim.Adam(self.critic.parameters(), plan.judge_rate, betas=(0.0, 0.99))
        self.course: list[dict[str, float]] = []

    def epoch(self, number: int) -> dict[str, float] | None:
        """Go through one epoch; return the mean of each loss, or None if one is not finite."""
        plan, alone = self.plan, number < self.plan.alone
        rng = torch.Generator().manual_seed(1000 * plan.seed + number)
        rate = _rate(plan, number)
        for group in self.draws.param_groups:
            group["lr"] = rate
        before = copy.deepcopy(self.average.state_dict())
        rows = []
        for _ in range(plan.steps):
            losses = self._step(rng, alone)
            if not all(math.isfinite(v) for v in losses.values()):
                self.average.load_state_dict(before)
                return None
            rows.append(losses)
            self._follow()
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    def _step(self, rng: torch.Generator, alone: bool) -> dict[str, float]:
        size = self.plan.batch if alone else self.plan.game_batch
        pick = torch.multinomial(self.chance, size, replacement=True, generator=rng)
        real, code, own = self.crops[pick].float().div(255)[:, None], self.codes[pick], self.people[pick]
        other = torch.randint(0, self.model.donors.num_embeddings, own.shape, generator=rng)
        with _half():
            if alone:
                drawn = self.model(code, own)
                parts = self._likeness(drawn, real)
            else:
                both, donor = torch.cat([code, code]), torch.cat([own, other])
                drawn = self.model(both, donor)  # (2 B, 1, 64, 64): own faces, then others'
                parts = self._judge(real, code, own, drawn.detach().float())
                parts |= self._likeness(drawn[: len(own)], real) | self._play(drawn, both, donor)
            total = sum(getattr(self.plan.weights, name) * parts[name] for name in parts if name in _WEIGHED)
        self.draws.zero_grad()
        total.backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.draws.step()
        return {name: float(value.detach()) for name, value in parts.items()}

    def _likeness(self, drawn: Tensor, real: Tensor) -> dict[str, Tensor]:
        """How far drawn frames are from the real ones: gray values, and slopes along x and y."""
        off = (drawn.float() - real) * self.moving  # (B, 1, 64, 64)
        slopes = (off[..., 1:] - off[..., :-1]).abs().mean() + (
            off[..., 1:, :] - off[..., :-1, :]
        ).abs().mean()
        return {"picture": off.abs().mean(), "edges": slopes}

    def _judge(self, real: Tensor, code: Tensor, own: Tensor, drawn: Tensor) -> dict[str, Tensor]:
        """Take a step with the discriminator: hinge loss, and both heads on real faces."""
        says, read, who = (part.float() for part in self.critic(real))
        fake = self.critic(drawn)[0].float()
        hinge = F.relu(1 - says).mean() + F.relu(1 + fake).mean()
        loss = hinge + 5 * F.mse_loss(read, code) + 0.2 * F.cross_entropy(who, own)
        self.judges.zero_grad()
        loss.backward()
        self.judges.step()
        return {"hinge": hinge.detach(), "judge": loss.detach()}

    def _play(self, drawn: Tensor, code: Tensor, donor: Tensor) -> dict[str, Tensor]:
        """What the discriminator thinks of the drawn faces, as losses of the generator."""
        says, read, who = (part.float() for part in self.critic(drawn))
        return {"real": -says.mean(), "code": F.mse_loss(read, code), "donor": F.cross_entropy(who, donor)}

    def _follow(self) -> None:
        """Move the averaged weights toward the present ones."""
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.model.parameters(), strict=True):
                slow.lerp_(fast, 1 - self.plan.average)

    def _key(self) -> str:
        shapes = [(name, tuple(value.shape)) for name, value in self.model.state_dict().items()]
        data = hashlib.sha256(self.crops.numpy().tobytes() + self.codes.numpy().tobytes()).hexdigest()
        return hashlib.sha256(repr((self.plan, shapes, data)).encode()).hexdigest()

    def save(self, path: Path | None) -> None:
        """Keep the state, whole or not at all."""
        if path is None:
            return
        parts = {name: getattr(self, name).state_dict() for name in self.PARTS}
        file = io.BytesIO()
        torch.save({"key": self._key(), "course": self.course, "parts": parts}, file)
        atomic_write(path, file.getvalue())

    def load(self, path: Path | None) -> None:
        """Take up a kept state, if it belongs to the same plan, model and frames."""
        if path is None or not path.exists():
            return
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # a damaged file of any kind: training starts again, which costs only time
            warnings.warn(f"{path}: damaged training state, started again", stacklevel=3)
            return
        if kept.get("key") == self._key():
            self.course = kept["course"]
            for name, value in kept["parts"].items():
                getattr(self, name).load_state_dict(value)


_WEIGHED = ("picture", "edges", "real", "code", "donor")


def _rate(plan: Plan, epoch: int) -> float:
    """Learning rate of the generator: falls along half a cosine while alone, and again in the game."""
    alone = epoch < plan.alone
    done = epoch / plan.alone if alone else (epoch - plan.alone) / max(1, plan.epochs - plan.alone)
    return (plan.learning_rate if alone else plan.game_rate) * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))


def _half() -> torch.autocast:
    """Return a context that computes in half precision where the processor is made for it."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())
