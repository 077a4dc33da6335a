"""One training loop for every classifier of the book: plain, seeded, stopped early, resumable.

The loop knows nothing of faces. It is given a model that maps a batch to logits, a function that yields the
batches of an epoch, and a function that scores the model on people it does not train on. Devices, mixed
precision and several GPUs are Accelerate's: the same lines run everywhere.
"""

from __future__ import annotations

import copy
import hashlib
import io
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._parallel import bar
from .cache import atomic_write
from .errors import BadInput

Batch = tuple[Tensor, ...]  # inputs, labels, and what else the loss wants
TIE = 0.005  # scores this close are equal; of equal epochs the later one is kept, its average is smoother
Batches = Callable[[np.random.Generator], Iterable[Batch]]
Loss = Callable[..., Tensor]


@dataclass(frozen=True)
class Plan:
    """How to train. `average` is the decay of the weight average (0: none), `patience` counts epochs."""

    epochs: int = 30
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    label_smoothing: float = 0.1
    average: float = 0.99
    patience: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 <= self.average < 1 or self.learning_rate <= 0:
            raise BadInput("plan: give epochs >= 1, 0 <= average < 1 and a positive learning_rate")


@dataclass(frozen=True)
class Fitted:
    """The best model by the score, the highest score and its epoch, and the course of the training.

    Of epochs within a hair of the highest score the last one is kept, so the model may be of a later epoch.
    """

    model: nn.Module
    score: float
    epoch: int
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def fit(
    model: nn.Module,
    batches: Batches,
    score: Callable[[nn.Module], float],
    *,
    plan: Plan,
    loss: Loss | None = None,
    resume: Path | None = None,
    device: str = "cpu",
    progress: str | None = None,
) -> Fitted:
    """Train a classifier and return it as it was at its best epoch.

    Parameters
    ----------
    model : Module, maps a batch to logits (B, C)
    batches : callable, from a random generator to the (inputs, labels, ...) of one epoch
    score : callable, from a model in evaluation mode to a number, higher is better
    plan : Plan
    loss : callable or None, from (model, inputs, labels, ...) to a number; cross-entropy by default
    resume : Path or None; the state is kept here at the end of each epoch and taken up again
    device : str, "cpu", or "cuda" for what Accelerate finds: one GPU or, under `accelerate launch`, several;
        there half precision is used where it is safe
    progress : str or None, text of a bar on standard error

    Returns
    -------
    Fitted

    Raises
    ------
    BadInput
        If an epoch has no batch, or Accelerate is not installed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = torch.from_numpy(rng.normal(size=(64, 2)).astype("float32"))
    >>> y = (x[:, 0] > 0).long()
    >>> right = lambda m: float((m(x).argmax(1) == y).float().mean())
    >>> plan = Plan(epochs=3, learning_rate=0.05, average=0.5)
    >>> fit(nn.Linear(2, 2), lambda rng: [(x, y)] * 20, right, plan=plan).score > 0.9
    True
    """
    torch.manual_seed(plan.seed)
    run = _Run(model, loss or partial(cross_entropy, smoothing=plan.label_smoothing), plan, device)
    run.load(resume)
    with bar(progress, plan.epochs) as step:
        for epoch in range(plan.epochs):
            step()
            if epoch < run.epoch or run.stopped:
                continue
            torch.manual_seed(1000 * plan.seed + epoch)  # dropout and tensor augmentation of this epoch
            run.train_epoch(batches(np.random.default_rng((plan.seed, epoch))))
            run.judge(score)
            run.save(resume)
    model.load_state_dict(run.best)
    return Fitted(model.eval(), max(run.scores), int(np.argmax(run.scores)), run.losses, run.scores)


