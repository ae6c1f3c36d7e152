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

**Level pilot.** Power normalisation divides every image by a factor of its own, so a decoder that sees symbols alone
can't tell a faint picture from a strong one: its brightness and contrast are only known up to that factor. The encoder
therefore takes the mean of one latent channel away and puts a learned constant there; the decoder divides that
channel's mean by the constant, which is the factor (plus noise averaged over the image), and undoes the normalisation.
It costs one part in 32 to 128 of the power.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .interfaces import CodecShape

#: A level below this is noise, not a pilot (an all but empty symbol block): the decoder amplifies no further.
SMALLEST_LEVEL = 0.2
#: So far below the least CSNR of their training the networks still do better when they are told the truth.
EXTRAPOLATION_DB = 6.0


class NetworkConfig:
    """A frozen dataclass of numbers and tuples, which checkpoints and graph files keep as a dictionary."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


@dataclass(frozen=True)
class CodecConfig(NetworkConfig, CodecShape):
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
        self.check_channels()

    @property
    def stride(self) -> int:
        return self.patch * 2 ** (len(self.widths) - 1)

    @property
    def pilot_channel(self) -> int:
        """The latent channel whose mean over the image is the level pilot: the last that is active at every rate."""
        return min(self.channels) - 1


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
    """(csnr_db [B], rate [B], ``more`` values [B]) -> [B, embedding]. CSNR and rate are brought to about [-1, 1]."""

    def __init__(self, embedding: int, more: int = 0) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(2 + more, embedding), nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU()
        )

    def forward(self, csnr_db: Tensor, rate: Tensor, *more: Tensor) -> Tensor:
        return self.network(torch.stack([csnr_db / 10 - 1, rate * 2 - 1, *more], dim=1))


class LinearPath(nn.Module):
    """A linear transform code beside the network: x -> gain(condition) A x + b over one position's values.

    Encoder and decoder each hold one, started (``start_linear_paths``) as the Karhunen-Loeve transform of the
    training photographs with the power allocation that is best for it. The networks then learn only what a linear
    code lacks. Without it the first hours go into learning that transform, small components last: after 400 Mpx a
    codec without it was still 4 dB below the linear code at CBR 1/12.
    """

    def __init__(self, inputs: int, outputs: int, gains: int, embedding: int) -> None:
        super().__init__()
        self.matrix = nn.Conv2d(inputs, outputs, 1)
        self.gain = nn.Linear(embedding, gains)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.gain.bias)

    def gains(self, condition: Tensor) -> Tensor:
        """[B, gains, 1, 1], one per latent channel, 1 at the start."""
        return torch.exp(self.gain(condition))[:, :, None, None]


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
        nn.init.zeros_(self.transitions[-1].weight)
        nn.init.zeros_(self.transitions[-1].bias)
        self.stride = config.stride
        self.linear = LinearPath(3 * config.stride**2, c, c, config.embedding)
        self.pilot_channel = config.pilot_channel
        self.pilot = nn.Parameter(torch.tensor(1.2))

    def forward(self, image: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        condition = self.condition(csnr_db, rate)
        h = self.stem(F.pixel_unshuffle(image, self.patch))
        for blocks, (before, after), transition in zip(self.stages, self.modulations, self.transitions):
            h = before(h, condition)
            for block in blocks:
                h = block(h)
            h = transition(after(h, condition))
        z = (h + self.linear.gains(condition) * self.linear.matrix(F.pixel_unshuffle(image, self.stride))).float()
        before, level, after = z.split([self.pilot_channel, 1, z.shape[1] - self.pilot_channel - 1], dim=1)
        level = level - level.mean((2, 3), keepdim=True) + self.pilot
        return torch.cat([before, level, after], dim=1)


class Decoder(nn.Module):
    """(latent, csnr_db, rate) -> image [B, 3, H, W], not clamped."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        widths, c = config.widths[::-1], config.latent_channels
        self.condition = ConditionEmbedding(config.embedding, more=1)
        self.stem = nn.Conv2d(c, widths[0], 3, padding=1)
        self.stages = _stages(widths, config.decoder_blocks)
        self.modulations = _modulations(widths, config.embedding)
        up = [nn.Conv2d(a, 4 * b, 3, padding=1) for a, b in itertools.pairwise(widths)]
        self.transitions = nn.ModuleList([*up, nn.Conv2d(widths[-1], 3 * config.patch**2, 3, padding=1)])
        nn.init.zeros_(self.transitions[-1].weight)
        nn.init.zeros_(self.transitions[-1].bias)
        self.factors = (*(2 for _ in up), config.patch)
        self.stride = config.stride
        self.linear = LinearPath(c, 3 * config.stride**2, c, config.embedding)
        self.pilot_channel = config.pilot_channel
        self.pilot = nn.Parameter(torch.tensor(1.2))

    def forward(self, latent: Tensor, csnr_db: Tensor, rate: Tensor) -> Tensor:
        latent = latent.float()
        level = (latent[:, self.pilot_channel].mean((1, 2)) / self.pilot).clamp_min(SMALLEST_LEVEL)
        latent = latent / level[:, None, None, None]
        condition = self.condition(csnr_db, rate, level.log())
        h = self.stem(latent)
        for blocks, (before, after), transition, factor in zip(
            self.stages, self.modulations, self.transitions, self.factors
        ):
            h = before(h, condition)
            for block in blocks:
                h = block(h)
            h = F.pixel_shuffle(transition(after(h, condition)), factor)
        return h + F.pixel_shuffle(self.linear.matrix(self.linear.gains(condition) * latent), self.stride)


