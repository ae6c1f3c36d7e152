"""What trainings have in common: phases, one update, the loop with saving and validation, the command line."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from .bundle_weights import load_networks
from .checkpoint import CONFIGS, FORMAT, load_checkpoint, new_networks, save_checkpoint
from .codec import NetworkConfig
from .data import CropSampler, Photograph, hold_out, load_images, stream_batches, to_tensor
from .muon import Muon

WARMUP_STEPS = 200
#: Exponent of the averaged weights: over about the last tenth of the run's steps so far, however many they are (Karras
#: et al. 2024, eq. 3, a relative width of 0.1). A fixed decay is too long for a short run and too short for a long one.
AVERAGE_EXPONENT = 6.94


@dataclass(frozen=True)
class Phase:
    """A stretch of training, bounded by ``seconds`` of training time or by ``steps`` (exactly one of them).

    Steps alternate between the sizes of ``crop``, each with its ``batch``: small crops give many photographs a second,
    large ones long-range structure. ``group`` images share one power budget in every other step. The learning rate
    is constant, then falls linearly to ``floor`` times itself over the last ``decay`` part of the phase.
    """

    crop: tuple[int, ...]
    batch: tuple[int, ...]
    group: int = 1
    lr: float = 1.2e-3
    decay: float = 0.0
    floor: float = 0.01
    seconds: float | None = None
    steps: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError('a phase needs either seconds or steps')
        # Checkpoints of earlier versions, and whoever has one size only, give numbers.
        for name in ('crop', 'batch'):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, int) else tuple(value))
        if not self.crop or len(self.crop) != len(self.batch):
            raise ValueError('a phase needs as many batches as crops')
        if min(*self.crop, *self.batch, self.group) < 1 or any(b % self.group for b in self.batch):
            raise ValueError('a phase needs positive crops, and batches that are multiples of its group')
        if not 0 <= self.decay <= 1 or not 0 <= self.floor <= 1 or not self.lr > 0:
            raise ValueError('a phase needs lr > 0, and decay and floor between 0 and 1')

    @property
    def pixels(self) -> float:
        """Of an average step."""
        return sum(b * c * c for b, c in zip(self.batch, self.crop, strict=True)) / len(self.crop)

    def progress(self, steps: int, seconds: float) -> float:
        """The part of the phase that is over, 1 when it has ended."""
        done = steps / self.steps if self.steps is not None else seconds / self.seconds if self.seconds else 1.0
        return min(1.0, done)

    def learning_rate(self, progress: float) -> float:
        if self.decay == 0 or progress < 1 - self.decay:
            return self.lr
        return self.lr * (self.floor + (1 - self.floor) * (1 - progress) / self.decay)


def parse_sizes(text: str) -> tuple[int, ...]:
    """'96,192,320'"""
    return tuple(int(v) for v in text.split(','))


def parse_phase(text: str) -> Phase:
    """'crop=128,batch=16,group=4,seconds=3600,lr=1e-3,decay=0' -> Phase; 'crop=64+192,batch=48+8,...' takes turns"""
    kinds: dict[str, Callable[[str], float | tuple[int, ...]]] = {
        'crop': lambda value: parse_sizes(value.replace('+', ',')),
        'batch': lambda value: parse_sizes(value.replace('+', ',')),
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


class Trainer(ABC):
    """Networks, optimisers and averaged weights of one training; ``train_step`` is one update, ``state`` and ``load`` a
    checkpoint.

    Every random number of a step is drawn from a generator seeded by (seed, step), so there is no generator state to
    keep and a resumed run continues exactly.
    """

    kind: str  # of the checkpoints
    half_scale: float  # of the crops: see CropSampler
    adam: torch.optim.AdamW
    muon: Muon
    rest: list[nn.Parameter]  # those whose gradient ``update`` clips

    def __init__(
        self, config: NetworkConfig, device: torch.device, seed: int, *, bfloat16: bool, compiled: bool = False
    ) -> None:
        self.config, self.device, self.seed, self.bfloat16 = config, device, seed, bfloat16
        torch.manual_seed(seed)  # the initial weights are drawn from PyTorch's own generator
        self.networks = {name: self.place(network) for name, network in new_networks(self.kind, config).items()}
        self.run: dict[str, Callable[..., Tensor]] = {
            name: torch.compile(network) if compiled else network for name, network in self.networks.items()
        }
        self.parameters = [p for network in self.networks.values() for p in network.parameters()]
        self.average = [p.detach().clone() for p in self.parameters]  # of the parameters, in order
        self.step = self.pixels = 0
        self.averaged_from = 0  # step before the first one that the averages are of

    def place(self, module: nn.Module) -> Any:
        """The module on the training's device, in the layout that convolutions are fastest in."""
        return module.to(self.device, memory_format=torch.channels_last)

    @abstractmethod
    def train_step(self, pixels: Tensor, group: int, lr: float) -> float:
        """One update on uint8 crops [B, S, S, 3]; returns the loss. See ``Phase`` for ``group``."""

    @abstractmethod
    def validate(self, images: Sequence[Photograph]) -> tuple[str, dict[str, Any]]:
        """Text to show and values to record, of the averaged weights."""

    @abstractmethod
    def describe(self, loss: float) -> str:
        """The running mean of the loss, as the progress line shows it."""

    def generators(self) -> tuple[torch.Generator, torch.Generator]:
        """Of this step's random numbers: one on the CPU, one on the device; on a CPU they are the same one."""
        seed = self.seed * 1_000_003 + self.step
        random = torch.Generator().manual_seed(seed)
        return random, random if self.device.type == 'cpu' else torch.Generator(self.device).manual_seed(seed)

    def image(self, pixels: Tensor) -> Tensor:
        """uint8 crops [B, S, S, 3] as the networks take them."""
        return to_tensor(pixels.to(self.device, non_blocking=True)).contiguous(memory_format=torch.channels_last)

    def use_muon(
        self,
        hidden: Sequence[nn.Parameter],
        parts: Mapping[Tensor, int] | None = None,
        slow: Sequence[nn.Parameter] = (),
        slow_factor: float = 1.0,
    ) -> None:
        """Muon for ``hidden`` kernels, AdamW for everything else, ``slow`` at that part of the learning rate."""
        chosen = {id(p) for p in (*hidden, *slow)}
        self.rest = [p for p in self.parameters if id(p) not in chosen]
        self.muon = Muon(hidden, parts=parts)
        groups = [{'params': self.rest, 'factor': 1.0}, {'params': list(slow), 'factor': slow_factor}]
        self.adam = torch.optim.AdamW([g for g in groups if g['params']], betas=(0.9, 0.98), weight_decay=0)

    def update(self, loss: Tensor, lr: float, pixels: Tensor) -> float:
        """Backward pass, optimisers, average. Returns the loss; one that is no number ends the run."""
        for parameter in self.parameters:
            parameter.grad = None
        lr *= min(1.0, (self.step + 1) / WARMUP_STEPS)
        value = self.descend(loss, [self.muon, self.adam], self.rest, lr)
        self.count(pixels)
        return value

    def descend(
        self,
        loss: Tensor,
        optimisers: Sequence[torch.optim.Optimizer],
        clipped: Sequence[nn.Parameter],
        lr: float,
    ) -> float:
        """Backward pass, and a step of each optimiser; ``clipped`` have the norm of their gradient limited. Returns the
        loss; one that is no number ends the run."""
        loss.backward()
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f'the loss became {value} at step {self.step}: resume with a lower lr')
        nn.utils.clip_grad_norm_(clipped, 1.0)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group['lr'] = lr * group.get('factor', 1.0)
            optimiser.step()
        return value

    def count(self, pixels: Tensor) -> None:
        """One step is over: its pixels, and the averages."""
        self.step += 1
        self.pixels += pixels.shape[:3].numel()
        keep = (1 - 1 / (self.step - self.averaged_from)) ** (AVERAGE_EXPONENT + 1)
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - keep)

    def averaged(self) -> dict[str, dict[str, Tensor]]:
        """State dicts of the networks with the averaged weights, on the CPU."""
        values = iter(self.average)
        return {
            network: {name: next(values).cpu().clone() for name, _ in module.named_parameters()}
            for network, module in self.networks.items()
        }

    def averaged_networks(self) -> dict[str, Any]:
        networks = new_networks(self.kind, self.config)
        for name, state in self.averaged().items():
            networks[name].load_state_dict(state)
        return {name: self.place(network).eval() for name, network in networks.items()}

    def state(self, extra: dict[str, Any]) -> dict[str, Any]:
        """A checkpoint, with ``extra`` in its 'training'."""
        training = {name: network.state_dict() for name, network in self.networks.items()}
        training |= {
            'muon': self.muon.buffers(),
            'adam': self.adam.state_dict(),
            'step': self.step,
            'pixels': self.pixels,
            'seed': self.seed,
            'averaged_from': self.averaged_from,
        }
        config = self.config.to_dict()
        return {'format': FORMAT, 'kind': self.kind, 'config': config, **self.averaged(), 'training': training | extra}

    def load(self, data: dict[str, Any]) -> None:
        if type(self.config).from_dict(data['config']) != self.config:
            raise ValueError('the checkpoint holds a network of another configuration')
        training = data['training']
        for name, network in self.networks.items():
            network.load_state_dict(training[name])
        values = [value for name in self.networks for value in data[name].values()]
        for average, value in zip(self.average, values, strict=True):
            average.copy_(value)
        self.muon.load_buffers(training['muon'])
        self.adam.load_state_dict(training['adam'])
        self.step, self.pixels, self.seed = training['step'], training['pixels'], training['seed']
        self.averaged_from = training.get('averaged_from', 0)

    def take_weights(self, networks: Mapping[str, nn.Module]) -> None:
        """Begin with the weights of these, for the averages too; the optimisers begin anew. What a network has beyond
        them stays as it is."""
        for name, network in self.networks.items():
            network.load_state_dict({**network.state_dict(), **networks[name].state_dict()})
        self.average_anew()

    def average_anew(self) -> None:
        """Begin the averages with the weights as they are."""
        self.averaged_from = self.step
        for average, parameter in zip(self.average, self.parameters, strict=True):
            average.copy_(parameter.detach())


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
            total += left * phase.pixels / max(pixels_per_second, 1)
    return max(0.0, total)