def cross_entropy(model: nn.Module, inputs: Tensor, labels: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of a model's logits; labels of -100 do not count."""
    return F.cross_entropy(model(inputs), labels, label_smoothing=smoothing)


def accelerator(device: str) -> Any:
    """Return Accelerate's view of the machine; it moves data, scales gradients and joins processes.

    Raises
    ------
    BadInput
        If Accelerate is not installed.
    """
    try:
        from accelerate import Accelerator
    except ImportError:
        raise BadInput("training: Accelerate is not installed: pip install 'fer_nb[lab]'") from None
    if device == "cpu":
        return Accelerator(cpu=True)
    return Accelerator(mixed_precision="bf16" if torch.cuda.is_bf16_supported() else "fp16")


class _Objective(nn.Module):
    """Model and loss as one module, so that Accelerate can wrap both, whatever parts of the model it asks."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch: Tensor) -> Tensor:
        return self.loss(self.model, *batch)


class _Run:
    """State of a training: everything that a resumed run needs, and the two steps of an epoch."""

    def __init__(self, model: nn.Module, loss: Loss, plan: Plan, device: str) -> None:
        self.accelerator = accelerator(device)
        self.model, self.plan = model.to(self.accelerator.device), plan
        optimizer = torch.optim.AdamW(model.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
        self.objective, self.optimizer = self.accelerator.prepare(_Objective(self.model, loss), optimizer)
        self.average = copy.deepcopy(self.model).eval()
        self.epoch, self.steps = 0, 0
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best: dict[str, Tensor] = copy.deepcopy(model.state_dict())

    @property
    def stopped(self) -> bool:
        """Whether the score has not risen for `patience` epochs."""
        return bool(self.scores) and len(self.scores) - 1 - int(np.argmax(self.scores)) >= self.plan.patience

    def train_epoch(self, batches: Iterable[Batch]) -> None:
        """Go once through the batches: loss, gradient, step, weight average."""
        total, count = 0.0, 0
        self.objective.train()
        rate = self.plan.learning_rate * 0.5 * (1 + math.cos(math.pi * self.epoch / self.plan.epochs))
        for batch in self._own(batches):
            loss = self.objective(*(part.to(self.accelerator.device) for part in batch))
            for group in self.optimizer.param_groups:
                group["lr"] = rate * min(1.0, (1 + self.steps) / 50)  # the first steps are small
            self.optimizer.zero_grad()
            self.accelerator.backward(loss)
            self.accelerator.clip_grad_norm_(self.objective.parameters(), 5.0)
            self.optimizer.step()
            self.steps += 1
            self._average()
            total, count = total + float(loss.detach()), count + 1
        if not count:
            raise BadInput("training: an epoch has no batch: give at least one training example")
        self.losses.append(total / count)
        self.epoch += 1

    def _own(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Yield this process's share of the batches; every process gets the same number of them."""
        many, mine, source = self.accelerator.num_processes, self.accelerator.process_index, iter(batches)
        while len(group := list(islice(source, many))) == many:
            yield group[mine]

    def _average(self) -> None:
        """Move the averaged weights toward the present ones; a young average forgets faster."""
        decay = min(self.plan.average, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.model.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)

    def judge(self, score: Callable[[nn.Module], float]) -> None:
        """Score the averaged weights on held-out people and keep them if they are the best so far."""
        with torch.no_grad():
            self.scores.append(float(score(self.average)))
        if self.scores[-1] >= max(self.scores) - TIE:
            self.best = copy.deepcopy(self.average.state_dict())

    def _key(self) -> str:
        shapes = [(name, tuple(value.shape)) for name, value in self.model.state_dict().items()]
        return hashlib.sha256(repr((self.plan, shapes)).encode()).hexdigest()

    def save(self, path: Path | None) -> None:
        """Keep the state, whole or not at all."""
        if path is None or not self.accelerator.is_main_process:
            return
        state = {name: getattr(self, name) for name in ("epoch", "steps", "losses", "scores", "best")}
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimizer")}
        file = io.BytesIO()
        torch.save({"key": self._key(), "state": state, "parts": parts}, file)
        atomic_write(path, file.getvalue())

    def load(self, path: Path | None) -> None:
        """Take up a kept state, if it belongs to the same plan and model."""
        if path is None or not path.exists():
            return
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # a damaged file of any kind: training starts again, which costs only time
            warnings.warn(f"{path}: damaged training state, started again", stacklevel=3)
            return
        if kept.get("key") == self._key():
            vars(self).update(kept["state"])
            for name, value in kept["parts"].items():
                getattr(self, name).load_state_dict(value)


def predict_in_batches(model: nn.Module, inputs: Tensor, *, size: int = 512, device: str = "cpu") -> Tensor:
    """Return the probabilities (N, C) of many inputs, a batch at a time, without gradients.

    Examples
    --------
    >>> predict_in_batches(nn.Linear(3, 2), torch.zeros(5, 3), size=2).shape
    torch.Size([5, 2])
    """
    model = model.eval()
    with torch.no_grad():
        parts = [model(part.to(device)).softmax(-1).cpu() for part in inputs.split(size)]
    return torch.cat(parts) if parts else torch.zeros(0)
