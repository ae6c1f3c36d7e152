"""What a network must look like to become part of a bundle.

Any ``torch.nn.Module`` with one of these forwards will do; nothing else is asked of it:

    encoder   (image [B,3,H,W], csnr_db [B], rate [B]) -> latent [B,C,H/s,W/s]
    decoder   (latent [B,C,H/s,W/s] with zeros in inactive channels, csnr_db [B], rate [B]) -> image [B,3,H,W]
    denoiser  (x [B,3,H,W], sigma [B], x_j [B,3,H,W], flag [B], csnr_db [B], rate [B]) -> x0 [B,3,H,W]

Images are float RGB in the units of the bundle's ``normalisation`` (ours: [-1, 1]), the same for all three. H and W are
multiples of the stride s, and of whatever the networks need: ``stride`` of a bundle is the one number that all of them
can live with, and is what the latent is smaller by.

Masking to the active channels and power normalisation come after the encoder, in the graph (``codec.EncoderGraph``), so
a network that normalises by itself is harmless: its scale is divided out again.

The denoiser's x is x0 + sigma n (variance exploding; x is not scaled down), its result estimates x0. Where ``flag`` is
1 the one-shot decode x_j, csnr_db and rate are known; where it is 0 they must not matter. A network without a condition
ignores the last four.

Sources of other conventions can be wrapped: ``NoisePredictor`` makes a denoiser of a DDPM-style network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn


class CodecShape:
    """The numbers that say what a codec's latent is; ``codec.CodecConfig`` has them, and ``Trio``.

    ``channels`` are the numbers of active latent channels that the codec was trained for, even; a codec of one rate
    has one.
    """

    stride: int
    latent_channels: int
    channels: tuple[int, ...]
    csnr_db_min: float
    csnr_db_max: float

    def check_channels(self) -> None:
        for c in (*self.channels, self.latent_channels):
            if c % 2 or not 0 < c <= self.latent_channels:
                raise ValueError(f'{c} active channels: must be even and at most {self.latent_channels}')

    def cbr(self, channels: int) -> Fraction:
        """Channel uses per real source value of ``channels`` active latent channels."""
        return Fraction(channels, 6 * self.stride**2)


@dataclass(frozen=True)
class Trio(CodecShape):
    """Encoder, decoder and (if there is one) denoiser, with what the manifest has to say about them.

    ``config`` may hold, for 'encoder', 'decoder' and 'denoiser', a dictionary that goes into the graph file, from which
    ``bundle_weights`` can build the network again.
    """

    encoder: nn.Module
    decoder: nn.Module
    denoiser: nn.Module | None
    stride: int
    latent_channels: int
    channels: tuple[int, ...]
    csnr_db_min: float
    csnr_db_max: float
    description: str = ''
    license: str = ''
    normalisation: dict[str, list[float]] = field(
        default_factory=lambda: {'mean': [0.5, 0.5, 0.5], 'std': [0.5, 0.5, 0.5]}
    )
    config: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.check_channels()

    @property
    def pixels(self) -> tuple[float, float]:
        """The range of pixel values in the units of ``normalisation``, of all colours together."""
        pairs = list(zip(*(self.normalisation[name] for name in ('mean', 'std'))))
        return min(-mean / std for mean, std in pairs), max((1 - mean) / std for mean, std in pairs)

    def networks(self) -> list[nn.Module]:
        return [n for n in (self.encoder, self.decoder, self.denoiser) if n is not None]


class NoisePredictor(nn.Module):
    """A denoiser made of a DDPM-style network eps(x_t, t), which predicts n of x_t = sqrt(a_t) x0 + sqrt(1-a_t) n.

        D(x; sigma) = x - sigma eps(x / sqrt(1 + sigma^2), t(sigma))          with sigma_t = sqrt((1 - a_t) / a_t)

    ``alphas_cumprod`` [T] is the table a_t of the training; t is interpolated linearly in log sigma between its
    entries (networks with sinusoidal time embeddings take fractions). ``learned_variance`` drops the second half of
    the channels, as in guided-diffusion. The condition is ignored.
    """

    def __init__(self, network: nn.Module, alphas_cumprod: Tensor, *, learned_variance: bool = False) -> None:
        super().__init__()
        self.network = network
        self.learned_variance = learned_variance
        a = alphas_cumprod.double()
        self.register_buffer('log_sigmas', (0.5 * ((1 - a) / a).log()).float(), persistent=False)

    def time(self, sigma: Tensor) -> Tensor:
        """t(sigma) [B], between 0 and T - 1."""
        table = self.log_sigmas
        log_sigma = torch.log(sigma)[:, None]
        # How much of the interval between entries k and k + 1 lies below log sigma, summed over k.
        return ((log_sigma - table[:-1]) / (table[1:] - table[:-1])).clamp(0, 1).sum(1)

    def forward(self, x: Tensor, sigma: Tensor, _x_j: Tensor, _flag: Tensor, _csnr_db: Tensor, _rate: Tensor) -> Tensor:
        s = sigma[:, None, None, None]
        noise = self.network(x / torch.sqrt(1 + s * s), self.time(sigma))
        if self.learned_variance:
            noise = noise[:, :3]
        return x - s * noise
