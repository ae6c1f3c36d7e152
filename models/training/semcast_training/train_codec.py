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
import json
import math
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from .checkpoint import FORMAT, load_checkpoint, save_checkpoint
from .codec import (
    CodecConfig,
    Decoder,
    Encoder,
    awgn,
    normalise_power,
    prefix_mask,
    start_linear_paths,
)
from .console import run_main
from .data import CropSampler, Photograph, hold_out, load_images, stream_batches, to_tensor
from .evaluate import format_table, psnr_table
from .muon import Muon

WARMUP_STEPS = 200
#: The learning rate of the linear paths' matrices, as a part of the others'.
LINEAR_LR_FACTOR = 0.01
#: How many crops the linear paths of a fresh codec are computed from.
STARTING_CROPS = 512
EMA_DECAY = 0.9995
VALIDATION_SIZE = 256
VALIDATION_CSNR_DB = (0.0, 10.0)


@dataclass(frozen=True)
class Phase:
    """A stretch of training, bounded by ``seconds`` of training time or by ``steps`` (exactly one of them).

    ``group`` images share one power budget in every other step. The learning rate is constant, then falls linearly to
    ``floor`` times itself over the last ``decay`` part of the phase.
    """

    crop: int
    batch: int
    group: int = 1
    lr: float = 1.2e-3
    decay: float = 0.0
    floor: float = 0.01
    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError('a phase needs either seconds or steps')
        if self.crop < 1 or self.batch < 1 or self.group < 1 or self.batch % self.group:
            raise ValueError('a phase needs a positive crop, and a batch that is a multiple of its group')
        if not 0 <= self.decay <= 1 or not 0 <= self.floor <= 1 or not self.lr > 0:
            raise ValueError('a phase needs lr > 0, and decay and floor between 0 and 1')

    def progress(self, steps: int, seconds: float) -> float:
        """The part of the phase that is over, 1 when it has ended."""
        done = steps / self.steps if self.steps is not None else seconds / self.seconds if self.seconds else 1.0
        return min(1.0, done)

    def learning_rate(self, progress: float) -> float:
        if self.decay == 0 or progress < 1 - self.decay:
            return self.lr
        return self.lr * (self.floor + (1 - self.floor) * (1 - progress) / self.decay)