def start_linear_paths(encoder: Encoder, decoder: Decoder, images: Tensor, csnr_db: float = 10.0) -> None:
    """Set both linear paths to the best linear code for ``images`` [B, 3, H, W] at ``csnr_db``.

    The encoder sends the C leading components of the s x s x 3 blocks (Karhunen-Loeve transform); component i of
    variance v_i gets the power p_i = (sqrt(v_i n mu) - n)+ with n = N0/2 and mu such that the mean is 1/2 (Lee,
    Petersen 1976: least squared error for a linear code under a power constraint); the decoder inverts it with the
    least-squares gain sqrt(p_i v_i) / (p_i + n). The weights of both are overwritten in place.
    """
    c = encoder.linear.matrix.out_channels
    blocks = F.pixel_unshuffle(images, encoder.stride).permute(0, 2, 3, 1).flatten(0, 2).double()
    mean = blocks.mean(0)
    variances, directions = torch.linalg.eigh(torch.cov(blocks.T))
    variance, direction = variances.flip(0)[:c].clamp_min(1e-9), directions.flip(1)[:, :c]
    noise = 0.5 * 10 ** (-csnr_db / 10)
    low, high = 1e-12, 1e12
    for _ in range(200):
        mu = (low * high) ** 0.5
        # No component is given up altogether: a gain of exactly zero could not be learnt back.
        power = ((variance * noise * mu).sqrt() - noise).clamp_min(2e-3)
        low, high = (low, mu) if power.mean() > 0.5 else (mu, high)
    gain = (power / variance).sqrt()
    with torch.no_grad():
        encoder.linear.matrix.weight.copy_((direction * gain).T[:, :, None, None])
        encoder.linear.matrix.bias.copy_(-(mean @ direction) * gain)
        decoder.linear.matrix.weight.copy_((direction * (gain * variance / (power + noise)))[:, :, None, None])
        decoder.linear.matrix.bias.copy_(mean)


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


