"""Train the codec.

    python -m semcast_training.train_codec OUT.pt --data FOLDER_OR_TARS... --hours 2

Two phases by default. First crops of 128 with grouped power normalisation at a constant learning rate: many images a
second, and the encoder learns that power is a budget to be shared between easy and hard parts. Then crops of 256
while the learning rate decays to almost nothing, so that the network meets what large pictures are like and the
average of its weights settles. CSNR and rate are drawn for each image (for each group, in grouped steps); the loss is
the mean over images (groups) of log MSE, which is PSNR up to a factor: plain MSE would be governed by the worst
conditions.

Stop with Ctrl-C: the state is saved, and `--resume` goes on as if nothing had happened.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .bundle_weights import bundle_codec
from .checkpoint import FORMAT, load_checkpoint
from .codec import (
    CodecConfig,
    Decoder,
    Encoder,
    awgn,
    draw_conditions,
    normalise_power,
    prefix_mask,
    start_linear_paths,
)
from .console import run_main
from .data import CropSampler, Photograph, to_tensor
from .evaluate import format_table, psnr_table
from .loop import Phase, add_arguments, check_arguments, choose_phases, load_data, train, update
from .muon import Muon

#: The learning rate of the linear paths' matrices, as a part of the others'.
LINEAR_LR_FACTOR = 0.01
#: How many crops the linear paths of a fresh codec are computed from.
STARTING_CROPS = 512
VALIDATION_SIZE = 256
VALIDATION_CSNR_DB = (0.0, 10.0)


def default_phases(seconds: float, device: str) -> list[Phase]:
    """60 % of the time on crops of 128, the rest on 256 with decaying learning rate."""
    scale = 8 if device == 'cuda' else 1
    return [
        Phase(crop=128, batch=16 * scale, group=4, seconds=seconds * 0.6),
        Phase(crop=256, batch=4 * scale, group=2, decay=1.0, seconds=seconds * 0.4),
    ]


class CodecTrainer:
    """Networks, optimisers and their averages; ``train_step`` is one update, ``state`` and ``load`` a checkpoint.

    Every random number of a step is drawn from a generator seeded by (seed, step), so there is no generator state to
    keep and a resumed run continues exactly.
    """

    half_scale = 0.3

    def __init__(
        self,
        config: CodecConfig,
        device: torch.device,
        seed: int,
        *,
        bfloat16: bool,
        compiled: bool = False,
        focus: float = 0.0,
    ) -> None:
        self.focus = focus
        self.config, self.device, self.seed, self.bfloat16 = config, device, seed, bfloat16
        torch.manual_seed(seed)  # the initial weights are drawn from PyTorch's own generator
        self.encoder = Encoder(config).to(device, memory_format=torch.channels_last)
        self.decoder = Decoder(config).to(device, memory_format=torch.channels_last)
        self.run_encoder: Callable[..., Tensor] = torch.compile(self.encoder) if compiled else self.encoder
        self.run_decoder: Callable[..., Tensor] = torch.compile(self.decoder) if compiled else self.decoder
        self.parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.average = [p.detach().clone() for p in self.parameters]
        # The kernel that reads pixels is no hidden matrix, and vectors are none at all: AdamW has them. It also has
        # the linear paths, which start at their optimum: at the common rate the first steps would destroy it.
        hidden = [p for p in self.parameters if p.ndim == 4 and p.shape[-1] > 1 and p is not self.encoder.stem.weight]
        linear = [*self.encoder.linear.matrix.parameters(), *self.decoder.linear.matrix.parameters()]
        chosen = {id(p) for p in (*hidden, *linear)}
        self.rest = [p for p in self.parameters if id(p) not in chosen]
        # A transition to twice the size is followed by a pixel shuffle: four kernels in one.
        self.muon = Muon(hidden, parts={t.weight: 4 for t in self.decoder.transitions[:-1]})
        self.adam = torch.optim.AdamW(
            [{'params': self.rest, 'factor': 1.0}, {'params': linear, 'factor': LINEAR_LR_FACTOR}],
            betas=(0.9, 0.98),
            weight_decay=0,
        )
        self.step = 0
        self.pixels = 0

    def start(self, sampler: CropSampler) -> None:
        """Give fresh networks their linear paths, measured on ``STARTING_CROPS`` training crops."""
        crops = [sampler.batch(step, 64) for step in range(STARTING_CROPS // 64)]
        with torch.no_grad():
            start_linear_paths(self.encoder, self.decoder, to_tensor(torch.cat(crops)).to(self.device))
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.copy_(parameter.detach())

    def take_weights(self, encoder: dict[str, Tensor], decoder: dict[str, Tensor]) -> None:
        """Begin with these weights, for the averages too; the optimisers begin anew."""
        self.encoder.load_state_dict(encoder)
        self.decoder.load_state_dict(decoder)
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.copy_(parameter.detach())

    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """One update on uint8 crops [B, S, S, 3]; returns the loss (mean log MSE, natural logarithm)."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        if torch.rand((), generator=random) >= 0.5:
            group = 1
        csnr_db, active = (
            t.to(self.device) for t in draw_conditions(self.config, random, len(pixels), group, self.focus)
        )
        image = to_tensor(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)
        rate, mask = active / self.config.latent_channels, prefix_mask(active, self.config.latent_channels)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            latent = normalise_power(self.run_encoder(image, csnr_db, rate), mask, group)
            if self.device.type == 'cpu':
                noise = torch.randn(latent.shape, generator=random)
            else:
                on_device = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + self.step)
                noise = torch.randn(latent.shape, generator=on_device, device=self.device)
            decoded = self.run_decoder(awgn(latent, mask, csnr_db, noise), csnr_db, rate)
        error = (decoded.float() - image).square().mean((1, 2, 3)).view(-1, group).mean(1)
        loss = torch.log(error + 1e-5).mean()
        return update(self, loss, lr, pixels.shape[:3].numel())

    def averaged(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """State dicts of encoder and decoder with the averaged weights, on the CPU."""
        states = []
        values = iter(self.average)
        for network in (self.encoder, self.decoder):
            names = [name for name, _ in network.named_parameters()]
            states.append({name: next(values).cpu().clone() for name in names})
        return states[0], states[1]

    def state(self, extra: dict[str, Any]) -> dict[str, Any]:
        encoder, decoder = self.averaged()
        return {
            'format': FORMAT,
            'kind': 'codec',
            'config': self.config.to_dict(),
            'encoder': encoder,
            'decoder': decoder,
            'training': {
                'encoder': self.encoder.state_dict(),
                'decoder': self.decoder.state_dict(),
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
        if CodecConfig.from_dict(data['config']) != self.config:
            raise ValueError('the checkpoint holds a network of another configuration')
        training = data['training']
        self.encoder.load_state_dict(training['encoder'])
        self.decoder.load_state_dict(training['decoder'])
        values = [*data['encoder'].values(), *data['decoder'].values()]
        for average, value in zip(self.average, values, strict=True):
            average.copy_(value)
        if 'muon' in training:
            self.muon.load_buffers(training['muon'], training.get('preconditioners'))
            self.adam.load_state_dict(training['adam'])
        self.step, self.pixels = training['step'], training['pixels']
        self.seed = training.get('seed', self.seed)

    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        encoder, decoder = Encoder(self.config), Decoder(self.config)
        for network, state in zip((encoder, decoder), self.averaged()):
            network.load_state_dict(state)
            network.to(self.device, memory_format=torch.channels_last).eval()
        channels = self.config.channels
        table = psnr_table(
            self.config,
            encoder,
            decoder,
            images,
            VALIDATION_CSNR_DB,
            channels,
            self.device,
            size=VALIDATION_SIZE,
            bfloat16=self.bfloat16,
        )
        cbrs = [self.config.cbr(c) for c in channels]
        text = f'mean PSNR of {len(images)} validation images\n{format_table(VALIDATION_CSNR_DB, cbrs, table)}'
        return text, {'csnrDb': VALIDATION_CSNR_DB, 'cbr': [str(c) for c in cbrs], 'psnrDb': table}

    def describe(self, loss: float) -> str:
        # loss = ln(MSE) with pixels in [-1, 1], where the peak is 2
        return f'PSNR {10 * math.log10(4) - 10 / math.log(10) * loss:.2f} dB'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.train_codec', description='Train the codec; Ctrl-C saves, --resume goes on.'
    )
    add_arguments(parser, 'codec', example_phase='crop=128,batch=16,group=4,seconds=3600,lr=1.2e-3,decay=0')
    parser.add_argument('--validation-limit', type=int, default=16, metavar='N')
    parser.add_argument(
        '--widths',
        type=lambda t: tuple(int(v) for v in t.split(',')),
        metavar='A,B,C',
        help='channels at 1/4, 1/8 and 1/16 (default 96,192,320)',
    )
    parser.add_argument(
        '--focus',
        type=float,
        default=0.0,
        metavar='F',
        help='how much more often a CSNR near the middle of the range is drawn, 0 (uniform) to 1 (default 0)',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    check_arguments(parser, args)
    if not 0 <= args.focus <= 1:
        parser.error(f'--focus {args.focus}: must be between 0 and 1')
    source = args.out if args.resume else args.start_from
    bundle = bundle_codec(source) if source and source.is_dir() else None
    data = load_checkpoint(source) if source and not bundle else None
    config = bundle[0] if bundle else CodecConfig.from_dict(data['config']) if data else CodecConfig()
    if args.widths and args.widths != config.widths:
        if source:
            parser.error(f'{source} has widths {config.widths}, which cannot be changed')
        config = replace(config, widths=args.widths)
    phases, position = choose_phases(parser, args, default_phases(args.hours * 3600, args.device), data, config.stride)
    training, validation = load_data(args, VALIDATION_SIZE)
    trainer = CodecTrainer(
        config,
        torch.device(args.device),
        args.seed,
        bfloat16=args.precision == 'bfloat16',
        compiled=args.compile,
        focus=args.focus,
    )
    if bundle:
        trainer.take_weights(bundle[1].state_dict(), bundle[2].state_dict())
    elif data:
        trainer.load(data)
        del data
    else:
        trainer.start(CropSampler(training, phases[0].crop[-1], args.seed))
    return train(args, trainer, phases, position, training, validation[: args.validation_limit])


if __name__ == '__main__':
    raise SystemExit(run_main(main))