def parse_phase(text: str) -> Phase:
    """'crop=128,batch=16,group=4,seconds=3600,lr=1e-3,decay=0' -> Phase"""
    kinds: dict[str, Callable[[str], float]] = {
        'crop': int,
        'batch': int,
        'group': int,
        'steps': int,
        'lr': float,
        'decay': float,
        'floor': float,
        'seconds': float,
    }
    values: dict[str, Any] = {}
    for part in text.split(','):
        name, _, value = part.partition('=')
        if name not in kinds:
            raise argparse.ArgumentTypeError(f'{part!r}: expected one of {", ".join(kinds)}, as name=value')
        try:
            values[name] = kinds[name](value)
        except ValueError:
            raise argparse.ArgumentTypeError(f'{part!r}: not a number') from None
    try:
        return Phase(**values)
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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

    def __init__(
        self, config: CodecConfig, device: torch.device, seed: int, *, bfloat16: bool, compiled: bool = False
    ) -> None:
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
        self.counts = torch.tensor(config.channels)

    def start(self, sampler: CropSampler) -> None:
        """Give fresh networks their linear paths, measured on ``STARTING_CROPS`` training crops."""
        crops = [sampler.batch(step, 64) for step in range(STARTING_CROPS // 64)]
        with torch.no_grad():
            start_linear_paths(self.encoder, self.decoder, to_tensor(torch.cat(crops)).to(self.device))
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.copy_(parameter.detach())

    def conditions(self, random: torch.Generator, batch: int, group: int) -> tuple[Tensor, Tensor]:
        """CSNR in dB and active channels of each image, the same within a group."""
        low, high = self.config.csnr_db_min, self.config.csnr_db_max
        csnr_db = low + (high - low) * torch.rand(batch // group, generator=random)
        active = self.counts[torch.randint(len(self.counts), (batch // group,), generator=random)]
        return csnr_db.repeat_interleave(group), active.repeat_interleave(group)

    def train_step(self, pixels: Tensor, phase: Phase, lr: float) -> float:
        """One update on uint8 crops [B, S, S, 3]; returns the loss (mean log MSE, natural logarithm)."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        group = phase.group if torch.rand((), generator=random) < 0.5 else 1
        csnr_db, active = (t.to(self.device) for t in self.conditions(random, len(pixels), group))
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
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f'the loss became {value} at step {self.step}: resume with a lower lr')
        nn.utils.clip_grad_norm_(self.rest, 1.0)
        lr *= min(1.0, (self.step + 1) / WARMUP_STEPS)
        for optimiser in (self.muon, self.adam):
            for parameters in optimiser.param_groups:
                parameters['lr'] = lr * parameters.get('factor', 1.0)
            optimiser.step()
        self.step += 1
        self.pixels += len(pixels) * phase.crop**2
        keep = min(EMA_DECAY, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - keep)
        return value

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
            self.muon.load_buffers(training['muon'])
            self.adam.load_state_dict(training['adam'])
        self.step, self.pixels = training['step'], training['pixels']
        self.seed = training.get('seed', self.seed)


@dataclass
class Position:
    """How far a run has come in its list of phases."""

    phase: int = 0
    steps: int = 0
    seconds: float = 0.0


class Stop:
    """Set by the first Ctrl-C or SIGTERM; the second one kills as usual."""

    def __init__(self) -> None:
        self.requested = False

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, signal.SIG_DFL)
        print('\nending after this step, once more to quit at once', file=sys.stderr)


def format_duration(seconds: float) -> str:
    minutes = max(0, round(seconds / 60))
    return f'{minutes // 60} h {minutes % 60:02d} min' if minutes >= 60 else f'{minutes} min'


def remaining_seconds(phases: Sequence[Phase], position: Position, pixels_per_second: float) -> float:
    """Time left in all phases; step-bounded ones are estimated from the present speed."""
    total = 0.0
    for index, phase in enumerate(phases):
        if index < position.phase:
            continue
        here = index == position.phase
        if phase.seconds is not None:
            total += phase.seconds - (position.seconds if here else 0)
        elif phase.steps is not None:
            left = phase.steps - (position.steps if here else 0)
            total += left * phase.batch * phase.crop**2 / max(pixels_per_second, 1)
    return max(0.0, total)


@dataclass(frozen=True)
class RunOptions:
    out: Path
    save_every: float = 300.0
    validate_every: float = 600.0
    loaders: int = 1
    progress_every: float = 5.0


def run(
    trainer: CodecTrainer,
    phases: Sequence[Phase],
    position: Position,
    training: Sequence[Photograph],
    validation: Sequence[Photograph],
    options: RunOptions,
    stop: Stop,
) -> bool:
    """Train through the phases from ``position`` on; True when they are finished, False when stopped before."""

    def save() -> None:
        extra = {'phases': [asdict(p) for p in phases], 'position': asdict(position)}
        save_checkpoint(trainer.state(extra), options.out)

    def validate() -> None:
        if not validation:
            return
        encoder, decoder = Encoder(trainer.config), Decoder(trainer.config)
        states = trainer.averaged()
        for network, state in zip((encoder, decoder), states):
            network.load_state_dict(state)
            network.to(trainer.device, memory_format=torch.channels_last).eval()
        channels = trainer.config.channels
        table = psnr_table(
            trainer.config,
            encoder,
            decoder,
            validation,
            VALIDATION_CSNR_DB,
            channels,
            trainer.device,
            size=VALIDATION_SIZE,
            bfloat16=trainer.bfloat16,
        )
        cbrs = [trainer.config.cbr(c) for c in channels]
        print(
            f'\nstep {trainer.step}, mean PSNR of {len(validation)} validation images\n'
            f'{format_table(VALIDATION_CSNR_DB, cbrs, table)}',
            file=sys.stderr,
            flush=True,
        )
        entry = {
            'step': trainer.step,
            'pixels': trainer.pixels,
            'position': asdict(position),
            'csnrDb': VALIDATION_CSNR_DB,
            'cbr': [str(c) for c in cbrs],
            'psnrDb': table,
        }
        with open(options.out.with_suffix('.jsonl'), 'a') as file:
            file.write(json.dumps(entry) + '\n')

    report = _progress_reporter(options.progress_every)
    saved = validated = time.monotonic()
    while position.phase < len(phases):
        phase = phases[position.phase]
        sampler = CropSampler(training, phase.crop, trainer.seed)
        batches = stream_batches(
            sampler, phase.batch, trainer.step, threads=options.loaders, prefetch=4 * options.loaders
        )
        try:
            while (progress := phase.progress(position.steps, position.seconds)) < 1:
                if stop.requested:
                    save()
                    return False
                started = time.monotonic()
                lr = phase.learning_rate(progress)
                loss = trainer.train_step(next(batches), phase, lr)
                position.steps += 1
                position.seconds += time.monotonic() - started
                report(trainer, phases, position, loss, lr, time.monotonic() - started)
                now = time.monotonic()
                if now - saved >= options.save_every:
                    save()
                    saved = time.monotonic()
                if now - validated >= options.validate_every:
                    validate()
                    validated = time.monotonic()
        finally:
            batches.close()
        position.phase, position.steps, position.seconds = position.phase + 1, 0, 0.0
    save()
    validate()
    return True


def _progress_reporter(every: float) -> Callable[..., None]:
    average: dict[str, float] = {}
    shown = 0.0

    def report(
        trainer: CodecTrainer, phases: Sequence[Phase], position: Position, loss: float, lr: float, seconds: float
    ) -> None:
        nonlocal shown
        phase = phases[position.phase]
        for name, value in (('loss', loss), ('speed', phase.batch * phase.crop**2 / max(seconds, 1e-6))):
            average[name] = value if name not in average else 0.98 * average[name] + 0.02 * value
        now = time.monotonic()
        if now - shown < (every if sys.stderr.isatty() else max(every, 60.0)):
            return
        shown = now
        # loss = ln(MSE) with pixels in [-1, 1], where the peak is 2
        psnr = 10 * math.log10(4) - 10 / math.log(10) * average['loss']
        left = remaining_seconds(phases, position, average['speed'])
        line = (
            f'phase {position.phase + 1}/{len(phases)} (crops {phase.crop})  step {trainer.step}  '
            f'{trainer.pixels / 1e6:.0f} Mpx  {average["speed"] / phase.crop**2:.1f} crops/s  '
            f'PSNR {psnr:.2f} dB  lr {lr:.1e}  {format_duration(left)} left'
        )
        print(
            f'\r{line:<118}' if sys.stderr.isatty() else line,
            end='' if sys.stderr.isatty() else '\n',
            file=sys.stderr,
            flush=True,
        )

    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.train_codec', description='Train the codec; Ctrl-C saves, --resume goes on.'
    )
    parser.add_argument(
        'out', type=Path, help='checkpoint to write, for example codec.pt (validation goes to codec.jsonl)'
    )
    parser.add_argument('--data', nargs='+', required=True, metavar='PATH', help='image folders or tar shards')
    parser.add_argument(
        '--validation',
        nargs='+',
        metavar='PATH',
        help='images to validate on (default: 1 %% of the data, chosen by name, which then is not trained on)',
    )
    parser.add_argument('--validation-limit', type=int, default=16, metavar='N')
    start = parser.add_mutually_exclusive_group()
    start.add_argument('--resume', action='store_true', help='go on with OUT where it stopped')
    start.add_argument(
        '--start-from',
        type=Path,
        metavar='CKPT',
        help='take weights and optimiser state from CKPT and begin with the first phase',
    )
    parser.add_argument('--hours', type=float, default=2.0, help='length of the default phases (default 2)')
    parser.add_argument(
        '--phase',
        dest='phases',
        type=parse_phase,
        action='append',
        metavar='SPEC',
        help='instead of the default phases, may be repeated; for example '
        'crop=128,batch=16,group=4,seconds=3600,lr=1.2e-3,decay=0 or with steps= instead of seconds=',
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument(
        '--precision', choices=['bfloat16', 'float32'], default='bfloat16', help='of the autocast (default bfloat16)'
    )
    parser.add_argument('--compile', action='store_true', help='torch.compile the networks (worth it on a GPU)')
    parser.add_argument('--threads', type=int, help='CPU threads of PyTorch')
    parser.add_argument('--loaders', type=int, help='threads that cut crops (default: 1, with cuda 8)')
    parser.add_argument('--memory-gib', type=float, default=8.0, help='limit on the decoded images (default 8)')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument(
        '--widths',
        type=lambda t: tuple(int(v) for v in t.split(',')),
        metavar='A,B,C',
        help='channels at 1/4, 1/8 and 1/16 (default 96,192,320)',
    )
    parser.add_argument('--save-every', type=float, default=300, metavar='S')
    parser.add_argument('--validate-every', type=float, default=600, metavar='S')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('PyTorch sees no CUDA device: install a CUDA build of torch, or use --device cpu')
    if args.out.exists() and not args.resume:
        parser.error(f'{args.out} exists: add --resume to go on with it, or choose another name')
    if args.resume and not args.out.exists():
        parser.error(f'{args.out} does not exist: leave out --resume to start')
    if args.out.suffix == '.jsonl':
        parser.error('the checkpoint cannot end in .jsonl, which is for the validation results')
    if args.threads:
        torch.set_num_threads(args.threads)
    # Gradients of rectified networks are full of denormals: on a CPU a step took 7 times as long without this.
    torch.set_flush_denormal(True)

    source = args.out if args.resume else args.start_from
    data = load_checkpoint(source) if source else None
    config = CodecConfig.from_dict(data['config']) if data else CodecConfig()
    if args.widths and args.widths != config.widths:
        if data:
            parser.error(f'{source} has widths {config.widths}, which cannot be changed')
        config = replace(config, widths=args.widths)
    phases = args.phases or default_phases(args.hours * 3600, args.device)
    position = Position()
    if args.resume and data and 'position' in data['training']:
        position = Position(**data['training']['position'])
        if not args.phases:
            phases = [Phase(**values) for values in data['training']['phases']]
    for phase in phases:
        if phase.crop % config.stride:
            parser.error(f'a crop of {phase.crop} is no multiple of the stride {config.stride}')

    print('decoding the images', file=sys.stderr, flush=True)
    images = load_images(args.data, memory_bytes=int(args.memory_gib * 2**30))
    if args.validation:
        training, validation = images, load_images(args.validation, minimum=VALIDATION_SIZE)
    else:
        training, validation = hold_out(images, 0.01)
        validation = [v for v in validation if min(v.pixels.shape[:2]) >= VALIDATION_SIZE]
    validation = validation[: args.validation_limit]

    trainer = CodecTrainer(
        config, torch.device(args.device), args.seed, bfloat16=args.precision == 'bfloat16', compiled=args.compile
    )
    if data:
        trainer.load(data)
        del data
    else:
        trainer.start(CropSampler(training, phases[0].crop, args.seed))
    count = sum(p.numel() for p in trainer.parameters)
    print(
        f'{len(training)} training images, {len(validation)} for validation; {count / 1e6:.1f} M parameters; '
        f'from step {trainer.step}',
        file=sys.stderr,
        flush=True,
    )
    stop = Stop()
    stop.install()
    options = RunOptions(
        out=args.out,
        save_every=args.save_every,
        validate_every=args.validate_every,
        loaders=args.loaders or (8 if args.device == 'cuda' else 1),
    )
    finished = run(trainer, phases, position, training, validation, options, stop)
    print(f'\n{"finished" if finished else "stopped"} at step {trainer.step}; saved {args.out}', file=sys.stderr)
    if not finished:
        print('go on with the same command and --resume', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
