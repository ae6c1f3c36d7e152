"""Put a distilled decoder into a bundle, in place of the one that it has.

    python -m semcast_training.add_distilled BUNDLE DISTILLED.pt --version 0.6.0

Writes the graph ``distilled``, its weights, its forms for the CPU and its parity vectors; everything else stays as it
is, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from .console import run_main
from .cpu_graphs import manifest_entries, runnable_here, write_cpu_graphs
from .export import BATCH, CHECK_SIZES, PARITY_SIZES, GraphSpec, check_graph, export_graph, round_weights
from .onnx_files import WeightStore
from .parity import read_parity, sha256_of, test_image, write_parity
from .prior import Denoiser, DenoiserConfig
from .train_distilled import load_distilled_checkpoint, student_input

GRAPH = 'distilled'


def distilled_spec(student: Denoiser, stride: int, csnr_db: tuple[float, float], rates: Sequence[float]) -> GraphSpec:
    """The graph of a distilled decoder, whose inputs are those of a denoiser."""

    def inputs(batch: int, rows: int, columns: int, seed: int) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(seed)
        image = test_image(batch, rows * stride, columns * stride, seed)
        # As smooth as a one-shot decode, whatever the codec.
        x_j = F.interpolate(F.avg_pool2d(image, 4), scale_factor=4, mode='bilinear')
        low, high = csnr_db
        csnr = low + (high - low) * torch.rand(batch, generator=random)
        rate = torch.tensor([rates[(seed + i) % len(rates)] for i in range(batch)])
        with torch.no_grad():
            x, sigma, _ = student_input(student, x_j, csnr, rate, torch.randn(image.shape, generator=random))
        return {'x': x, 'sigma': sigma, 'x_j': x_j, 'flag': torch.ones(batch), 'csnr_db': csnr, 'rate': rate}

    image_axes = ('batch', None, ('rows', stride), ('columns', stride))
    axes = {name: image_axes if name in ('x', 'x_j') else BATCH for name in inputs(1, 1, 1, 0)}
    config = {'kind': GRAPH, 'config': student.config.to_dict()}
    return GraphSpec(GRAPH, student, inputs, axes, {'x0': image_axes}, config=config)


def add_distilled(directory: Path, student: Denoiser, version: str, log: Callable[[str], None]) -> None:
    """Export, check, and name in the manifest. Files appear under their names only when every check has passed."""
    manifest = json.loads((directory / 'bundle.json').read_text())
    rates = [entry['channels'] / manifest['latentChannels'] for entry in manifest['rates']]
    csnr_db = (manifest['csnrDb']['min'], manifest['csnrDb']['max'])
    student.eval().requires_grad_(False)
    round_weights(student)
    spec = distilled_spec(student, manifest['stride'], csnr_db, rates)
    with tempfile.TemporaryDirectory(prefix='.export-', dir=directory) as scratch_name:
        scratch = Path(scratch_name)
        store = WeightStore(scratch)
        path = export_graph(spec, scratch, store)
        cpu = write_cpu_graphs(path)
        forms = [path, *runnable_here(cpu)]
        cases, difference = check_graph(spec, forms, PARITY_SIZES)
        _, other = check_graph(spec, forms, CHECK_SIZES)
        log(f'{path.name}: {path.stat().st_size / 1e6:.1f} MB, largest difference {max(difference, other):.1e}')
        parity = write_parity([case for case in read_parity(directory) if case.graph != GRAPH] + cases, scratch)
        manifest['version'] = version
        manifest['graphs'][GRAPH] = {'file': path.name, 'sha256': sha256_of(path)}
        if cpu:
            manifest['graphs'][GRAPH]['cpu'] = manifest_entries(cpu)
        written = {name: sha256_of(scratch / name) for name in store.files}
        kept = [entry for entry in manifest['weights'] if entry['file'] not in written]
        manifest['weights'] = kept + [{'file': name, 'sha256': sha256} for name, sha256 in written.items()]
        manifest['parity'] |= {'file': parity.name, 'sha256': sha256_of(parity)}
        (scratch / 'bundle.json').write_text(json.dumps(manifest, indent=2) + '\n')
        for file in sorted(scratch.iterdir(), key=lambda p: p.name == 'bundle.json'):
            os.replace(file, directory / file.name)


def load_distilled(path: str | Path) -> Denoiser:
    """The averaged weights of a checkpoint as a frozen module."""
    data = load_distilled_checkpoint(path)
    student = Denoiser(DenoiserConfig.from_dict(data['config']))
    student.load_state_dict(data['denoiser'])
    return student.float().eval().requires_grad_(False)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.add_distilled', description='Put a distilled decoder into a bundle.'
    )
    parser.add_argument('bundle', type=Path)
    parser.add_argument('checkpoint', type=Path, help='file written by train_distilled')
    parser.add_argument('--version', required=True, help="the bundle's new version")
    args = parser.parse_args(arguments)
    student = load_distilled(args.checkpoint)
    add_distilled(args.bundle, student, args.version, lambda line: print(line, file=sys.stderr, flush=True))
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
