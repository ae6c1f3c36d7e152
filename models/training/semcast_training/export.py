"""Write a model bundle: ONNX graphs, shared weights, bundle.json, parity vectors.

    python -m semcast_training.export CODEC.pt OUT_DIR [--prior PRIOR.pt] --rmse-images DATA
    python -m semcast_training.export my_models:build OUT_DIR --rmse-images DATA

The first half (GraphSpec, export_graph, check_graph, write_bundle) knows nothing of what the graphs are for: it exports
any module whose inputs and outputs follow the bundle contract, and modules that differentiate themselves. The second
half describes the graphs of a bundle for any encoder, decoder and denoiser of the form that ``interfaces`` asks for.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import logging
import os
import re
import shlex
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import onnxscript
import onnxscript.optimizer
import torch
from torch import Tensor, nn

from .bundle_weights import load_codec, load_denoiser
from .codec import EXTRAPOLATION_DB, Codec, EncoderGraph, awgn, prefix_mask
from .console import run_main
from .cpu.forms import write_cpu_form
from .data import centre_crop, load_images, to_tensor
from .evaluate import RMSE_CSNR_DB, rmse_table
from .gradient import distinct_sizes, onnx_translations, trace_gradient
from .interfaces import Trio
from .moments import add_moments
from .onnx_files import (
    SMALLEST_STORED_BYTES,
    WeightStore,
    fill_branch,
    name_dimensions,
    set_config,
    store_as_float16,
    strip_traces,
)
from .parity import (
    ParityCase,
    file_entry,
    largest_difference,
    max_differences,
    relative_difference,
    run_module,
    test_image,
    write_parity,
)
from .prior import Denoiser
from .steps import ConfirmingTerm, EncoderVjp, PosteriorStep

OPSET = 18
TOLERANCE = 1e-4
FILE_NAMES = {'encoderVjp': 'encoder-vjp.onnx', 'posteriorStep': 'posterior-step.onnx'}

# (batch, height, width) in strides of graphs that don't differentiate, and of those that do (see _steady_case): sizes
# that become parity vectors, and others that are checked besides.
SIZES = (
    (((2, 4, 4), (1, 3, 6)), ((1, 1, 1), (3, 5, 2), (1, 16, 16))),
    (((2, 2, 2), (1, 1, 3)), ((1, 1, 1), (3, 3, 2), (1, 4, 4))),
)
# Of those that differentiate, with a tolerance of its own.
GRADIENT_LARGE_SIZES = ((1, 16, 16),)
LARGE_TOLERANCE = 1e-2
STEADY_TRIES = 12


@dataclass(frozen=True)
class GraphSpec:
    """One graph of a bundle.

    ``make_inputs(batch, rows, columns, seed)`` gives the named inputs, in the order of the module's arguments, for a
    picture of rows x columns strides. ``axes`` gives for each input what its dimensions are: 'batch', a multiple of
    'rows' or 'columns' as ``(name, factor)``, or None for a fixed size. ``outputs`` gives the same for each output.

    A module that ``differentiates`` inside its forward is traced first. ``traced`` is then exported in place of
    ``module``, which remains the reference, and ``branches`` gives, by the name of an operation of the domain semcast
    in it, the graph that takes the operation's place and the input that switches it on (``onnx_files.fill_branch``).
    ``config`` goes into the file.
    """

    name: str
    module: nn.Module
    make_inputs: Callable[[int, int, int, int], dict[str, Tensor]]
    axes: Mapping[str, tuple[Any, ...]]
    outputs: Mapping[str, tuple[Any, ...]]
    differentiates: bool = False
    traced: nn.Module | None = None
    branches: Mapping[str, tuple[GraphSpec, str]] = field(default_factory=dict)
    config: Mapping[str, Any] | None = None

    @property
    def file(self) -> str:
        return FILE_NAMES.get(self.name, f'{self.name}.onnx')


def _dynamic_shapes(axes: Mapping[str, tuple[Any, ...]]) -> tuple[dict[int, Any], ...]:
    dims = {name: torch.export.Dim(name, min=1, max=65536) for name in ('batch', 'rows', 'columns')}

    def dim(axis: Any) -> Any:
        if isinstance(axis, tuple):
            return dims[axis[0]] * axis[1] if axis[1] != 1 else dims[axis[0]]
        return dims[axis]

    return tuple({i: dim(a) for i, a in enumerate(sizes) if a is not None} for sizes in axes.values())


def round_weights(module: nn.Module) -> None:
    """Round the weights (tensors of two dimensions or more) to float16 values, in place; they stay float32 tensors.

    The graphs then store them in half the space without being a different network from the module: parity is exact.
    The rounding, 2^-11 relative, is finer than that of the bfloat16 arithmetic (2^-8) the network was trained in.
    """
    with torch.no_grad():
        for tensor in module.parameters():
            if tensor.ndim >= 2:
                rounded = tensor.half()
                if not torch.isfinite(rounded).all():
                    raise ValueError('a weight is too large for float16: export with --weights float32')
                tensor.copy_(rounded.float())


def _example_inputs(spec: GraphSpec) -> dict[str, Tensor]:
    if not spec.differentiates:
        return spec.make_inputs(2, 6, 8, 0)
    smallest = spec.make_inputs(1, 1, 1, 0)
    axes = [(size, axis) for name, sizes in spec.axes.items() for size, axis in zip(smallest[name].shape, sizes)]
    fixed = {size for size, axis in axes if axis is None}
    factors = {axis[1] for _, axis in axes if isinstance(axis, tuple)}
    return spec.make_inputs(*distinct_sizes(sorted(fixed), sorted(factors)), 0)


def _branch_operation(name: str, spec: GraphSpec) -> Callable[..., Any]:
    """An ONNX operation semcast::NAME with the inputs of the branch and its switch, to be filled in later."""
    parameter = onnx.defs.OpSchema.FormalParameter
    schema = onnx.defs.OpSchema(
        name,
        'semcast',
        1,
        inputs=[parameter(i, 'T') for i in (*spec.axes, 'switch')],
        outputs=[parameter(o, 'T') for o in spec.outputs],
        type_constraints=[('T', ['tensor(float)'], '')],
    )
    operation = onnxscript.values.Op(onnxscript.values.Opset('semcast', 1), name, schema)
    return lambda *arguments: operation(*arguments)


def _should_fold(node: ir.Node) -> bool | None:
    """Weights in another order are not stored: the graph turns them round when it is loaded."""
    turns = node.op_type in ('Transpose', 'Slice', 'Reshape', 'Pad')
    first = node.inputs[0].const_value if node.inputs and node.inputs[0] is not None else None
    return False if turns and first is not None and first.nbytes >= SMALLEST_STORED_BYTES else None


def to_onnx(spec: GraphSpec) -> ir.Model:
    """The graph with dynamic batch, height and width, weights in memory, nothing of this machine in it."""
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # it warns of torchvision's absence
    inputs = _example_inputs(spec)
    module = spec.traced or spec.module
    translations = onnx_translations()
    for name, (branch, _) in spec.branches.items():
        translations[getattr(torch.ops.semcast, name).default] = _branch_operation(name, branch)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        if spec.differentiates:
            module = trace_gradient(module, tuple(inputs.values()))
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(spec.outputs),
            dynamic_shapes=_dynamic_shapes(spec.axes),
            custom_translation_table=translations,
            optimize=False,
        )
        model = program.model
        onnxscript.optimizer.optimize_ir(model, should_fold=_should_fold)
    name_dimensions(model, list(spec.axes.values()), list(spec.outputs.values()))
    strip_traces(model)
    store_as_float16(model.graph)
    for name, (branch, switch) in spec.branches.items():
        fill_branch(model, 'semcast', name, to_onnx(branch), switch)
    if spec.config is not None:
        set_config(model, spec.config)
    return model


def export_graph(spec: GraphSpec, directory: Path, store: WeightStore) -> Path:
    """Export to ``directory``, the larger weights to the store's files beside it."""
    path = directory / spec.file
    model = to_onnx(spec)
    store.externalise(model, f'{path.stem}.weights')
    ir.save(model, path)
    return path


