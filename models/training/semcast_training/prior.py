"""The prior: one denoiser D(x; sigma, condition), which is unconditional when its condition is switched off.

    D(x; sigma) = m + c_skip (x - m) + c_out F(c_in (x - m), ...; sigma)     after Karras et al. 2022, eq. 7, table 1
    c_skip = d^2 / (sigma^2 + d^2)   c_out = sigma d / sqrt(sigma^2 + d^2)   c_in = 1 / sqrt(sigma^2 + d^2)

m and d are mean and standard deviation of x0, as far as one knows them beforehand. Without a condition: 0 and 0.5,
those of pixels in [-1, 1]. With it: x_J, and the RMSE of a one-shot decode at that CSNR and rate. So with F = 0 it is
already the best linear estimate from both, and F only has to find what x_J lacks, at the same scale at every noise
level. With m = 0 and d = 0.5 for both, F has to copy x_J first, and after an hour it still fell short of x_J itself by
half a decibel at high noise.

D estimates E[x0 | x0 + sigma n] (and x_J, CSNR and rate, where they are given).

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
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .codec import FeatureModulation, NetworkConfig, ResidualBlock

SIGMA_DATA = 0.5


@dataclass(frozen=True)
class DenoiserConfig(NetworkConfig):
    """``widths`` are the channels at 1/patch, 1/(2 patch), ... of the image, ``blocks`` the residual blocks of each
    stage on the way down and again on the way up; the last stage is the bottom and has its blocks once.
    ``decode_error`` are the coefficients of the logarithm of a one-shot decode's RMSE, see ``decode_deviation``."""

    patch: int = 2
    widths: tuple[int, ...] = (64, 128, 256, 384)
    blocks: tuple[int, ...] = (2, 2, 2, 3)
    embedding: int = 128
    decode_error: tuple[float, ...] = (math.log(0.15), 0.0, 0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise ValueError('widths and blocks must have the same length')
        if len(self.decode_error) != 6:
            raise ValueError('decode_error must have 6 coefficients')

    @property
    def stride(self) -> int:
        """Height and width must be multiples of this."""
        return self.patch * 2 ** (len(self.widths) - 1)


SIZES = {
    # 15.2 M parameters, 265 k multiplications a pixel: for CPUs
    'small': DenoiserConfig(),
    # 40 M parameters, 840 k multiplications a pixel: for GPUs
    'large': DenoiserConfig(widths=(96, 192, 384, 512), blocks=(3, 3, 3, 4)),
}


def _terms(csnr_db: Tensor, rate: Tensor) -> tuple[Tensor, ...]:
    s, q = csnr_db / 10 - 1, rate * 2 - 1
    return torch.ones_like(s), s, q, s * s, s * q, q * q


def fit_decode_error(csnr_db: Tensor, rate: Tensor, rmse: Tensor) -> tuple[float, ...]:
    """``DenoiserConfig.decode_error`` from measured RMSEs, each [N]: least squares of the logarithm."""
    terms = torch.stack(_terms(csnr_db.double(), rate.double()), dim=1)
    return tuple(torch.linalg.lstsq(terms, torch.log(rmse.double())[:, None]).solution[:, 0].tolist())


def decode_deviation(coefficients: tuple[float, ...], csnr_db: Tensor, rate: Tensor) -> Tensor:
    """RMSE [B] of a one-shot decode, pixels in [-1, 1]: the exponential of a quadratic form of CSNR and rate."""
    log_rmse = sum(c * t for c, t in zip(coefficients, _terms(csnr_db, rate), strict=True))
    return torch.exp(torch.clamp(log_rmse, math.log(0.01), math.log(SIGMA_DATA)))


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
    """(x, sigma, x_j, flag, csnr_db, rate) -> x0 [B, 3, H, W], not clamped. A new one returns m + c_skip (x - m)."""

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
        sigma, on = sigma[:, None, None, None], flag[:, None, None, None]
        deviation = self.deviation(flag, csnr_db, rate)[:, None, None, None]
        total = torch.sqrt(sigma * sigma + deviation * deviation)
        condition = self.condition(sigma[:, 0, 0, 0], flag, csnr_db, rate)
        mean = on * x_j
        centred = x - mean
        # x_j has a standard deviation of about 1/2, twice that is as large as c_in (x - m)
        pair = torch.cat([centred / total, 2 * mean], dim=1)
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
        ratio = deviation / total
        return mean + ratio * ratio * centred + sigma * ratio * f

    def deviation(self, flag: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        """Standard deviation [B] of x0 around m, before x is known: d."""
        known = decode_deviation(self.config.decode_error, csnr_db, rate)
        return flag * known + (1 - flag) * SIGMA_DATA


def edm_weight(sigma: Tensor, deviation: Tensor | float = SIGMA_DATA) -> Tensor:
    """Weight of the squared error of D at noise level sigma: (sigma^2 + d^2) / (sigma d)^2, which makes it the squared
    error of F, whose target has unit variance at every level (Karras et al. 2022, table 1)."""
    return (sigma**2 + deviation**2) / (sigma * deviation) ** 2


def hidden_kernels(denoiser: Denoiser) -> list[nn.Parameter]:
    """What Muon updates: AdamW has kernels that touch pixels, which are no hidden matrices, and vectors."""
    edge = {id(denoiser.stem.weight), id(denoiser.head.weight)}
    return [p for p in denoiser.parameters() if p.ndim == 4 and id(p) not in edge]
