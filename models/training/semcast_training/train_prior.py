"""Train the prior.

    python -m semcast_training.train_prior OUT.pt --codec CODEC --data FOLDER_OR_TARS... --hours 3

CODEC is a checkpoint of train_codec or the folder of a bundle; it is frozen and gives the condition: each crop is sent
over an AWGN channel at a random CSNR and rate and decoded in one shot. For 30 % of the crops the condition is switched
off, so the same weights are the unconditional prior. The loss is EDM's (Karras et al. 2022): the weighted squared error
of D(x0 + sigma n; sigma), with log sigma ~ N(-1.1, 1.2).

Three phases by default: crops of 64, many a second and small photographs among them, at a constant learning rate; then
crops of 192 while it begins to fall; then of 224 while it falls to almost nothing. A one-shot decode of a small crop is
much worse than that of a photograph, with other errors, so a network that has met only those distrusts its condition:
the large crops are half of the time. Small and large photographs are drawn by area, at their own scale or at half.

Stop with Ctrl-C: the state is saved, and `--resume` goes on as if nothing had happened. `--start-from BUNDLE` begins
with the weights of a bundle's denoiser.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .bundle_weights import any_codec, bundle_denoiser
from .codec import draw_conditions
from .console import run_main
from .data import CropSampler, Photograph, to_tensor
from .evaluate_prior import VALIDATION_CROP, FrozenCodec, denoising_table, format_denoising, validation_crops
from .loop import Phase, add_arguments, check_arguments, choose_phases, load_data, train, update
from .muon import Muon
from .prior import SIZES, Denoiser, DenoiserConfig, edm_weight, fit_decode_error
from .prior_checkpoint import FORMAT, load_prior_checkpoint

LOG_SIGMA_MEAN, LOG_SIGMA_DEVIATION = -1.1, 1.2
SIGMA_MIN, SIGMA_MAX = 0.01, 40.0
#: The part of each batch that sees its condition.
CONDITIONAL = 0.7
#: How many crops the error of one-shot decodes is measured on.
ERROR_CROPS = 16


def default_phases(seconds: float, device: str) -> list[Phase]:
    """A third of the time on crops of 64, then those in turns with crops of 224 while the learning rate falls.

    Of small crops there are many, and sharp ones; but their one-shot decodes are far worse than those of whole
    photographs, and a denoiser that saw no others did worse than x_J itself on 256x256.
    """
    scale = 8 if device == 'cuda' else 1
    mixed = {'crop': (64, 224), 'batch': (64 * scale, 10 * scale), 'group': 2}
    return [
        Phase(crop=64, batch=64 * scale, group=4, seconds=seconds * 0.35),
        Phase(**mixed, decay=1.0, floor=0.4, seconds=seconds * 0.35),
        Phase(**mixed, lr=0.4 * Phase.lr, decay=1.0, floor=0.01, seconds=seconds * 0.3),
    ]


class PriorTrainer:
    """Denoiser, optimisers and averages; ``train_step`` is one update, ``state`` and ``load`` a checkpoint.

    Every random number of a step is drawn from a generator seeded by (seed, step), so there is no generator state to
    keep and a resumed run continues exactly.
    """

    half_scale = 0.4

    def __init__(
        self,
        config: DenoiserConfig,
        codec: FrozenCodec,
        device: torch.device,
        seed: int,
        *,
        bfloat16: bool,
        compiled: bool = False,
    ) -> None:
        self.config, self.device, self.seed, self.bfloat16 = config, device, seed, bfloat16
        self.codec = FrozenCodec(
            codec.config, *(n.to(device, memory_format=torch.channels_last) for n in (codec.encoder, codec.decoder))
        )
        torch.manual_seed(seed)  # the initial weights are drawn from PyTorch's own generator
        self.denoiser = Denoiser(config).to(device, memory_format=torch.channels_last)
        self.run_denoiser: Callable[..., Tensor] = torch.compile(self.denoiser) if compiled else self.denoiser
        self.parameters = list(self.denoiser.parameters())
        self.average = [p.detach().clone() for p in self.parameters]
        # Kernels that touch pixels are no hidden matrices, and vectors are none at all: AdamW has them.
        edge = {id(self.denoiser.stem.weight), id(self.denoiser.head.weight)}
        hidden = [p for p in self.parameters if p.ndim == 4 and id(p) not in edge]
        chosen = {id(p) for p in hidden}
        self.rest = [p for p in self.parameters if id(p) not in chosen]
        self.muon = Muon(hidden)
        self.adam = torch.optim.AdamW(self.rest, betas=(0.9, 0.98), weight_decay=0)
        self.step = 0
        self.pixels = 0

    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """One update on uint8 crops [B, S, S, 3]; returns the loss, the mean squared error of F."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        on_device = random
        if self.device.type != 'cpu':
            on_device = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + self.step)
        image = to_tensor(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)
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
            estimate = self.run_denoiser(x, sigma, x_j, flag, csnr_db, rate)
        deviation = self.denoiser.deviation(flag, csnr_db, rate)
        loss = (edm_weight(sigma, deviation) * (estimate.float() - image).square().mean((1, 2, 3))).mean()
        return update(self, loss, lr, pixels.shape[:3].numel())

    def averaged(self) -> dict[str, Tensor]:
        """State dict of the denoiser with the averaged weights, on the CPU."""
        names = [name for name, _ in self.denoiser.named_parameters()]
        return {name: value.cpu().clone() for name, value in zip(names, self.average, strict=True)}

    def state(self, extra: dict[str, Any]) -> dict[str, Any]:
        return {
            'format': FORMAT,
            'kind': 'prior',
            'config': self.config.to_dict(),
            'denoiser': self.averaged(),
            'training': {
                'denoiser': self.denoiser.state_dict(),
                'muon': self.muon.buffers(),
                'preconditioners': self.muon.preconditioners(),
                'adam': self.adam.state_dict(),
                'step': self.step,
                'pixels': self.pixels,
                'seed': self.seed,
                **extra,
            },
        }

    def load(self, data: dict[str, Any]) -> None:
        if DenoiserConfig.from_dict(data['config']) != self.config:
            raise ValueError('the checkpoint holds a network of another configuration')
        training = data['training']
        self.denoiser.load_state_dict(training['denoiser'])
        for average, value in zip(self.average, data['denoiser'].values(), strict=True):
            average.copy_(value)
        self.muon.load_buffers(training['muon'], training['preconditioners'])
        self.adam.load_state_dict(training['adam'])
        self.step, self.pixels, self.seed = training['step'], training['pixels'], training['seed']

    def take_weights(self, denoiser: dict[str, Tensor]) -> None:
        """Begin with these weights, for the average too; the optimisers begin anew."""
        self.denoiser.load_state_dict(denoiser)
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.copy_(parameter.detach())

    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        denoiser = Denoiser(self.config)
        denoiser.load_state_dict(self.averaged())
        denoiser.to(self.device, memory_format=torch.channels_last).eval()
        crops = validation_crops(images)
        table = denoising_table(denoiser, self.codec, crops, self.device, bfloat16=self.bfloat16)
        return f'mean denoising PSNR in dB of {len(crops)} validation crops\n{format_denoising(table)}', table

    def describe(self, loss: float) -> str:
        return f'loss {loss:.4f}'


