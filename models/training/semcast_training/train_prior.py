"""Train the prior.

    python -m semcast_training.train_prior OUT.pt --codec CODEC --data FOLDER_OR_TARS... --hours 3

CODEC is a checkpoint of train_codec or the folder of a bundle; it is frozen and gives the condition: each crop is sent
over an AWGN channel at a random CSNR and rate and decoded in one shot. For 30 % of the crops the condition is switched
off, so the same weights are the unconditional prior. The loss is EDM's (Karras et al. 2022): the weighted squared error
of D(x0 + sigma n; sigma), with log sigma ~ N(-1.1, 1.2).

Three phases by default: crops of 64, many a second and small photographs among them, at a constant learning rate; then
crops of 192 while it begins to fall; then of 224 while it falls to almost nothing. A one-shot decode of a small crop is
much worse than that of a photograph, with other errors, so a network trained on those alone makes little use of its
condition: the large crops take half of the time. Small and large photographs are drawn by area, at their own scale or
at half.

Stop with Ctrl-C: the state is saved, and `--resume` goes on as if nothing had happened. `--start-from BUNDLE` begins
with the weights of a bundle's denoiser.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .bundle_weights import load_codec
from .codec import Codec, draw_conditions
from .console import run_main
from .data import CropSampler, Photograph, to_tensor
from .evaluate_prior import VALIDATION_CROP, denoising_table, format_denoising, validation_crops
from .loop import (
    Phase,
    Trainer,
    add_arguments,
    check_arguments,
    choose_config,
    choose_phases,
    load_data,
    read_beginning,
    train,
    trainer_settings,
)
from .prior import SIZES, DenoiserConfig, edm_weight, fit_decode_error, hidden_kernels

LOG_SIGMA_MEAN, LOG_SIGMA_DEVIATION = -1.1, 1.2
SIGMA_MIN, SIGMA_MAX = 0.01, 40.0
#: The part of each batch that sees its condition.
CONDITIONAL = 0.7
#: How many crops the error of one-shot decodes is measured on.
ERROR_CROPS = 16


def default_phases(seconds: float, device: str) -> list[Phase]:
    """A third of the time on crops of 64, then those in turns with crops of 224 while the learning rate falls.

    Small crops are many and sharp, but their one-shot decodes are far worse than those of whole photographs: a denoiser
    trained on small crops alone did worse than x_J itself on 256x256.
    """
    scale = 8 if device == 'cuda' else 1
    mixed = {'crop': (64, 224), 'batch': (64 * scale, 10 * scale), 'group': 2}
    return [
        Phase(crop=64, batch=64 * scale, group=4, seconds=seconds * 0.35),
        Phase(**mixed, decay=1.0, floor=0.4, seconds=seconds * 0.35),
        Phase(**mixed, lr=0.4 * Phase.lr, decay=1.0, floor=0.01, seconds=seconds * 0.3),
    ]


class PriorTrainer(Trainer):
    kind = 'prior'
    half_scale = 0.4

    def __init__(self, config: DenoiserConfig, codec: Codec, **settings: Any) -> None:
        super().__init__(config, **settings)
        self.codec = codec.to(self.device)
        self.denoiser = self.networks['denoiser']
        self.use_muon(hidden_kernels(self.denoiser))

    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """The loss is the mean squared error of F."""
        random, on_device = self.generators()
        image = self.image(pixels)
        batch = len(image)
        # Which crops come first is chance, so the first part of the batch may as well be the conditional one.
        if torch.rand((), generator=random) >= 0.5:
            group = 1
        conditional = round(CONDITIONAL * batch / group) * group
        csnr_db, active = (t.to(self.device) for t in draw_conditions(self.codec.config, random, batch, group))
        log_sigma = LOG_SIGMA_MEAN + LOG_SIGMA_DEVIATION * torch.randn(batch, generator=random)
        sigma = torch.exp(log_sigma).clamp(SIGMA_MIN, SIGMA_MAX).to(self.device)
        noise = torch.randn(image.shape, generator=on_device, device=self.device)
        x = (image + sigma[:, None, None, None] * noise).contiguous(memory_format=torch.channels_last)
        x_j = torch.zeros_like(image)
        flag = torch.zeros(batch, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            if conditional:
                first = slice(0, conditional)
                shape = self.codec.noise_shape(image[first])
                channel_noise = torch.randn(shape, generator=on_device, device=self.device)
                with torch.no_grad():
                    x_j[first] = self.codec.one_shot(image[first], csnr_db[first], active[first], channel_noise, group)
                flag[first] = 1
            rate = active / self.codec.config.latent_channels
            estimate = self.run['denoiser'](x, sigma, x_j, flag, csnr_db, rate)
        deviation = self.denoiser.deviation(flag, csnr_db, rate)
        loss = (edm_weight(sigma, deviation) * (estimate.float() - image).square().mean((1, 2, 3))).mean()
        return self.update(loss, lr, pixels)

    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        crops = validation_crops(images)
        denoiser = self.averaged_networks()['denoiser']
        table = denoising_table(denoiser, self.codec, crops, self.device, bfloat16=self.bfloat16)
        return f'mean denoising PSNR in dB of {len(crops)} validation crops\n{format_denoising(table)}', table

    def describe(self, loss: float) -> str:
        return f'loss {loss:.4f}'


def measure_decode_error(codec: Codec, training: Sequence[Photograph], crop: int) -> tuple[float, ...]:
    """Coefficients of the RMSE of one-shot decodes by CSNR and rate, of ``ERROR_CROPS`` training crops."""
    image = to_tensor(CropSampler(training, crop, 0).batch(0, ERROR_CROPS))
    config = codec.config
    random = torch.Generator().manual_seed(0)
    levels = torch.linspace(config.csnr_db_min, config.csnr_db_max, 5).tolist()
    points = [(level, channels) for level in levels for channels in config.channels]
    rmse = []
    for level, channels in points:
        csnr_db, active = torch.full((ERROR_CROPS,), level), torch.full((ERROR_CROPS,), channels)
        noise = torch.randn(codec.noise_shape(image), generator=random)
        with torch.no_grad():
            rmse.append((codec.one_shot(image, csnr_db, active, noise) - image).square().mean().sqrt())
    csnr_db, active = torch.tensor(points, dtype=torch.float64).T
    return fit_decode_error(csnr_db, active / config.latent_channels, torch.stack(rmse))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.train_prior', description='Train the prior; Ctrl-C saves, --resume goes on.'
    )
    example = 'crop=64,batch=64,group=4,seconds=3600,lr=1.2e-3,decay=0'
    widths = ('A,B,C,D', 'channels at 1/2, 1/4, 1/8 and 1/16, in place of those of --size')
    add_arguments(parser, 'prior', example_phase=example, widths=widths)
    parser.add_argument(
        '--codec', required=True, metavar='CKPT_OR_BUNDLE', help='the frozen codec whose decodes are the condition'
    )
    parser.add_argument('--size', choices=list(SIZES), default='small', help='of the network (default small)')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    check_arguments(parser, args)
    beginning = read_beginning(args, 'prior')
    config = choose_config(parser, args, beginning, SIZES[args.size])
    codec = load_codec(args.codec)
    stride = math.lcm(config.stride, codec.config.stride)
    defaults = default_phases(args.hours * 3600, args.device)
    phases, position = choose_phases(parser, args, defaults, beginning.checkpoint, stride)
    training, validation = load_data(args, VALIDATION_CROP)
    if not args.resume:
        # Also of weights that were trained before: the codec may be another one now.
        config = replace(config, decode_error=measure_decode_error(codec, training, max(phases[-1].crop)))
        if beginning.checkpoint:
            beginning.checkpoint['config'] = config.to_dict()
    trainer = PriorTrainer(config, codec, **trainer_settings(args))
    return train(args, trainer, beginning, phases, position, training, validation)


if __name__ == '__main__':
    raise SystemExit(run_main(main))
