"""Training for the defense module: every batch clean, transformed, and attacked.

The wrappers here turn a batch producer into another one, for `training.fit`. The two arms differ in who makes
the attacked pictures. *Static*: they were made once, on the undefended network, and are read from a store.
*Online*: they are made anew for every batch, on the network as it is, through the transformation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .attacks import check_epsilon, seeded, to_8_bits, under_attack
from .defense import DefendedModel, Transform
from .errors import BadInput
from .gradient_attacks import pgd
from .training import Batch, Batches

Adversary = Callable[[Batch, torch.Generator], Batch]  # from a clean batch to an attacked one


def hardened(batches: Batches, *, transform: Transform | None, adversary: Adversary | None = None) -> Batches:
    """Let every batch hold clean, transformed, and attacked and transformed pictures, in equal parts.

    With the mean loss over the batch this is a third each of the three terms CE(f(x)), CE(f(T(x))) and
    CE(f(T(x + d))). Without a transformation the second part falls away and T does nothing: adversarial
    training alone. Without an adversary the third part falls away: augmentation alone.

    Parameters
    ----------
    batches : producer of (x, labels, ...), x (B, 1, 64, 64) in [0, 1]
    transform : Transform or None
    adversary : `from_store`, `online`, or None

    Returns
    -------
    producer of batches two or three times as long

    Examples
    --------
    >>> clean = lambda rng: [(torch.rand(4, 1, 64, 64), torch.arange(4))]
    >>> (x, labels), = hardened(clean, transform=Transform())(np.random.default_rng(0))
    >>> len(x), labels.tolist()
    (8, [0, 1, 2, 3, 0, 1, 2, 3])
    """
    if transform is None and adversary is None:
        raise BadInput("hardened: neither a transformation nor an adversary: give one, or train as it is")

    def produce(rng: np.random.Generator) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))

        def passed(batch: Batch) -> Batch:
            x, *rest = batch
            if transform is None:
                return batch
            with torch.no_grad():
                return (transform.apply(x, transform.draw(len(x), generator)), *rest)

        for batch in batches(rng):
            parts = [batch]
            if transform is not None:
                parts.append(passed(batch))
            if adversary is not None:
                parts.append(passed(adversary(batch, generator)))
            yield tuple(torch.cat(column) for column in zip(*parts, strict=True))

    return produce


# ---------------------------------------------------------------- static arm


@dataclass(frozen=True)
class Store:
    """Attacked pictures, made once: 8 bits, (N, 1, 64, 64) uint8, and what stands beside them in a batch."""

    images: np.ndarray
    rest: tuple[np.ndarray, ...]  # labels (N,), and what else the loss wants (N, ...)

    def __len__(self) -> int:
        return len(self.images)


def store(
    model: nn.Module, batches: Batches, *, epsilon: float, steps: int = 10, epochs: int = 1, seed: int = 0
) -> Store:
    """Attack the pictures of a batch producer by PGD on an undefended model, once, and keep them.

    Parameters
    ----------
    model : Module in evaluation mode
    batches : producer of (x, labels, ...)
    epsilon, steps : l-inf bound, such as 8/255, and steps of PGD
    epochs : how many epochs of the producer are attacked
    seed : int

    Raises
    ------
    BadInput
        If the model is in training mode, epsilon is no bound, or there is no batch.
    """
    target, parts = under_attack(model), []
    with seeded(seed):
        for epoch in range(epochs):
            for k, (x, labels, *rest) in enumerate(batches(np.random.default_rng((seed, epoch)))):
                x = (x * 255).round() / 255
                found = pgd(
                    target, x, _aims(target, x, labels), epsilon=epsilon, steps=steps, seed=1000 * epoch + k
                )
                images = (to_8_bits(found, x, epsilon=epsilon) * 255).round().byte()
                parts.append((images, labels, *rest))
    if not parts:
        raise BadInput("store: the producer has no batch: give at least one example")
    columns = [torch.cat(column).numpy() for column in zip(*parts, strict=True)]
    return Store(columns[0], tuple(columns[1:]))


def from_store(kept: Store) -> Adversary:
    """Hand out stored pictures, as many as the clean batch holds, drawn at random with their own labels."""

    def adversary(batch: Batch, generator: torch.Generator) -> Batch:
        rows = torch.randint(0, len(kept), (len(batch[0]),), generator=generator).numpy()
        images = torch.from_numpy(kept.images[rows]).float().div(255)
        return (images.to(batch[0].device), *(torch.from_numpy(part[rows]) for part in kept.rest))

    return adversary


# ---------------------------------------------------------------- online arm


def online(
    model: nn.Module, *, transform: Transform | None, epsilon: float, steps: int = 4, draws: int = 1
) -> Adversary:
    """Attack the network that is being trained, as it is at this step, through the transformation.

    Every gradient of PGD is taken through `draws` fresh draws of the transformation, so that over its steps
    the attack averages over the randomness.

    Parameters
    ----------
    model : the very module that is given to `training.fit`, which trains it in place
    transform : Transform, or None for adversarial training alone
    epsilon, steps : l-inf bound and steps of PGD; one step is 2.5 epsilon / steps

    Source: Madry et al. (2018), "Towards deep learning models resistant to adversarial attacks", ICLR.
    """
    check_epsilon(epsilon)

    def adversary(batch: Batch, generator: torch.Generator) -> Batch:
        x, labels, *rest = batch
        seed = int(torch.randint(0, 2**31, (1,), generator=generator))
        was_training = model.training
        model.eval()
        try:
            bare = under_attack(model)
            seen = model if transform is None else DefendedModel(model, transform, draws=draws, seed=seed)
            y = _aims(bare, x, labels)
            found = pgd(
                under_attack(seen), x, y, epsilon=epsilon, steps=steps, step=min(1.0, 2.5 / steps), seed=seed
            )
        finally:
            model.train(was_training)
        return (found.detach(), labels, *rest)

    return adversary


def _aims(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Return the labels to attack, (B,): the true ones, and the model's own answer where there is none."""
    with torch.no_grad():
        return torch.where(labels < 0, model(x).argmax(1), labels)
