"""The guided steps of posterior sampling: networks and their gradients in one module, for one ONNX graph each.

All norms are of one image alone, so a frame's result doesn't depend on who shares its batch. Complex symbols are pairs
of latent channels: z_k = latent[2k] + i latent[2k + 1]; h is one complex gain a symbol, as two planes.

    y               [B, C, H/s, W/s]     what was received, h z + n
    gain_real, gain_imaginary
                    [B, C/2, H/s, W/s]   h (1 and 0 without fading)
    mask            [B, C, 1, 1]         1 for a channel that was sent
    design_csnr_db  [B]                  the CSNR that the transmitter's encoder was told; csnr_db is what decoder and
                                         denoiser are told
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .codec import EncoderGraph

SMALLEST_NORM = 1e-6


def measurement_term(
    latent: Tensor, y: Tensor, gain_real: Tensor, gain_imaginary: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """||m (y - h z)||_2 [B] and its gradient with respect to z [B, C, h, w], -conj(h) r / ||r||."""
    pairs = (1, (latent.shape[1] // 2, 2))
    z_real, z_imaginary = latent.unflatten(*pairs).unbind(2)
    y_real, y_imaginary = (y * mask).unflatten(*pairs).unbind(2)
    active, _ = mask.unflatten(*pairs).unbind(2)
    r_real = y_real - active * (gain_real * z_real - gain_imaginary * z_imaginary)
    r_imaginary = y_imaginary - active * (gain_real * z_imaginary + gain_imaginary * z_real)
    norm = torch.sqrt((r_real * r_real + r_imaginary * r_imaginary).sum((1, 2, 3)))
    scale = (-1 / norm.clamp_min(SMALLEST_NORM))[:, None, None, None] * active
    gradient = torch.stack(
        [
            scale * (gain_real * r_real + gain_imaginary * r_imaginary),
            scale * (gain_real * r_imaginary - gain_imaginary * r_real),
        ],
        dim=2,
    ).flatten(1, 2)
    return norm, gradient


class ConfirmingTerm(nn.Module):
    """(z, x_j, csnr_db, rate) -> ||x_j - D(z)||_2 [B] and its gradient with respect to z."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor, x_j: Tensor, csnr_db: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            z = z.detach().requires_grad_(True)
            decoded = self.decoder(z, csnr_db, rate)
            difference = (decoded - x_j).detach()
            norm = torch.sqrt((difference * difference).sum((1, 2, 3)))
            direction = difference * (1 / norm.clamp_min(SMALLEST_NORM))[:, None, None, None]
            (gradient,) = torch.autograd.grad(decoded, z, direction)
        return norm, gradient


@torch.library.custom_op('semcast::confirming_term', mutates_args=())
def confirming_term(z: Tensor, x_j: Tensor, csnr_db: Tensor, rate: Tensor, gamma: Tensor) -> tuple[Tensor, Tensor]:
    """Stands in a traced graph for ``ConfirmingTerm``, which becomes a branch that runs where some gamma isn't 0."""
    raise NotImplementedError('only for tracing')


@confirming_term.register_fake
def _(z: Tensor, _x_j: Tensor, csnr_db: Tensor, _rate: Tensor, _gamma: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(csnr_db), torch.empty_like(z)


class PosteriorStep(nn.Module):
    """The fused step of DiffCom and HiFi-DiffCom (Wang et al. 2024): with x0 = clamp(D(x; sigma)) and z = E(x0)

        gradient = d/dx  ( zeta ||m (y - h z)||_2 + gamma ||x_j - D_J(z)||_2 )

    through denoiser, encoder and decoder D_J; returns (x0, gradient, z, measurement_norm, confirming_norm), the norms
    [B] without their weights. W_h^+ W_h of the paper's second term is the identity wherever h isn't 0, hence D_J(z).

    x0 is clamped to the range of pixels ``pixels`` before it is encoded, as in the authors' code: a pixel that the
    denoiser puts beyond it pulls nowhere, and the encoder sees nothing that isn't a picture.
    An image whose gamma is 0 has 0 for its confirming norm: the decoder isn't needed for it, and a batch of such images
    doesn't run it. ``flag`` 0 is the unconditional prior; x_j still confirms.

    With ``branch`` the decoder's part is left out as one operation of its own, which the exporter fills in.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        denoiser: nn.Module,
        *,
        pixels: tuple[float, float] = (-1.0, 1.0),
        branch: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.denoiser, self.pixels = EncoderGraph(encoder), denoiser, pixels
        self.confirming = None if branch else ConfirmingTerm(decoder)

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        x_j: Tensor,
        flag: Tensor,
        csnr_db: Tensor,
        rate: Tensor,
        design_csnr_db: Tensor,
        mask: Tensor,
        y: Tensor,
        gain_real: Tensor,
        gain_imaginary: Tensor,
        zeta: Tensor,
        gamma: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            x0 = self.denoiser(x, sigma, x_j, flag, csnr_db, rate).clamp(*self.pixels)
            z = self.encoder(x0, design_csnr_db, rate, mask)
            z_value = z.detach()
            measurement_norm, pull = measurement_term(z_value, y, gain_real, gain_imaginary, mask)
            if self.confirming is None:
                confirming_norm, confirm = confirming_term(z_value, x_j, csnr_db, rate, gamma)
            else:
                confirming_norm, confirm = self.confirming(z_value, x_j, csnr_db, rate)
            confirming_norm = confirming_norm * (gamma != 0).to(gamma.dtype)
            direction = zeta[:, None, None, None] * pull + gamma[:, None, None, None] * confirm
            (gradient,) = torch.autograd.grad(z, x, direction)
        return x0.detach(), gradient, z_value, measurement_norm, confirming_norm


class EncoderVjp(nn.Module):
    """z = E(x) and the gradient of ||m (y - h z)||_2 with respect to x, for samplers that don't differentiate the
    prior; returns (z, gradient, measurement_norm). The gradient of the squared norm is 2 measurement_norm gradient."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = EncoderGraph(encoder)

    def forward(
        self,
        x: Tensor,
        design_csnr_db: Tensor,
        rate: Tensor,
        mask: Tensor,
        y: Tensor,
        gain_real: Tensor,
        gain_imaginary: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            z = self.encoder(x, design_csnr_db, rate, mask)
            norm, pull = measurement_term(z.detach(), y, gain_real, gain_imaginary, mask)
            (gradient,) = torch.autograd.grad(z, x, pull)
        return z.detach(), gradient, norm