def measure_decode_error(codec: FrozenCodec, training: Sequence[Photograph], crop: int) -> tuple[float, ...]:
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
    add_arguments(parser, 'prior', example_phase='crop=64,batch=64,group=4,seconds=3600,lr=1.2e-3,decay=0')
    parser.add_argument(
        '--codec', required=True, metavar='CKPT_OR_BUNDLE', help='the frozen codec whose decodes are the condition'
    )
    parser.add_argument('--size', choices=list(SIZES), default='small', help='of the network (default small)')
    parser.add_argument(
        '--widths',
        type=lambda t: tuple(int(v) for v in t.split(',')),
        metavar='A,B,C,D',
        help='channels at 1/2, 1/4, 1/8 and 1/16, in place of those of --size',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    check_arguments(parser, args)
    source = args.out if args.resume else args.start_from
    bundle = bundle_denoiser(source) if source and source.is_dir() else None
    data = load_prior_checkpoint(source) if source and not bundle else None
    config = SIZES[args.size] if not args.widths else replace(SIZES[args.size], widths=args.widths)
    if source:
        config = bundle.config if bundle else DenoiserConfig.from_dict(data['config'])  # type: ignore[index]
        if args.widths and args.widths != config.widths:
            parser.error(f'{source} has widths {config.widths}, which cannot be changed')
    codec = FrozenCodec(*any_codec(args.codec))
    stride = math.lcm(config.stride, codec.config.stride)
    phases, position = choose_phases(parser, args, default_phases(args.hours * 3600, args.device), data, stride)
    training, validation = load_data(args, VALIDATION_CROP)
    if not args.resume:
        # Also of weights that were trained before: the codec may be another one now.
        config = replace(config, decode_error=measure_decode_error(codec, training, max(phases[-1].crop)))
        if data:
            data['config'] = config.to_dict()
    trainer = PriorTrainer(
        config,
        codec,
        torch.device(args.device),
        args.seed,
        bfloat16=args.precision == 'bfloat16',
        compiled=args.compile,
    )
    if bundle:
        trainer.take_weights(bundle.state_dict())
    elif data:
        trainer.load(data)
        del data
    return train(args, trainer, phases, position, training, validation)


if __name__ == '__main__':
    raise SystemExit(run_main(main))