def rayleigh(latent: Tensor, mask: Tensor, csnr_db: Tensor, noise: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Fast Rayleigh fading known to the receiver: (symbols as ``packages/phy/src/equalise.ts`` gives them, their CSNR).

    ``gain`` [B, C/2, h, w] is |h|^2 of each complex symbol, exponential of mean 1; phases are undone and therefore left
    out. Mean m and variance v of the symbols by channel pair are those of the batch: b = |h|^2 v / (|h|^2 v + N0),
    z <- m + b / mean(b) (y/h - m), whose error has the variance v (1 - mean(b)) / mean(b).
    """
    height, width = latent.shape[2:]
    z, n = (t.unflatten(1, (-1, 2)) for t in (latent, noise))
    active = mask.unflatten(1, (-1, 2))[:, :, :1]
    count = (active.sum(0, keepdim=True) * height * width).clamp_min(1)
    mean = (z.detach().sum((0, 3, 4), keepdim=True) / count) * active
    variance = ((z.detach() - mean) * active).square().sum((0, 2, 3, 4), keepdim=True) / count
    n0 = 10 ** (-csnr_db / 10)[:, None, None, None, None]
    gain = gain[:, :, None]
    total = (gain * variance + n0).clamp_min(1e-9)
    kept = gain * variance / total
    share = kept.mean((3, 4), keepdim=True).clamp_min(1e-6)
    # y/h has the noise n/h, so the product with b is finite where nothing gets through.
    noisy = kept * (z - mean) + gain.sqrt() * variance / total * (n0 / 2).sqrt() * n
    error = (variance * (1 - share) / share * active).sum((1, 2, 3, 4)) / active.sum((1, 2, 3, 4))
    return ((mean + noisy / share) * active).flatten(1, 2), -10 * error.log10()


def draw_gain(share: float, noise: Tensor, random: torch.Generator) -> Tensor | None:
    """|h|^2 [B, C/2, h, w] of fast Rayleigh fading for that share of the batches, None for the others.

    ``noise`` [B, C, h, w] is the batch's, on the device of ``random``.
    """
    if share == 0 or torch.rand((), generator=random, device=noise.device) >= share:
        return None
    return torch.empty_like(noise[:, ::2]).exponential_(generator=random)


def receive(
    latent: Tensor, mask: Tensor, csnr_db: Tensor, noise: Tensor, gain: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """What the decoder gets, and the CSNR [B] in dB that it is told: after AWGN, or ``rayleigh`` with a gain."""
    if gain is None:
        return awgn(latent, mask, csnr_db, noise), csnr_db
    return rayleigh(latent, mask, csnr_db, noise, gain)


def clip_peaks(latent: Tensor, limit_db: float) -> Tensor:
    """No complex symbol with more power than ``limit_db`` above 1, the mean; phases stay."""
    pairs = latent.unflatten(1, (-1, 2))
    amplitude = pairs.square().sum(2, keepdim=True).sqrt().clamp_min(1e-9)
    return (pairs * (10 ** (limit_db / 20) / amplitude).clamp_max(1)).flatten(1, 2)


def draw_conditions(
    config: CodecConfig, random: torch.Generator, batch: int, group: int = 1, focus: float = 0.0
) -> tuple[Tensor, Tensor]:
    """CSNR in dB and active channels of each image of a training batch, the same within a group.

    Both are uniform for each group, but not independent between groups: the CSNRs fall one in each of as many equal
    intervals as there are groups, and the rates take turns. Batches then differ less, and so do their gradients.

    ``focus`` above 0 draws CSNRs near the middle of the range more often: 1 makes their distribution triangular, values
    between are between the quantiles of the two. Nobody's channel stays at an end of the range.
    """
    low, high = config.csnr_db_min, config.csnr_db_max
    groups = batch // group
    strata = (torch.randperm(groups, generator=random) + torch.rand(groups, generator=random)) / groups
    triangular = torch.where(strata < 0.5, (strata / 2).sqrt(), 1 - ((1 - strata) / 2).sqrt())
    csnr_db = low + (high - low) * torch.lerp(strata, triangular, focus)
    counts = torch.tensor(config.channels)
    turns = torch.randperm(groups, generator=random) + torch.randint(len(counts), (), generator=random)
    active = counts[turns % len(counts)]
    return csnr_db.repeat_interleave(group), active.repeat_interleave(group)


@dataclass(frozen=True)
class Codec:
    """Encoder and decoder, frozen, with the numbers that describe their latent."""

    config: CodecShape
    encoder: nn.Module
    decoder: nn.Module

    def to(self, device: torch.device) -> Codec:
        networks = (n.to(device, memory_format=torch.channels_last) for n in (self.encoder, self.decoder))
        return Codec(self.config, *networks)

    def one_shot(self, image: Tensor, csnr_db: Tensor, active: Tensor, noise: Tensor, group: int = 1) -> Tensor:
        """x_j [B, 3, H, W]: images through encoder, AWGN channel and decoder, clamped to [-1, 1].

        ``noise`` [B, C, H/s, W/s] is standard normal. See ``normalise_power`` for ``group``.
        """
        return self.transmit(image, csnr_db, active, noise, group)[0]

    def transmit(
        self,
        image: Tensor,
        csnr_db: Tensor,
        active: Tensor,
        noise: Tensor,
        group: int = 1,
        gain: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """``one_shot`` over a channel with that gain, see ``receive``; also the CSNR [B] that the decoder is told."""
        rate, mask = active / self.config.latent_channels, prefix_mask(active, self.config.latent_channels)
        latent = normalise_power(self.encoder(image, csnr_db, rate), mask, group)
        received, told_db = receive(latent, mask, csnr_db, noise, gain)
        return self.decoder(received, told_db, rate).float().clamp(-1, 1), told_db

    def noise_shape(self, image: Tensor) -> tuple[int, int, int, int]:
        s = self.config.stride
        return image.shape[0], self.config.latent_channels, image.shape[2] // s, image.shape[3] // s


class EncoderGraph(nn.Module):
    """The encoder as a bundle exports it: (image, csnr_db, rate, mask) -> masked latent of unit symbol power."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor, csnr_db: Tensor, rate: Tensor, mask: Tensor) -> Tensor:
        return normalise_power(self.encoder(image, csnr_db, rate), mask)