def _steady_case(spec: GraphSpec, size: tuple[int, int, int], seed: int) -> ParityCase:
    """A case of a graph that differentiates whose outputs don't jump when its first input changes by rounding.

    The gradient of a ReLU jumps where its input crosses zero. Of a million inputs some are within 1e-6 of it, and there
    two programs, or one on two processors, may disagree with both being right. What is recorded must not depend on
    that, so inputs are drawn until a change of 1e-6 doesn't matter.
    """
    steadiest, least = None, float('inf')
    for attempt in range(STEADY_TRIES):
        inputs = spec.make_inputs(*size, seed + 100 * attempt)
        case = run_module(spec.name, spec.module, inputs, list(spec.outputs))
        name, first = next(iter(inputs.items()))
        noise = torch.randn(first.shape, generator=torch.Generator().manual_seed(attempt))
        other = run_module(spec.name, spec.module, inputs | {name: first + 1e-6 * noise}, list(spec.outputs))
        change = max(
            float(abs(other.outputs[k] - v).max()) / max(float(abs(v).max()), 1e-30) for k, v in case.outputs.items()
        )
        if change < least:
            steadiest, least = case, change
        if change < TOLERANCE / 4:
            break
    assert steadiest is not None
    return steadiest


def check_graph(
    spec: GraphSpec, paths: Sequence[Path], sizes: Sequence[tuple[int, int, int]], tolerance: float = TOLERANCE
) -> tuple[list[ParityCase], float]:
    """Compare ONNX Runtime with PyTorch at several sizes; returns the cases and the largest difference.

    ``paths`` are forms of the same graph: each must give what the module does.

    Differences are absolute; for a graph that differentiates they are those of whole outputs, relative.
    """
    if spec.differentiates and tolerance == TOLERANCE:
        cases = [_steady_case(spec, size, seed) for seed, size in enumerate(sizes, start=1)]
    else:
        cases = [
            run_module(spec.name, spec.module, spec.make_inputs(*size, seed), list(spec.outputs))
            for seed, size in enumerate(sizes, start=1)
        ]
    worst = 0.0
    measure = relative_difference if spec.differentiates else largest_difference
    for path in paths:
        difference = max(max_differences(path, cases, measure))
        if not difference <= tolerance:
            raise ValueError(f'{path.name} differs from PyTorch by {difference:.2e}, more than {tolerance}')
        worst = max(worst, difference)
    return cases, worst