@dataclass(frozen=True)
class RunOptions:
    out: Path
    save_every: float = 300.0
    validate_every: float = 600.0
    loaders: int = 1
    progress_every: float = 5.0


def run(
    trainer: Trainer,
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
        text, values = trainer.validate(validation)
        print(f'\nstep {trainer.step}, {text}', file=sys.stderr, flush=True)
        entry = {'step': trainer.step, 'pixels': trainer.pixels, 'position': asdict(position), **values}
        with open(options.out.with_suffix('.jsonl'), 'a') as file:
            file.write(json.dumps(entry) + '\n')

    report = _progress_reporter(options.progress_every)
    saved = validated = time.monotonic()
    while position.phase < len(phases):
        phase = phases[position.phase]
        samplers = [CropSampler(training, crop, trainer.seed, trainer.half_scale) for crop in phase.crop]

        def draw(step: int, samplers: Sequence[CropSampler] = samplers, batch: tuple[int, ...] = phase.batch) -> Tensor:
            turn = step % len(samplers)
            return samplers[turn].batch(step, batch[turn])

        batches = stream_batches(draw, trainer.step, threads=options.loaders, prefetch=4 * options.loaders)
        try:
            while (progress := phase.progress(position.steps, position.seconds)) < 1:
                if stop.requested:
                    save()
                    return False
                started = time.monotonic()
                lr = phase.learning_rate(progress)
                pixels = trainer.pixels
                loss = trainer.train_step(next(batches), phase.group, lr)
                position.steps += 1
                position.seconds += time.monotonic() - started
                speed = (trainer.pixels - pixels) / max(time.monotonic() - started, 1e-6)
                report(trainer, phases, position, loss, lr, speed)
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
        trainer: Trainer, phases: Sequence[Phase], position: Position, loss: float, lr: float, speed: float
    ) -> None:
        nonlocal shown
        phase = phases[position.phase]
        for name, value in (('loss', loss), ('speed', speed)):
            average[name] = value if name not in average else 0.98 * average[name] + 0.02 * value
        now = time.monotonic()
        if now - shown < (every if sys.stderr.isatty() else max(every, 60.0)):
            return
        shown = now
        left = remaining_seconds(phases, position, average['speed'])
        line = (
            f'phase {position.phase + 1}/{len(phases)} (crops {"+".join(map(str, phase.crop))})  step {trainer.step}  '
            f'{trainer.pixels / 1e6:.0f} Mpx  {average["speed"] / 1e3:.0f} kpx/s  '
            f'{trainer.describe(average["loss"])}  lr {lr:.1e}  {format_duration(left)} left'
        )
        print(
            f'\r{line:<118}' if sys.stderr.isatty() else line,
            end='' if sys.stderr.isatty() else '\n',
            file=sys.stderr,
            flush=True,
        )

    return report


