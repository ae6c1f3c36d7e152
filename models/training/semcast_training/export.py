"""Write a model bundle: ONNX graphs, bundle.json, parity vectors.

    python -m semcast_training.export CHECKPOINT OUT_DIR [--name natural] [--version 1.0.0] [--rmse rmse.json]

The first half (GraphSpec, export_graph, check_graph, write_bundle) knows nothing of our networks: it exports any
module whose inputs and outputs follow the bundle contract. The second half describes our codec in those terms.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import Tensor, nn

from .checkpoint import load_codec
from .codec import CodecConfig, EncoderGraph, awgn, prefix_mask
from .console import run_main
from .parity import ParityCase, max_differences, run_module, sha256_of, test_image, write_parity

OPSET = 18
TOLERANCE = 1e-4
MAX_GRAPH_BYTES = 45_000_000
FILE_NAMES = {'encoder': 'encoder.onnx', 'decoder': 'decoder.onnx'}

# (batch, height, width) in strides; the first three become parity vectors when the stride is 16, all are checked.
PARITY_SIZES = ((2, 4, 4), (1, 3, 6))
CHECK_SIZES = ((1, 1, 1), (3, 5, 2), (1, 16, 16))


@dataclass(frozen=True)
class GraphSpec:
    """One graph of a bundle.

    ``make_inputs(batch, rows, columns, seed)`` gives the named inputs, in the order of the module's arguments, for a
    picture of rows x columns strides. ``axes`` gives for each input what its dimensions are: 'batch', a multiple of
    'rows' or 'columns' as ``(name, factor)``, or None for a fixed size. ``outputs`` gives the same for each output.
    """

    name: str
    module: nn.Module
    make_inputs: Callable[[int, int, int, int], dict[str, Tensor]]
    axes: Mapping[str, tuple[Any, ...]]
    outputs: Mapping[str, tuple[Any, ...]]


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


def _store_as_float16(model: ir.Model) -> None:
    # initialiser (float16) -> Cast -> float32. ONNX Runtime folds the cast when it loads the graph, so it
    # computes in float32 at the same speed. Only values that float16 represents exactly are stored so.
    graph = model.graph
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if value.dtype != ir.DataType.FLOAT or tensor is None or len(tensor.shape) < 2 or value.is_graph_output():
            continue
        data = tensor.numpy()
        half = data.astype(np.float16)
        if data.size < 1024 or not np.array_equal(half.astype(np.float32), data):
            continue
        del graph.initializers[name]
        stored = ir.val(
            f'{name}.float16',
            ir.DataType.FLOAT16,
            list(data.shape),
            const_value=ir.tensor(half, name=f'{name}.float16'),
        )
        cast = ir.node('Cast', [stored], {'to': int(ir.DataType.FLOAT)}, name=f'{name}.widen')
        output = cast.outputs[0]
        output.name, output.dtype, output.shape = name, ir.DataType.FLOAT, value.shape
        value.name = f'{name}.replaced'
        value.replace_all_uses_with(output)
        graph.insert_before(graph[0], cast)
        graph.register_initializer(stored)


def export_graph(spec: GraphSpec, path: Path) -> None:
    """Export with dynamic batch, height and width; weights inside the file. Raises if the file is too large."""
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # it warns of torchvision's absence
    inputs = spec.make_inputs(2, 6, 8, 0)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            spec.module,
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(spec.outputs),
            dynamic_shapes=_dynamic_shapes(spec.axes),
            optimize=True,
        )
        _name_dimensions(program.model, spec)
        _strip_traces(program.model)
        _store_as_float16(program.model)
        program.save(str(path), external_data=False)
    if path.stat().st_size > MAX_GRAPH_BYTES:
        raise ValueError(
            f'{path.name} takes {path.stat().st_size} bytes, more than {MAX_GRAPH_BYTES}: use a smaller network'
        )


def _name_dimensions(model: ir.Model, spec: GraphSpec) -> None:
    # Where the exporter can't see that an output's size is a multiple of rows or columns it invents a name.
    for value, axes in zip(model.graph.outputs, spec.outputs.values(), strict=True):
        names = [
            f'{a[1]}*{a[0]}' if isinstance(a, tuple) and a[1] != 1 else a[0] if isinstance(a, tuple) else a
            for a in axes
        ]
        value.shape = ir.Shape([dim if name is None else name for name, dim in zip(names, value.shape, strict=True)])


def _strip_traces(model: ir.Model) -> None:
    # The exporter records Python stack traces, with file paths of the machine, in each node's metadata.
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*model.graph.inputs, *model.graph.outputs):
        value.metadata_props.clear()
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for function in model.functions.values():
        function.metadata_props.clear()


def check_graph(spec: GraphSpec, path: Path, sizes: Sequence[tuple[int, int, int]]) -> tuple[list[ParityCase], float]:
    """Compare ONNX Runtime with PyTorch at several sizes; returns the cases and the largest difference."""
    cases = [
        run_module(spec.name, spec.module, spec.make_inputs(*size, seed), list(spec.outputs))
        for seed, size in enumerate(sizes, start=1)
    ]
    differences = max_differences(path, cases)
    if not max(differences) <= TOLERANCE:
        raise ValueError(f'{path.name} differs from PyTorch by {max(differences):.2e}, more than {TOLERANCE}')
    return cases, max(differences)


@dataclass(frozen=True)
class BundleInfo:
    """What bundle.json says besides the graphs; field names as in the manifest, rmse may be filled in later."""

    name: str
    version: str
    stride: int
    latent_channels: int
    rates: list[dict[str, Any]]
    csnr_db: dict[str, float]
    rmse: dict[str, Any]
    description: str = ''
    license: str = ''
    normalisation: dict[str, list[float]] = field(
        default_factory=lambda: {'mean': [0.5, 0.5, 0.5], 'std': [0.5, 0.5, 0.5]}
    )


def write_bundle(directory: Path, info: BundleInfo, specs: Sequence[GraphSpec], log: Callable[[str], None]) -> None:
    """Export, check and describe. Files appear under their names only when every check has passed."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='.export-', dir=directory) as scratch_name:
        scratch = Path(scratch_name)
        graphs, cases = {}, []
        for spec in specs:
            started = time.monotonic()
            path = scratch / FILE_NAMES.get(spec.name, f'{spec.name}.onnx')
            export_graph(spec, path)
            graph_cases, parity_difference = check_graph(spec, path, PARITY_SIZES)
            _, difference = check_graph(spec, path, CHECK_SIZES)
            cases.extend(graph_cases)
            graphs[spec.name] = {'file': path.name, 'sha256': sha256_of(path)}
            log(
                f'{path.name}: {path.stat().st_size / 1e6:.1f} MB, largest difference '
                f'{max(difference, parity_difference):.1e}, {time.monotonic() - started:.0f} s'
            )
        parity = write_parity(cases, scratch)
        manifest: dict[str, Any] = {'format': 1, 'name': info.name, 'version': info.version}
        if info.description:
            manifest['description'] = info.description
        if info.license:
            manifest['license'] = info.license
        manifest |= {
            'graphs': graphs,
            'stride': info.stride,
            'latentChannels': info.latent_channels,
            'normalisation': info.normalisation,
            'rates': info.rates,
            'csnrDb': info.csnr_db,
            'rmse': info.rmse,
            'parity': {'file': parity.name, 'sha256': sha256_of(parity), 'tolerance': TOLERANCE},
        }
        (scratch / 'bundle.json').write_text(json.dumps(manifest, indent=2) + '\n')
        # The manifest goes last: until then a reader sees the old manifest and reports hashes that don't match.
        for path in sorted(scratch.iterdir(), key=lambda p: p.name == 'bundle.json'):
            os.replace(path, directory / path.name)


