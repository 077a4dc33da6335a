"""Toy models to attack: linear, small, and trained on nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from fer_nb.clips import Clip
from fer_nb.experiments._attack_lab import Victims
from fer_nb.labels import LABELS
from fer_nb.preprocess import FEATURES
from tests.faces import sequence

SIDE = 8


class Toy(nn.Module):
    """A smooth model of (B, 1, 8, 8) or (B, T, 1, 8, 8): projections, averaged over time."""

    def __init__(self, *, seed: int = 0, sharp: float = 6.0, classes: int = 7) -> None:
        super().__init__()
        drawn = torch.randn(SIDE * SIDE, classes, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(sharp * drawn / drawn.norm(dim=0))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        z = torch.tanh(x.flatten(-3) - 0.5) @ self.weight.to(x.dtype)
        return z if x.ndim == 4 else z.mean(1)


def pictures(count: int = 6, *, frames: int = 0, seed: int = 1) -> Tensor:
    """Return 8-bit pictures in [0, 1], with a time axis where frames are asked for."""
    shape = (count, *((frames,) if frames else ()), 1, SIDE, SIDE)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator).float() / 255


class Still(nn.Module):
    """A toy spatial branch: (B, 1, 64, 64) to (B, 7), smooth, and easy to fool."""

    def __init__(self, *, seed: int = 0, sharp: float = 30.0) -> None:
        super().__init__()
        drawn = torch.randn(64, 7, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(sharp * drawn / drawn.norm(dim=0))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        small = nn.functional.avg_pool2d(x, 8).flatten(1)  # (B, 1, 64, 64) -> (B, 64)
        return (small - 0.5) @ self.weight.to(x.dtype)


class Motion(nn.Module):
    """A toy temporal branch: (B, 24, F) to (B, 7)."""

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        drawn = torch.randn(FEATURES, 7, generator=torch.Generator().manual_seed(seed))
        self.weight = nn.Parameter(20 * drawn)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1) @ self.weight.to(x.dtype)


def victims(people: int = 3, *, each: int = 3, missed: int = 1) -> Victims:
    """Clips with random crops, each labeled as `Still` reads its apex."""
    rng, net, clips, faces = np.random.default_rng(0), Still(), [], []
    for who in range(people):
        for number in range(each):
            face = sequence(amount=3.0 + number, subject=f"p{who}")
            blocks = 20 * rng.standard_normal((1, 8, 8)).repeat(8, 1).repeat(8, 2)  # what `Still` can see
            crops = np.clip(128 + blocks + rng.integers(-20, 21, (len(face), 64, 64)), 0, 255).astype(
                np.uint8
            )
            with torch.no_grad():
                said = net(torch.from_numpy(crops[face.apex][None, None]).float() / 255).argmax().item()
            about = {"label": LABELS[said], "subject": f"p{who}", "source": f"p{who}/{number}"}
            faces.append(replace(face, crops=crops, **about))
            frames = np.full((len(face), 160, 160, 3), 120, np.uint8)
            clips.append(Clip(frames, 10.0, **about))
    return Victims("validate", tuple(clips), tuple(faces), ("p0",) * missed)
