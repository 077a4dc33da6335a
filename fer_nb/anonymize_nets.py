"""The networks of the anonymizer: a conditional generator, a discriminator with three heads, donors.

Sources: Radford, Metz and Chintala (2016) for the generator; Odena, Olah and Shlens (2017), "Conditional
image synthesis with auxiliary classifier GANs", for the heads; Miyato et al. (2018) for spectral
normalization; Perez et al. (2018), "FiLM", for the conditioning.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from .spatial import Normalize

UNITS, POSE = 22, 2  # action units in [0, 1]; sines of turning (to the picture's right) and of nodding (down)
CODE = UNITS + POSE
WIDTHS = (192, 128, 64, 48)  # maps of the generator at 4, 8, 16 and 32 pixels


class Up(nn.Module):
    """Double the resolution, then let the condition scale and shift each map."""

    def __init__(self, channels: int, out: int, condition: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1, bias=False)
        self.norm = nn.GroupNorm(4, out, affine=False)
        self.film = nn.Linear(condition, 2 * out)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        x = self.norm(self.conv(x))  # (B, C, H, W) -> (B, out, 2 H, 2 W)
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, 1)
        return F.leaky_relu(x * (1 + scale) + shift, 0.2)


class Generator(nn.Module):
    """Draw faces (B, 1, 64, 64) in [0, 1] from codes (B, C) and identities (B, E).

    Examples
    --------
    >>> Generator(code=24, identity=8)(torch.zeros(2, 24), torch.zeros(2, 8)).shape
    torch.Size([2, 1, 64, 64])
    """

    def __init__(
        self, *, code: int, identity: int, widths: Sequence[int] = WIDTHS, condition: int = 192
    ) -> None:
        super().__init__()
        self.condition = nn.Sequential(
            nn.Linear(code + identity, condition), nn.LeakyReLU(0.2),
            nn.Linear(condition, condition), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.start = nn.Linear(condition, widths[0] * 16)
        pairs = pairwise(widths)
        self.ups = nn.ModuleList([Up(a, b, condition) for a, b in pairs])  # 4 -> 8 -> 16 -> 32
        self.out = nn.Sequential(nn.Conv2d(widths[-1], 4, 3, padding=1), nn.PixelShuffle(2))  # 32 -> 64

    def forward(self, code: Tensor, identity: Tensor) -> Tensor:
        condition = self.condition(torch.cat([code, identity], 1))  # (B, C + E) -> (B, condition)
        x = self.start(condition).unflatten(1, (-1, 4, 4))  # (B, 16 W) -> (B, W, 4, 4)
        for up in self.ups:
            x = up(x, condition)
        return torch.sigmoid(self.out(x))


class Discriminator(nn.Module):
    """Say of faces (B, 1, 64, 64): real or drawn (B,), which code (B, C), which donor (B, P logits).

    Every layer is held to a slope of one (Miyato et al. 2018, "Spectral normalization"), which keeps the
    game between the two networks steady.

    Examples
    --------
    >>> real, code, donor = Discriminator(code=24, donors=5)(torch.rand(2, 1, 64, 64))
    >>> real.shape, code.shape, donor.shape
    (torch.Size([2]), torch.Size([2, 24]), torch.Size([2, 5]))
    """

    def __init__(self, *, code: int, donors: int, widths: Sequence[int] = (16, 48, 96, 160)) -> None:
        super().__init__()
        self.normalize = Normalize()
        parts: list[nn.Module] = []
        for a, b in pairwise((4, *widths)):
            parts += [spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)), nn.LeakyReLU(0.2)]
        self.body = nn.Sequential(*parts, nn.Flatten())  # 64 -> 32 -> 16 -> 8 -> 4
        self.real = spectral_norm(nn.Linear(widths[-1] * 16, 1))
        self.code = nn.Linear(widths[-1] * 16, code)
        self.donor = nn.Linear(widths[-1] * 16, donors)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        detail = self.normalize(x)  # (B, 3, 64, 64): local contrast and its slopes, where blur shows
        seen = self.body(torch.cat([4 * x - 2, detail], 1))  # (B, 4, 64, 64) -> (B, 16 W)
        return self.real(seen)[:, 0], self.code(seen), self.donor(seen)


class Anonymizer(nn.Module):
    """Generator, a face space with one point for each donor, and the pose readout. About a million numbers.

    Maps codes (B, 24) and donor numbers (B,) to faces (B, 1, 64, 64) in [0, 1]. Inside, every number of the
    code is brought to mean 0 and spread 1 over the training frames (`center`, `spread`), or the generator
    would hear the faint ones, brows and lids, last.

    Examples
    --------
    >>> model = Anonymizer(donors=3)
    >>> model(torch.zeros(2, 24), torch.tensor([0, 2])).shape
    torch.Size([2, 1, 64, 64])
    """

    center: Tensor
    spread: Tensor

    def __init__(
        self, *, donors: int, identity: int = 48, features: int = 1856, widths: Sequence[int] = WIDTHS
    ) -> None:
        super().__init__()
        self.donors = nn.Embedding(donors, identity)
        self.generator = Generator(code=CODE, identity=identity, widths=widths)
        self.pose = nn.Linear(features, POSE)  # from the reader's last maps, flat
        self.register_buffer("center", torch.zeros(CODE))
        self.register_buffer("spread", torch.ones(CODE))

    def forward(self, code: Tensor, donor: Tensor) -> Tensor:
        return self.generator((code - self.center) / self.spread, self.donors(donor))