# --- command line ---


def add_arguments(
    parser: argparse.ArgumentParser, name: str, *, example_phase: str, widths: tuple[str, str] | None = None
) -> None:
    """The arguments of every training; ``name`` is that of the checkpoint in the help texts, ``widths`` are the form
    and the help of --widths, where there is a choice."""
    if widths:
        parser.add_argument('--widths', type=parse_sizes, metavar=widths[0], help=widths[1])
    parser.add_argument(
        'out', type=Path, help=f'checkpoint to write, for example {name}.pt (validation goes to {name}.jsonl)'
    )
    parser.add_argument('--data', nargs='+', required=True, metavar='PATH', help='image folders or tar shards')
    parser.add_argument(
        '--validation',
        nargs='+',
        metavar='PATH',
        help='images to validate on (default: 1 %% of the data, chosen by name, which then is not trained on)',
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument('--resume', action='store_true', help='go on with OUT where it stopped')
    start.add_argument(
        '--start-from',
        type=Path,
        metavar='CKPT_OR_BUNDLE',
        help='take weights (and optimiser state, from a checkpoint) and begin with the first phase',
    )
    parser.add_argument('--hours', type=float, default=2.0, help='length of the default phases (default 2)')
    parser.add_argument(
        '--phase',
        dest='phases',
        type=parse_phase,
        action='append',
        metavar='SPEC',
        help=f'instead of the default phases, may be repeated; for example {example_phase} '
        'or with steps= instead of seconds=',
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
    parser.add_argument('--save-every', type=float, default=300, metavar='S')
    parser.add_argument('--validate-every', type=float, default=600, metavar='S')


def parse_share(text: str) -> float:
    """'0.3' -> 0.3"""
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f'{text!r}: must be between 0 and 1')
    return share


def add_fading_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--fading',
        type=parse_share,
        default=0.0,
        metavar='P',
        help='share of the batches that meet fast Rayleigh fading, which the receiver knows, in place of AWGN alone '
        '(default 0)',
    )