class BundleWriter:
    """New files of a bundle, exported and checked in a folder beside it before the first one appears in it."""

    def __init__(self, directory: Path, log: Callable[[str], None]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.log = directory, log
        self.graphs: dict[str, dict[str, Any]] = {}
        self.cases: list[ParityCase] = []

    def __enter__(self) -> BundleWriter:
        self._temporary = tempfile.TemporaryDirectory(prefix='.export-', dir=self.directory)
        self.scratch = Path(self._temporary.name)
        self.store = WeightStore(self.scratch)
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def add(self, spec: GraphSpec) -> None:
        """Export, check, and keep the manifest's entry and the parity cases."""
        started = time.monotonic()
        path = export_graph(spec, self.scratch, self.store)
        cpu = write_cpu_form(path)
        forms = [path, *([cpu] if cpu else [])]
        parity_sizes, check_sizes = SIZES[spec.differentiates]
        cases, parity_difference = check_graph(spec, forms, parity_sizes)
        _, difference = check_graph(spec, forms, check_sizes)
        if spec.differentiates:
            check_graph(spec, forms, GRADIENT_LARGE_SIZES, LARGE_TOLERANCE)
        self.cases.extend(cases)
        self.graphs[spec.name] = file_entry(path) | ({'cpu': file_entry(cpu)} if cpu else {})
        kind = 'relative' if spec.differentiates else 'absolute'
        self.log(
            f'{path.name}: {path.stat().st_size / 1e6:.1f} MB, largest {kind} difference '
            f'{max(difference, parity_difference):.1e}, {time.monotonic() - started:.0f} s'
        )

    def weights(self) -> list[dict[str, str]]:
        return [file_entry(self.scratch / name) for name in self.store.files]

    def publish(self, manifest: dict[str, Any], cases: Sequence[ParityCase]) -> None:
        """Move everything to its place, with a manifest that names these parity cases."""
        parity = write_parity(cases, self.scratch)
        manifest['parity'] = file_entry(parity) | {'tolerance': TOLERANCE}
        (self.scratch / 'bundle.json').write_text(json.dumps(manifest, indent=2) + '\n')
        # The manifest goes last: until then a reader sees the old manifest and reports hashes that don't match.
        for path in sorted(self.scratch.iterdir(), key=lambda p: p.name == 'bundle.json'):
            os.replace(path, self.directory / path.name)


def write_bundle(
    directory: Path,
    trio: Trio,
    log: Callable[[str], None],
    *,
    name: str,
    version: str,
    rmse: Mapping[str, Any],
    crops: Tensor | None = None,
) -> None:
    """Export, check and describe; ``crops`` are photographs to take the symbols' moments from.

    Files appear under their names only when every check has passed.
    """
    with BundleWriter(directory, log) as writer:
        for spec in trio_specs(trio):
            writer.add(spec)
        about = {'description': trio.description, 'license': trio.license}
        manifest = {
            'format': 1,
            'name': name,
            'version': version,
            **{key: text for key, text in about.items() if text},
            'graphs': writer.graphs,
            'weights': writer.weights(),
            'stride': trio.stride,
            'latentChannels': trio.latent_channels,
            'normalisation': trio.normalisation,
            'rates': [{'cbr': str(trio.cbr(c)), 'channels': c} for c in trio.channels],
            'csnrDb': {'min': trio.csnr_db_min, 'max': trio.csnr_db_max},
            'rmse': rmse,
        }
        if crops is not None:
            add_moments(manifest['rates'], Codec(trio, trio.encoder, trio.decoder), crops)
        writer.publish(manifest, writer.cases)


# --- the graphs of a bundle in those terms ---


BATCH = ('batch',)


LATENT_AXES = ('batch', None, ('rows', 1), ('columns', 1))
MASK_AXES = ('batch', None, None, None)


def image_axes(stride: int) -> tuple[Any, ...]:
    return ('batch', None, ('rows', stride), ('columns', stride))


class _Examples:
    """Inputs like those that the graphs meet, for tracing and for parity vectors."""

    def __init__(self, trio: Trio) -> None:
        self.shape, self.encoder, self.decoder = trio, EncoderGraph(trio.encoder).eval(), trio.decoder

    def encoder_inputs(self, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        s, c = self.shape.stride, self.shape.latent_channels
        low, high = self.shape.csnr_db_min, self.shape.csnr_db_max
        csnr_db = low + (high - low) * torch.rand(batch, generator=torch.Generator().manual_seed(seed))
        counts = self.shape.channels
        active = torch.tensor([counts[(seed + i) % len(counts)] for i in range(batch)])
        return {
            'image': test_image(batch, rows * s, columns * s, seed),
            'csnr_db': csnr_db,
            'rate': active / c,
            'mask': prefix_mask(active, c),
        }

    def decoder_inputs(self, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        inputs = self.encoder_inputs(batch, rows, columns, seed)
        with torch.no_grad():
            latent = self.encoder(*inputs.values())
        noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(seed))
        received = awgn(latent, inputs['mask'], inputs['csnr_db'], noise)
        return {'latent': received, 'csnr_db': inputs['csnr_db'], 'rate': inputs['rate']}

    def denoiser_inputs(self, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        """Noisy pictures; every other one has its condition switched on."""
        sent = self.encoder_inputs(batch, rows, columns, seed)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            x_j = self.decoder(*self.decoder_inputs(batch, rows, columns, seed).values()).clamp(-1, 1)
        sigma = torch.exp(torch.empty(batch).uniform_(-3, 0, generator=random))
        x = sent['image'] + sigma[:, None, None, None] * torch.randn(sent['image'].shape, generator=random)
        flag = torch.tensor([float((seed + i) % 2) for i in range(batch)])
        return {
            'x': x,
            'sigma': sigma,
            'x_j': x_j,
            'flag': flag,
            'csnr_db': sent['csnr_db'],
            'rate': sent['rate'],
        }

    def observation(self, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        """What was received over a channel with a random complex gain for each symbol."""
        sent = self.encoder_inputs(batch, rows, columns, seed)
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            latent = self.encoder(*sent.values())
        z = torch.complex(*latent.unflatten(1, (-1, 2)).unbind(2))
        gain = torch.randn(z.shape, dtype=z.dtype, generator=random)
        received = torch.view_as_real(gain * z).movedim(-1, 2).flatten(1, 2)
        noise = torch.randn(received.shape, generator=random)
        return {
            'design_csnr_db': sent['csnr_db'],
            'rate': sent['rate'],
            'mask': sent['mask'],
            'y': awgn(received, sent['mask'], sent['csnr_db'], noise),
            'gain_real': gain.real.contiguous(),
            'gain_imaginary': gain.imag.contiguous(),
        }

    def vjp_inputs(self, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        observation = self.observation(batch, rows, columns, seed)
        x = self.denoiser_inputs(batch, rows, columns, seed)['x']
        return {'x': x, **observation}

    def step_inputs(self, step: PosteriorStep, batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        """Weights such that gradients are of the order of 1; every other picture does without the second term."""
        denoising = self.denoiser_inputs(batch, rows, columns, seed)
        observation = self.observation(batch, rows, columns, seed)
        one = torch.ones(batch)
        inputs = denoising | {
            # a transmitter may have been told another CSNR than the receiver measured
            'design_csnr_db': observation['design_csnr_db'] + 1,
            **{k: observation[k] for k in ('mask', 'y', 'gain_real', 'gain_imaginary')},
        }
        with torch.no_grad():
            gradient = step(*inputs.values(), one, one)[1]
        zeta = 1 / gradient.abs().amax((1, 2, 3)).clamp_min(1e-6)
        second = torch.tensor([float((seed + i) % 2) for i in range(batch)])
        return inputs | {'zeta': zeta, 'gamma': 0.5 * zeta * second}


def codec_specs(trio: Trio) -> list[GraphSpec]:
    """The two graphs that every bundle has."""
    examples, image = _Examples(trio), image_axes(trio.stride)
    return [
        GraphSpec(
            'encoder',
            examples.encoder,
            examples.encoder_inputs,
            {'image': image, 'csnr_db': BATCH, 'rate': BATCH, 'mask': MASK_AXES},
            {'latent': LATENT_AXES},
            config=trio.config.get('encoder'),
        ),
        GraphSpec(
            'decoder',
            trio.decoder,
            examples.decoder_inputs,
            {'latent': LATENT_AXES, 'csnr_db': BATCH, 'rate': BATCH},
            {'image': image},
            config=trio.config.get('decoder'),
        ),
    ]


def posterior_specs(trio: Trio) -> list[GraphSpec]:
    """The three graphs of a bundle that can sample the posterior."""
    examples, image = _Examples(trio), image_axes(trio.stride)
    networks = (trio.encoder, trio.decoder, trio.denoiser)
    condition = {'x': image, 'sigma': BATCH, 'x_j': image, 'flag': BATCH, 'csnr_db': BATCH, 'rate': BATCH}
    received = {'mask': MASK_AXES, 'y': LATENT_AXES, 'gain_real': LATENT_AXES, 'gain_imaginary': LATENT_AXES}
    step = PosteriorStep(*networks, pixels=trio.pixels).eval()
    confirming = GraphSpec(
        'confirmingTerm',
        ConfirmingTerm(trio.decoder).eval(),
        lambda batch, rows, columns, seed: {
            'z': (inputs := examples.decoder_inputs(batch, rows, columns, seed))['latent'],
            'x_j': test_image(batch, rows * trio.stride, columns * trio.stride, seed),
            'csnr_db': inputs['csnr_db'],
            'rate': inputs['rate'],
        },
        {'z': LATENT_AXES, 'x_j': image, 'csnr_db': BATCH, 'rate': BATCH},
        {'norm': BATCH, 'gradient': LATENT_AXES},
        differentiates=True,
    )
    return [
        GraphSpec(
            'denoiser',
            trio.denoiser,
            examples.denoiser_inputs,
            condition,
            {'x0': image},
            config=trio.config.get('denoiser'),
        ),
        GraphSpec(
            'encoderVjp',
            EncoderVjp(trio.encoder).eval(),
            examples.vjp_inputs,
            {'x': image, 'design_csnr_db': BATCH, 'rate': BATCH, **received},
            {'z': LATENT_AXES, 'gradient': image, 'measurement_norm': BATCH},
            differentiates=True,
        ),
        GraphSpec(
            'posteriorStep',
            step,
            lambda *size: examples.step_inputs(step, *size),
            condition | {'design_csnr_db': BATCH, **received, 'zeta': BATCH, 'gamma': BATCH},
            {'x0': image, 'gradient': image, 'z': LATENT_AXES, 'measurement_norm': BATCH, 'confirming_norm': BATCH},
            differentiates=True,
            traced=PosteriorStep(*networks, pixels=trio.pixels, branch=True).eval(),
            branches={'confirming_term': (confirming, 'gamma')},
        ),
    ]


def trio_specs(trio: Trio) -> list[GraphSpec]:
    """All graphs of a bundle: two without a denoiser, five with one."""
    for network in trio.networks():
        network.eval().requires_grad_(False)
    return codec_specs(trio) + (posterior_specs(trio) if trio.denoiser is not None else [])


def our_trio(codec: Codec, denoiser: Denoiser | None = None) -> Trio:
    """Our networks with the configuration that ``bundle_weights`` rebuilds them from."""
    config: Any = codec.config
    description = 'Joint source-channel codec for natural photographs, one set of weights for all rates and CSNRs'
    configs = {name: {'kind': name, 'config': config.to_dict()} for name in ('encoder', 'decoder')}
    if denoiser is not None:
        description += ', with a denoiser for posterior sampling'
        if config.stride % denoiser.config.stride:
            raise ValueError(f'the denoiser needs multiples of {denoiser.config.stride}, the codec has {config.stride}')
        configs['denoiser'] = {'kind': 'denoiser', 'config': denoiser.config.to_dict()}
    return Trio(
        encoder=codec.encoder,
        decoder=codec.decoder,
        denoiser=denoiser,
        stride=config.stride,
        latent_channels=config.latent_channels,
        channels=config.channels,
        csnr_db_min=config.csnr_db_min - EXTRAPOLATION_DB,
        csnr_db_max=config.csnr_db_max,
        description=description,
        license='Apache-2.0',
        config=configs,
    )


def _import_trio(reference: str) -> Trio:
    """'package.module:function' -> the Trio that the function returns; the working directory is searched too."""
    module_name, _, function_name = reference.partition(':')
    if not function_name:
        raise ValueError(f'{reference}: expected module:function')
    sys.path.insert(0, os.getcwd())
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f'{reference}: {error}') from error
    trio = function()
    if not isinstance(trio, Trio):
        raise ValueError(f'{reference} returned {type(trio).__name__}, not a Trio (semcast_training.interfaces)')
    return trio


NAME = re.compile(r'[A-Za-z0-9._-]{1,64}')  # what services take for a bundle's name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m semcast_training.export', description='Write a model bundle.')
    parser.add_argument(
        'source',
        help='codec: a file written by train_codec, or the folder of a bundle; or MODULE:FUNCTION, a function without '
        'arguments that returns a semcast_training.interfaces.Trio of other networks',
    )
    parser.add_argument('out', type=Path, help='folder of the bundle, for example ../natural')
    parser.add_argument(
        '--prior', metavar='CKPT_OR_BUNDLE', help='file written by train_prior, or the folder of a bundle that has one'
    )
    parser.add_argument('--name', default=None, help="bundle's name (default: the folder's)")
    parser.add_argument('--version', default='1.0.0')
    parser.add_argument(
        '--rmse-images',
        nargs='+',
        metavar='PATH',
        required=True,
        help='images (folders or tars) to measure the RMSE table and the moments of symbols on: like the training '
        'images, not Kodak',
    )
    parser.add_argument('--rmse-limit', type=int, default=32, help='how many of them (default 32)')
    parser.add_argument('--rmse-size', type=int, default=256, help='side of their centre crops (default 256)')
    parser.add_argument(
        '--weights',
        choices=['float16', 'float32'],
        default='float16',
        help='how the files store them; the graphs compute in float32 either way (default float16)',
    )
    parser.add_argument(
        '--last-weights',
        action='store_true',
        help="the codec's last weights instead of its averages: after a learning rate that fell to nearly nothing, "
        'they may be better',
    )
    parser.add_argument('--threads', type=int, help='CPU threads')
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.last_weights and Path(args.source).is_dir():
        parser.error(f'{args.source} is a bundle, which has one set of weights: leave out --last-weights')
    imported = ':' in args.source and not Path(args.source).exists()
    if imported and args.prior:
        parser.error(f'--prior goes with our codec: {args.source} gives its own denoiser')
    name = args.name or args.out.resolve().name
    if not NAME.fullmatch(name):
        parser.error(f'"{name}" is no name of a bundle: give one of letters, digits, ".", "_" and "-" by --name')
    if args.threads:
        torch.set_num_threads(args.threads)

    def log(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    started = time.monotonic()
    if imported:
        trio = _import_trio(args.source)
    else:
        codec = load_codec(args.source, last=args.last_weights)
        trio = our_trio(codec, load_denoiser(args.prior) if args.prior else None)
    if args.weights == 'float16':
        for network in trio.networks():
            round_weights(network)
    images = load_images(args.rmse_images, limit=args.rmse_limit, minimum=args.rmse_size)
    cpu = torch.device('cpu')
    codec = Codec(trio, trio.encoder, trio.decoder)
    low, high = trio.csnr_db_min, trio.csnr_db_max
    levels = sorted({low, *(level for level in RMSE_CSNR_DB if low < level < high), high})
    rmse = rmse_table(codec, images, args.rmse_size, levels, cpu, log)
    crops = torch.stack([to_tensor(centre_crop(image.pixels, args.rmse_size).copy()) for image in images])
    write_bundle(args.out, trio, log, name=name, version=args.version, rmse=rmse, crops=crops)
    log(f'{args.out}: done in {time.monotonic() - started:.0f} s')
    log(f"next, in semcast's own folder: npx semcast doctor --bundle {shlex.quote(str(args.out.resolve()))}")
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
