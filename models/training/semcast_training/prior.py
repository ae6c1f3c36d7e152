"""The prior: one denoiser D(x; sigma, condition), which is unconditional when its condition is switched off.

    D(x; sigma) = c_skip x + c_out F(c_in x; sigma)             Karras et al. 2022, eq. 7 and table 1
    c_skip = sd^2 / (sigma^2 + sd^2)   c_out = sigma sd / sqrt(sigma^2 + sd^2)   c_in = 1 / sqrt(sigma^2 + sd^2)

with sd = 0.5, the standard deviation of pixels in [-1, 1]. D estimates E[x0 | x0 + sigma n] (and x_J, CSNR and rate,
where they are given).

Shapes:

    x       [B, 3, H, W]   x0 + sigma n, RGB in [-1, 1] before the noise; H and W multiples of the network's stride
    sigma   [B]            standard deviation of the noise
    x_j     [B, 3, H, W]   one-shot decode of the received signal, in [-1, 1]
    flag    [B]            1: x_j, csnr_db and rate are the condition; 0: they are ignored
    csnr_db [B]            channel SNR in dB per complex symbol
    rate    [B]            active latent channels / all latent channels, in (0, 1]

F is a U-Net without normalisation layers, made for what runs it and for what differentiates it: blocks are
convolution, ReLU, convolution, sum, which ONNX Runtime fuses and keeps in one memory layout; the gradient of such a
block is two more convolutions and a mask. The condition scales and shifts the features once on entering each stage,
not in every block, because each time costs two changes of layout.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .codec import FeatureModulation, ResidualBlock

SIGMA_DATA = 0.5


@dataclass(frozen=True)
class DenoiserConfig:
    """``widths`` are the channels at 1/patch, 1/(2 patch), ... of the image, ``blocks`` the residual blocks of each
    stage on the way down and again on the way up; the last stage is the bottom and has its blocks once."""

    patch: int = 2
    widths: tuple[int, ...] = (64, 128, 256, 384)
    blocks: tuple[int, ...] = (2, 2, 2, 3)
    embedding: int = 128

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise ValueError('widths and blocks must have the same length')

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this."""
        return self.patch * 2 ** (len(self.widths) - 1)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> DenoiserConfig:
        return DenoiserConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


SIZES = {
    # 15.2 M parameters, 265 k multiplications a pixel: for CPUs
    'small': DenoiserConfig(),
    # 40 M parameters, 840 k multiplications a pixel: for GPUs
    'large': DenoiserConfig(widths=(96, 192, 384, 512), blocks=(3, 3, 3, 4)),
}


class NoiseEmbedding(nn.Module):
    """(sigma, flag, csnr_db, rate), each [B] -> [B, embedding]. CSNR and rate count only as far as flag is on."""

    def __init__(self, embedding: int, frequencies: int = 16) -> None:
        super().__init__()
        # Angles log(sigma)/4 times 1 to 200: the slowest turns once over all noise levels, the fastest tells apart
        # levels that differ by some percent.
        self.register_buffer('frequencies', torch.exp(torch.linspace(0, math.log(200), frequencies)), persistent=False)
        self.network = nn.Sequential(
            nn.Linear(2 * frequencies + 3, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )

    def forward(self, sigma: Tensor, flag: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        angle = (torch.log(sigma) / 4)[:, None] * self.frequencies
        condition = torch.stack([flag, flag * (csnr_db / 10 - 1), flag * (rate * 2 - 1)], dim=1)
        return self.network(torch.cat([torch.sin(angle), torch.cos(angle), condition], dim=1))


class Denoiser(nn.Module):
    """(x, sigma, x_j, flag, csnr_db, rate) -> x0 [B, 3, H, W], not clamped. A new one returns c_skip x."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        widths, inner, pixels = config.widths, config.widths[:-1], 3 * config.patch**2
        self.config = config
        self.condition = NoiseEmbedding(config.embedding)
        self.stem = nn.Conv2d(2 * pixels, widths[0], 3, padding=1)
        self.down_stages, self.up_stages = (
            nn.ModuleList(nn.Sequential(*(ResidualBlock(w) for _ in range(n))) for w, n in zip(inner, config.blocks))
            for _ in range(2)
        )
        self.middle = nn.Sequential(*(ResidualBlock(widths[-1]) for _ in range(config.blocks[-1])))
        self.down_modulations = nn.ModuleList(FeatureModulation(w, config.embedding) for w in widths)
        self.up_modulations = nn.ModuleList(FeatureModulation(w, config.embedding) for w in inner)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.head = nn.Conv2d(widths[0], pixels, 3, padding=1)
        # Without normalisation layers nothing else makes F's output as large at low noise as at high noise, where
        # what it has to find in its input is large too: this gain spares the features that burden.
        self.gain = FeatureModulation(pixels, config.embedding)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor, sigma: Tensor, x_j: Tensor, flag: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        patch = self.config.patch
        s = sigma[:, None, None, None]
        total = torch.sqrt(s * s + SIGMA_DATA**2)
        condition = self.condition(sigma, flag, csnr_db, rate)
        # x_j has a standard deviation of about 1/2, twice that is as large as c_in x
        pair = torch.cat([x / total, x_j * (2 * flag)[:, None, None, None]], dim=1)
        h = self.stem(F.pixel_unshuffle(pair, patch))
        skips = []
        for stage, modulation, down in zip(self.down_stages, self.down_modulations, self.down):
            h = stage(modulation(h, condition))
            skips.append(h)
            h = down(h)
        h = self.middle(self.down_modulations[-1](h, condition))
        for stage, modulation, up, skip in reversed(
            list(zip(self.up_stages, self.up_modulations, self.up, skips, strict=True))
        ):
            # a 1x1 convolution and a doubling of pixels commute; this way round is four times cheaper
            h = skip + F.interpolate(up(h), scale_factor=2.0, mode='nearest')
            h = stage(modulation(h, condition))
        f = F.pixel_shuffle(self.gain(self.head(h), condition).float(), patch)
        return SIGMA_DATA**2 / total**2 * x + s * SIGMA_DATA / total * f


def edm_weight(sigma: Tensor) -> Tensor:
    """Weight of the squared error of D at noise level sigma: (sigma^2 + sd^2) / (sigma sd)^2, which makes it the
    squared error of F, whose target has unit variance at every level (Karras et al. 2022, table 1)."""
    return (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
