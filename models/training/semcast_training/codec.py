"""The joint source-channel codec: encoder, decoder, rate mask, power normalisation, channel.

Shapes used throughout:

    image   [B, 3, H, W]   float, RGB in [-1, 1]; H and W are multiples of the stride s
    csnr_db [B]            channel SNR in dB per complex symbol
    rate    [B]            active latent channels / all latent channels, in (0, 1]
    mask    [B, C, 1, 1]   1 for an active channel, 0 otherwise; the active ones are a prefix
    latent  [B, C, H/s, W/s]

Two neighbouring latent channels (2k, 2k+1) are the in-phase and quadrature part of one complex symbol per
position, so c active channels cost c/2 channel uses per s*s pixels and the channel bandwidth ratio is
CBR = c / (6 s^2) (channel uses over real source values). With s = 16: 32, 64, 96, 128 channels are
1/48, 1/24, 1/16, 1/12.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class CodecConfig:
    """Everything that fixes the shape of a codec's weights.

    ``widths`` are the encoder's channels at 1/patch, 1/(2 patch) and 1/(4 patch) of the image; the decoder
    mirrors them. ``channels`` are the numbers of active latent channels that training draws from.
    """

    latent_channels: int = 128
    patch: int = 4
    widths: tuple[int, ...] = (96, 192, 320)
    encoder_blocks: tuple[int, ...] = (2, 3, 4)
    decoder_blocks: tuple[int, ...] = (5, 4, 3)
    embedding: int = 64
    channels: tuple[int, ...] = (32, 64, 96, 128)
    csnr_db_min: float = 0.0
    csnr_db_max: float = 20.0

    def __post_init__(self) -> None:
        if not len(self.widths) == len(self.encoder_blocks) == len(self.decoder_blocks):
            raise ValueError('widths, encoder_blocks and decoder_blocks must have the same length')
        for c in (*self.channels, self.latent_channels):
            if c % 2 or not 0 < c <= self.latent_channels:
                raise ValueError(
                    f'{c} active channels: must be even and at most latent_channels = {self.latent_channels}'
                )

    @property
    def stride(self) -> int:
        return self.patch * 2 ** (len(self.widths) - 1)

    def cbr(self, channels: int) -> Fraction:
        """Channel uses per real source value of ``channels`` active latent channels."""
        return Fraction(channels, 6 * self.stride**2)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> CodecConfig:
        return CodecConfig(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))); the second convolution starts at zero, so a new block is the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class FeatureModulation(nn.Module):
    """FiLM (Perez et al. 2018): a per-channel scale and shift computed from the condition; starts as the identity."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.linear = nn.Linear(embedding, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.linear(condition)[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift


class ConditionEmbedding(nn.Module):
    """(csnr_db [B], rate [B]) -> [B, embedding]. Both are brought to about [-1, 1] first."""

    def __init__(self, embedding: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())

    def forward(self, csnr_db: Tensor, rate: Tensor) -> Tensor:
        return self.network(torch.stack([csnr_db / 10 - 1, rate * 2 - 1], dim=1))


def _stages(widths: tuple[int, ...], blocks: tuple[int, ...]) -> nn.ModuleList:
    return nn.ModuleList(nn.ModuleList(ResidualBlock(w) for _ in range(n)) for w, n in zip(widths, blocks, strict=True))


def _modulations(widths: tuple[int, ...], embedding: int) -> nn.ModuleList:
    return nn.ModuleList(nn.ModuleList(FeatureModulation(w, embedding) for _ in range(2)) for w in widths)


class Encoder(nn.Module):
    """(image, csnr_db, rate) -> latent [B, C, H/s, W/s], neither masked nor normalised."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths, c = config.widths, config.latent_channels
        self.patch = config.patch
        self.condition = ConditionEmbedding(config.embedding)
        self.stem = nn.Conv2d(3 * config.patch**2, widths[0], 3, padding=1)
        self.stages = _stages(widths, config.encoder_blocks)
        self.modulations = _modulations(widths, config.embedding)
        down = [nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths)]
        self.transitions = nn.ModuleList([*down, nn.Conv2d(widths[-1], c, 3, padding=1)])

    def forward(self, image: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        condition = self.condition(csnr_db, rate)
        h = self.stem(F.pixel_unshuffle(image, self.patch))
        for blocks, (before, after), transition in zip(self.stages, self.modulations, self.transitions):
            h = before(h, condition)
            for block in blocks:
                h = block(h)
            h = transition(after(h, condition))
        return h


class Decoder(nn.Module):
    """(latent, csnr_db, rate) -> image [B, 3, H, W], not clamped."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths, c = config.widths[::-1], config.latent_channels
        self.condition = ConditionEmbedding(config.embedding)
        self.stem = nn.Conv2d(c, widths[0], 3, padding=1)
        self.stages = _stages(widths, config.decoder_blocks)
        self.modulations = _modulations(widths, config.embedding)
        up = [nn.Conv2d(a, 4 * b, 3, padding=1) for a, b in itertools.pairwise(widths)]
        self.transitions = nn.ModuleList([*up, nn.Conv2d(widths[-1], 3 * config.patch**2, 3, padding=1)])
        self.factors = (*(2 for _ in up), config.patch)

    def forward(self, latent: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        condition = self.condition(csnr_db, rate)
        h = self.stem(latent)
        for blocks, (before, after), transition, factor in zip(
            self.stages, self.modulations, self.transitions, self.factors
        ):
            h = before(h, condition)
            for block in blocks:
                h = block(h)
            h = F.pixel_shuffle(transition(after(h, condition)), factor)
        return h


def prefix_mask(active: Tensor, latent_channels: int) -> Tensor:
    """active [B] int -> mask [B, C, 1, 1] whose first ``active`` channels are 1."""
    index = torch.arange(latent_channels, device=active.device)
    return (index[None, :] < active[:, None]).float()[:, :, None, None]


def normalise_power(latent: Tensor, mask: Tensor, group: int = 1) -> Tensor:
    """Mask the latent and scale it to unit mean power per complex symbol over the active symbols.

        z <- m z / sqrt(2 P),   P = sum (m z)^2 / (sum m * h * w)

    P is the mean square of a real active value, 2 P that of a complex symbol. ``group`` > 1 averages P over
    that many neighbouring images of the batch: in training a group of crops then shares one power budget, as
    the parts of one large picture do, and crops learn to be cheap where the picture is easy. Products and export
    use group = 1.
    """
    z = latent.float() * mask
    power = z.square().sum((1, 2, 3)) / (mask.sum((1, 2, 3)) * z.shape[2] * z.shape[3])
    if group > 1:
        power = power.view(-1, group).mean(1).repeat_interleave(group)
    return z * torch.rsqrt(2 * power + 1e-9)[:, None, None, None]


def awgn(latent: Tensor, mask: Tensor, csnr_db: Tensor, noise: Tensor) -> Tensor:
    """Add ``noise`` (standard normal, shape of latent) at csnr_db [B] for unit symbol power; inactive stay 0.

    The variance per complex symbol is 10^(-csnr/10), half of it on each real value.
    """
    sigma = (10 ** (-csnr_db / 20) / 2**0.5)[:, None, None, None]
    return (latent + sigma * noise) * mask


class EncoderGraph(nn.Module):
    """The encoder as a bundle exports it: (image, csnr_db, rate, mask) -> masked latent of unit symbol power."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor, csnr_db: Tensor, rate: Tensor, mask: Tensor) -> Tensor:
        return normalise_power(self.encoder(image, csnr_db, rate), mask)
