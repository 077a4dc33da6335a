"""Inversion without a decoder: look for a picture whose features, or whose name, are the ones wanted.

The white-box attacker owns the encoder and follows its slope. Many pictures share a code, so a *prior* says
which of them look like a face: the principal components of the attacker's own pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import BadInput

Release = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Prior:
    """Pictures as a mean and a few directions; coordinates have spread 1 on the attacker's faces.

    Attributes
    ----------
    mean : (1, S, S)
    directions : (K, S * S), scaled by their spread
    """

    mean: Tensor
    directions: Tensor

    def picture(self, at: Tensor) -> Tensor:
        """Return the pictures of coordinates (B, K), (B, 1, S, S) in [0, 1]."""
        side = self.mean.shape[-1]
        return (self.mean + (at @ self.directions).view(len(at), 1, side, side)).clamp(0, 1)

    def place(self, x: Tensor) -> Tensor:
        """Return the coordinates (B, K) of pictures (B, 1, S, S): the nearest point of the prior."""
        flat = (x - self.mean).flatten(1)
        return flat @ self.directions.T / self.directions.square().sum(1)


def prior(x: Tensor, *, parts: int = 150) -> Prior:
    """Fit a prior to the attacker's pictures.

    Parameters
    ----------
    x : (N, 1, S, S) in [0, 1]
    parts : directions, fewer than N

    Raises
    ------
    BadInput
        If there are not more pictures than directions.

    Examples
    --------
    >>> faces = prior(torch.rand(9, 1, 4, 4), parts=3)
    >>> faces.picture(torch.zeros(2, 3)).shape, faces.place(torch.rand(2, 1, 4, 4)).shape
    (torch.Size([2, 1, 4, 4]), torch.Size([2, 3]))
    """
    if x.ndim != 4 or not 1 <= parts < len(x):
        raise BadInput(f"prior: {parts} directions from pictures {tuple(x.shape)}: give more pictures")
    mean = x.mean(0)
    _, size, rows = torch.linalg.svd((x - mean).flatten(1), full_matrices=False)
    spread = size[:parts] / (len(x) - 1) ** 0.5
    return Prior(mean, rows[:parts] * spread[:, None])


def search(
    loss: Callable[[Tensor], Tensor],
    faces: Prior,
    count: int,
    *,
    steps: int = 200,
    rate: float = 0.05,
    weight: float = 1e-3,
    start: Tensor | None = None,
) -> tuple[Tensor, list[float]]:
    """Move `count` pictures within a prior so that a loss falls; return them and the course of the loss.

    Parameters
    ----------
    loss : from pictures (B, 1, S, S) to one number for each, (B,)
    weight : price of squared coordinates: faces far from the attacker's are unlikely
    start : (B, K) coordinates; the mean face by default

    Raises
    ------
    BadInput
        If a loss is not finite.

    Examples
    --------
    >>> faces = prior(torch.rand(9, 1, 4, 4), parts=3)
    >>> _, course = search(lambda x: (x - 0.4).square().mean((1, 2, 3)), faces, 2, steps=20)
    >>> course[-1] <= course[0]
    True
    """
    at = (torch.zeros(count, len(faces.directions)) if start is None else start.clone()).requires_grad_()
    optimizer = torch.optim.Adam([at], rate)
    course = []
    for _ in range(steps):
        error = loss(faces.picture(at)) + weight * at.square().mean(1)
        if not bool(torch.isfinite(error).all()):
            raise BadInput("inversion: the loss is not finite: check the encoder and the features")
        optimizer.zero_grad()
        error.sum().backward()
        optimizer.step()
        course.append(float(error.detach().mean()))
    return faces.picture(at.detach()), course


def invert(release: Release, wanted: Tensor, faces: Prior, *, steps: int = 200) -> Tensor:
    """Return pictures whose features come near the wanted ones, (B, 1, S, S).

    Source: Mahendran and Vedaldi (2015), "Understanding deep image representations by inverting them".

    Parameters
    ----------
    release : the encoder, differentiable; for a noisy code its mean
    wanted : (B, D) released features

    Examples
    --------
    >>> faces = prior(torch.rand(9, 1, 4, 4), parts=3)
    >>> invert(lambda x: x.flatten(1), torch.rand(2, 16), faces, steps=2).shape
    torch.Size([2, 1, 4, 4])
    """
    size = wanted.square().mean(1).clamp_min(1e-8)
    return search(lambda x: (release(x) - wanted).square().mean(1) / size, faces, len(wanted), steps=steps)[0]


def impersonate(scores: Release, classes: Tensor, faces: Prior, *, steps: int = 200) -> Tensor:
    """Return a picture that a classifier takes for each wanted class, (B, 1, S, S): model inversion.

    Source: Fredrikson et al. (2015), "Model inversion attacks that exploit confidence information", CCS.

    Parameters
    ----------
    scores : the classifier, differentiable, (B, 1, S, S) to logits (B, C)
    classes : (B,) wanted classes, such as people of the training set

    Examples
    --------
    >>> faces = prior(torch.rand(9, 1, 4, 4), parts=3)
    >>> impersonate(lambda x: x.flatten(1), torch.tensor([0, 5]), faces, steps=2).shape
    torch.Size([2, 1, 4, 4])
    """
    return search(
        lambda x: torch.nn.functional.cross_entropy(scores(x), classes, reduction="none"),
        faces, len(classes), steps=steps,
    )[0]  # fmt: skip