# --- our codec in those terms ---


def codec_specs(config: CodecConfig, encoder: nn.Module, decoder: nn.Module) -> list[GraphSpec]:
    """The two graphs of a codec bundle, for any encoder and decoder with the interface of codec.py.

    encoder(image, csnr_db, rate) -> latent and decoder(latent, csnr_db, rate) -> image.
    """
    graph = EncoderGraph(encoder).eval()
    s, c = config.stride, config.latent_channels

    def condition(batch: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        low, high = config.csnr_db_min, config.csnr_db_max
        csnr_db = low + (high - low) * torch.rand(batch, generator=random)
        active = torch.tensor([config.channels[(seed + i) % len(config.channels)] for i in range(batch)])
        return csnr_db, active / c, prefix_mask(active, c)

    def encoder_inputs(batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        csnr_db, rate, mask = condition(batch, seed)
        return {'image': test_image(batch, rows * s, columns * s, seed), 'csnr_db': csnr_db, 'rate': rate, 'mask': mask}

    def decoder_inputs(batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        inputs = encoder_inputs(batch, rows, columns, seed)
        with torch.no_grad():
            latent = graph(*inputs.values())
        noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(seed))
        received = awgn(latent, inputs['mask'], inputs['csnr_db'], noise)
        return {'latent': received, 'csnr_db': inputs['csnr_db'], 'rate': inputs['rate']}

    batch = ('batch',)
    return [
        GraphSpec(
            'encoder',
            graph,
            encoder_inputs,
            {
                'image': ('batch', None, ('rows', s), ('columns', s)),
                'csnr_db': batch,
                'rate': batch,
                'mask': ('batch', None, None, None),
            },
            {'latent': ('batch', None, ('rows', 1), ('columns', 1))},
        ),
        GraphSpec(
            'decoder',
            decoder,
            decoder_inputs,
            {'latent': ('batch', None, ('rows', 1), ('columns', 1)), 'csnr_db': batch, 'rate': batch},
            {'image': ('batch', None, ('rows', s), ('columns', s))},
        ),
    ]


def codec_info(config: CodecConfig, name: str, version: str, rmse: dict[str, Any]) -> BundleInfo:
    return BundleInfo(
        name=name,
        version=version,
        description='Joint source-channel codec for natural photographs, one set of weights for all rates and CSNRs',
        license='Apache-2.0',
        stride=config.stride,
        latent_channels=config.latent_channels,
        rates=[{'cbr': str(config.cbr(c)), 'channels': c} for c in config.channels],
        csnr_db={'min': config.csnr_db_min, 'max': config.csnr_db_max},
        rmse=rmse,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    from .data import load_images
    from .evaluate import RMSE_CSNR_DB, rmse_table

    parser = argparse.ArgumentParser(prog='python -m semcast_training.export', description='Write a model bundle.')
    parser.add_argument('checkpoint', help='file written by train_codec')
    parser.add_argument('out', type=Path, help='folder of the bundle, for example ../natural')
    parser.add_argument('--name', default=None, help="bundle's name (default: the folder's)")
    parser.add_argument('--version', default='1.0.0')
    parser.add_argument(
        '--rmse-images',
        nargs='+',
        metavar='PATH',
        required=True,
        help='images (folders or tars) to measure the RMSE table on: like the training images, not Kodak',
    )
    parser.add_argument('--rmse-limit', type=int, default=32, help='how many of them (default 32)')
    parser.add_argument('--rmse-size', type=int, default=256, help='side of their centre crops (default 256)')
    parser.add_argument(
        '--weights',
        choices=['float16', 'float32'],
        default='float16',
        help='how the graphs store them; they compute in float32 either way (default float16)',
    )
    parser.add_argument('--threads', type=int, help='CPU threads')
    args = parser.parse_args(arguments)
    if args.threads:
        torch.set_num_threads(args.threads)

    def log(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    started = time.monotonic()
    config, encoder, decoder = load_codec(args.checkpoint)
    if args.weights == 'float16':
        round_weights(encoder)
        round_weights(decoder)
    images = load_images(args.rmse_images, limit=args.rmse_limit, minimum=args.rmse_size)
    rmse = rmse_table(config, encoder, decoder, images, args.rmse_size, RMSE_CSNR_DB, torch.device('cpu'), log)
    info = codec_info(config, args.name or args.out.resolve().name, args.version, rmse)
    write_bundle(args.out, info, codec_specs(config, encoder, decoder), log)
    log(f'{args.out}: done in {time.monotonic() - started:.0f} s')
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