def check_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with usage 2 where the arguments contradict each other or the machine; set up PyTorch."""
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


@dataclass(frozen=True)
class Beginning:
    """What a run begins with: a checkpoint, the networks of a bundle, or (config None) neither."""

    config: Any = None
    checkpoint: dict[str, Any] | None = None
    networks: dict[str, nn.Module] | None = None


def read_beginning(args: argparse.Namespace, kind: str) -> Beginning:
    source = args.out if args.resume else args.start_from
    if source is None:
        return Beginning()
    if source.is_dir():
        config, networks = load_networks(source, kind)
        return Beginning(config, networks=networks)
    checkpoint = load_checkpoint(source, kind)
    return Beginning(CONFIGS[kind].from_dict(checkpoint['config']), checkpoint)


def choose_config(parser: argparse.ArgumentParser, args: argparse.Namespace, beginning: Beginning, fresh: Any) -> Any:
    """The network's configuration: that of what the run begins with, else ``fresh`` with the widths asked for."""
    if beginning.config is None:
        return replace(fresh, widths=args.widths) if args.widths else fresh
    if args.widths and args.widths != beginning.config.widths:
        source = args.out if args.resume else args.start_from
        parser.error(f'{source} has widths {beginning.config.widths}, which cannot be changed')
    return beginning.config


def trainer_settings(args: argparse.Namespace) -> dict[str, Any]:
    return {
        'device': torch.device(args.device),
        'seed': args.seed,
        'bfloat16': args.precision == 'bfloat16',
        'compiled': args.compile,
    }


def choose_phases(
    parser: argparse.ArgumentParser,
    args: argparse.Namespace,
    defaults: Sequence[Phase],
    checkpoint: dict[str, Any] | None,
    stride: int,
) -> tuple[list[Phase], Position]:
    """The phases to train through, and where to begin: from the checkpoint when a run is resumed."""
    phases, position = list(args.phases or defaults), Position()
    if args.resume and checkpoint and 'position' in checkpoint['training']:
        position = Position(**checkpoint['training']['position'])
        if not args.phases:
            phases = [Phase(**values) for values in checkpoint['training']['phases']]
    for crop in (c for phase in phases for c in phase.crop):
        if crop % stride:
            parser.error(f'a crop of {crop} is no multiple of the stride {stride}')
    return phases, position


def load_data(args: argparse.Namespace, minimum: int) -> tuple[list[Photograph], list[Photograph]]:
    """(training images, validation images of a short side of at least ``minimum``)."""
    print('decoding the images', file=sys.stderr, flush=True)
    images = load_images(args.data, memory_bytes=int(args.memory_gib * 2**30))
    if args.validation:
        return images, load_images(args.validation, minimum=minimum)
    training, validation = hold_out(images, 0.01)
    return training, [v for v in validation if min(v.pixels.shape[:2]) >= minimum]


def train(
    args: argparse.Namespace,
    trainer: Trainer,
    beginning: Beginning,
    phases: Sequence[Phase],
    position: Position,
    training: Sequence[Photograph],
    validation: Sequence[Photograph],
) -> int:
    """Run from the beginning until the end or Ctrl-C; returns the exit code."""
    if beginning.checkpoint:
        trainer.load(beginning.checkpoint)
        if not args.resume:
            trainer.average_anew()
    elif beginning.networks:
        trainer.take_weights(beginning.networks)
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
