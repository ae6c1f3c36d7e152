"""Networks built differently from ours in everything that the interfaces leave open: what the exporter must take."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from semcast_training.interfaces import NoisePredictor, Trio

LATENT_CHANNELS = 6
STRIDE = 4


class Block(nn.Module):
    """GroupNorm, SiLU, grouped and plain convolutions, time embedding: the block of DDPM and guided-diffusion."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(2, inputs), nn.GroupNorm(2, outputs)])
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, groups=2)
        self.embedding = nn.Linear(embedding, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        h = self.first(F.silu(self.norms[0](x))) + self.embedding(e)[:, :, None, None]
        return self.skip(x) + self.second(F.silu(self.norms[1](h)))


class ToyNoiseNetwork(nn.Module):
    """eps(x_t, t) with concatenated skips, average pooling down and nearest-neighbour upsampling; predicts a variance
    as well, which is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(2, 8), nn.SiLU())
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.ModuleList([Block(8, 8, 8), Block(8, 12, 8)])
        self.up = nn.ModuleList([Block(20, 8, 8), Block(16, 8, 8)])
        self.head = nn.Conv2d(8, 6, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        e = self.time(torch.stack([torch.sin(t / 10), torch.cos(t / 10)], 1))
        a = self.down[0](self.stem(x), e)
        b = self.down[1](F.avg_pool2d(a, 2), e)
        c = F.avg_pool2d(b, 2)
        c = F.interpolate(c, scale_factor=2, mode='nearest')
        b = self.up[0](torch.cat([c, F.avg_pool2d(a, 2)], 1), e) + b[:, :8]
        return self.head(self.up[1](torch.cat([F.interpolate(b, scale_factor=2.0, mode='nearest'), a], 1), e))


class AttentionFeature(nn.Module):
    """Channel weights from pooled features and the CSNR, as in ADJSCC (Xu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(width + 1, 8), nn.PReLU(), nn.Linear(8, width), nn.Sigmoid())

    def forward(self, x: Tensor, csnr_db: Tensor) -> Tensor:
        pooled = torch.cat([x.mean((2, 3)), csnr_db[:, None] / 10], 1)
        return x * self.network(pooled)[:, :, None, None]


class ToyEncoder(nn.Module):
    """5 x 5 kernels with stride 2, leaky and tanh activations, no rate."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.attention = AttentionFeature(8)
        self.third = nn.Conv2d(8, LATENT_CHANNELS, 3, padding=2, dilation=2)

    def forward(self, image: Tensor, csnr_db: Tensor, _rate: Tensor) -> Tensor:
        h = torch.tanh(self.first(image))
        return self.third(self.attention(F.leaky_relu(self.second(h), 0.2), csnr_db))


class ToyDecoder(nn.Module):
    """Transposed convolutions, GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(LATENT_CHANNELS, 8, 4, stride=2, padding=1)
        self.attention = AttentionFeature(8)
        self.second = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1, output_padding=1)

    def forward(self, latent: Tensor, csnr_db: Tensor, _rate: Tensor) -> Tensor:
        return torch.tanh(self.second(F.gelu(self.attention(self.first(latent), csnr_db))))


def build() -> Trio:
    torch.manual_seed(1)
    alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    return Trio(
        encoder=ToyEncoder(),
        decoder=ToyDecoder(),
        denoiser=NoisePredictor(ToyNoiseNetwork(), alphas_cumprod, learned_variance=True),
        stride=STRIDE,
        latent_channels=LATENT_CHANNELS,
        channels=(2, 6),
        csnr_db_min=0,
        csnr_db_max=15,
        description='toy',
    )
