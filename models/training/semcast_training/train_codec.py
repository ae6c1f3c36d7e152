"""Train the codec.

    python -m semcast_training.train_codec OUT.pt --data FOLDER_OR_TARS... --hours 2

Two phases by default. First crops of 128 with grouped power normalisation at a constant learning rate: many images a
second, and the encoder learns that power is a budget to be shared between easy and hard parts. Then crops of 256
while the learning rate decays to almost nothing, so that the network is trained on large pictures and the average of
its weights converges. CSNR and rate are drawn for each image (for each group, in grouped steps); the loss is
the mean over images (groups) of log MSE, which is PSNR up to a factor: plain MSE would be governed by the worst
conditions.

Stop with Ctrl-C: the state is saved, and `--resume` goes on as if nothing had happened.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .codec import (
    Codec,
    CodecConfig,
    clip_peaks,
    draw_conditions,
    draw_gain,
    normalise_power,
    prefix_mask,
    receive,
    start_linear_paths,
)
from .console import run_main
from .data import CropSampler, Photograph, to_tensor
from .evaluate import format_table, psnr_table
from .loop import (
    Phase,
    Trainer,
    add_arguments,
    add_fading_argument,
    check_arguments,
    choose_config,
    choose_phases,
    load_data,
    parse_sizes,
    read_beginning,
    train,
    trainer_settings,
)

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


class CodecTrainer(Trainer):
    kind = 'codec'
    half_scale = 0.3

    def __init__(
        self,
        config: CodecConfig,
        *,
        focus: float = 0.0,
        fading: float = 0.0,
        peak_db: float | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(config, **settings)
        self.focus, self.fading, self.peak_db = focus, fading, peak_db
        self.encoder, self.decoder = self.networks['encoder'], self.networks['decoder']
        # The kernel that reads pixels is no hidden matrix, and vectors are none at all: AdamW has them. It also has
        # the linear paths, which start at their optimum: at the common rate the first steps would destroy it.
        hidden = [p for p in self.parameters if p.ndim == 4 and p.shape[-1] > 1 and p is not self.encoder.stem.weight]
        linear = [*self.encoder.linear.matrix.parameters(), *self.decoder.linear.matrix.parameters()]
        # A transition to twice the size is followed by a pixel shuffle: four kernels in one.
        parts = {t.weight: 4 for t in self.decoder.transitions[:-1]}
        self.use_muon(hidden, parts, linear, LINEAR_LR_FACTOR)

    def start(self, sampler: CropSampler) -> None:
        """Give fresh networks their linear paths, measured on ``STARTING_CROPS`` training crops."""
        crops = [sampler.batch(step, 64) for step in range(STARTING_CROPS // 64)]
        with torch.no_grad():
            start_linear_paths(self.encoder, self.decoder, to_tensor(torch.cat(crops)).to(self.device))
        self.average_anew()

    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """The loss is the mean log MSE, natural logarithm."""
        random, on_device = self.generators()
        if torch.rand((), generator=random) >= 0.5:
            group = 1
        csnr_db, active = (
            t.to(self.device) for t in draw_conditions(self.config, random, len(pixels), group, self.focus)
        )
        image = self.image(pixels)
        rate, mask = active / self.config.latent_channels, prefix_mask(active, self.config.latent_channels)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            latent = normalise_power(self.run['encoder'](image, csnr_db, rate), mask, group)
            if self.peak_db is not None:
                latent = clip_peaks(latent, self.peak_db)
            noise = torch.randn(latent.shape, generator=on_device, device=self.device)
            gain = draw_gain(self.fading, noise, on_device)
            received, told_db = receive(latent, mask, csnr_db, noise, gain)
            decoded = self.run['decoder'](received, told_db, rate)
        error = (decoded.float() - image).square().mean((1, 2, 3)).view(-1, group).mean(1)
        loss = torch.log(error + 1e-5).mean()
        return self.update(loss, lr, pixels)

    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        channels = self.config.channels
        table = psnr_table(
            Codec(self.config, **self.averaged_networks()),
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


def grown(config: CodecConfig, encoder: int, decoder: int) -> CodecConfig:
    """With so many more blocks in the stage of lowest resolution, which are the last of it."""
    *above, last = config.encoder_blocks
    first, *below = config.decoder_blocks
    return replace(config, encoder_blocks=(*above, last + encoder), decoder_blocks=(first + decoder, *below))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.train_codec', description='Train the codec; Ctrl-C saves, --resume goes on.'
    )
    example = 'crop=128,batch=16,group=4,seconds=3600,lr=1.2e-3,decay=0'
    widths = ('A,B,C', 'channels at 1/4, 1/8 and 1/16 (default 96,192,320)')
    add_arguments(parser, 'codec', example_phase=example, widths=widths)
    parser.add_argument(
        '--grow',
        type=parse_sizes,
        default=(0, 0),
        metavar='E,D',
        help='residual blocks to add to the encoder and the decoder of the bundle that it starts from, at the lowest '
        'resolution; they begin as the identity',
    )
    parser.add_argument('--validation-limit', type=int, default=16, metavar='N')
    parser.add_argument(
        '--focus',
        type=float,
        default=0.0,
        metavar='F',
        help='how much more often a CSNR near the middle of the range is drawn, 0 (uniform) to 1 (default 0)',
    )
    add_fading_argument(parser)
    parser.add_argument(
        '--peak',
        type=float,
        metavar='DB',
        help='clip symbols with more power than so many dB above the mean, as a transmitter with `clipping` does',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    check_arguments(parser, args)
    if not 0 <= args.focus <= 1:
        parser.error(f'--focus {args.focus}: must be between 0 and 1')
    if args.peak is not None and args.peak <= 0:
        parser.error(f'--peak {args.peak}: must be above 0 dB')
    beginning = read_beginning(args, 'codec')
    config = grown(choose_config(parser, args, beginning, CodecConfig()), *args.grow)
    if any(args.grow) and not beginning.networks:
        parser.error('--grow needs --start-from and the folder of a bundle')
    defaults = default_phases(args.hours * 3600, args.device)
    phases, position = choose_phases(parser, args, defaults, beginning.checkpoint, config.stride)
    training, validation = load_data(args, VALIDATION_SIZE)
    trainer = CodecTrainer(config, focus=args.focus, fading=args.fading, peak_db=args.peak, **trainer_settings(args))
    if beginning.config is None:
        trainer.start(CropSampler(training, phases[0].crop[-1], args.seed))
    return train(args, trainer, beginning, phases, position, training, validation[: args.validation_limit])


if __name__ == '__main__':
    raise SystemExit(run_main(main))
