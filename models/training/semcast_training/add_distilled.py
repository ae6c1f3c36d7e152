"""Put a distilled decoder into a bundle, in place of the one that it has.

    python -m semcast_training.add_distilled BUNDLE DISTILLED.pt --version 0.6.0

Writes the graph ``distilled``, its weights, its forms for the CPU and its parity vectors; everything else stays as it
is, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from .bundle_weights import load_denoiser
from .console import run_main
from .export import BATCH, BundleWriter, GraphSpec, image_axes, round_weights
from .parity import read_parity, test_image
from .prior import Denoiser
from .train_distilled import student_input

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

    image = image_axes(stride)
    axes = {name: image if name in ('x', 'x_j') else BATCH for name in ('x', 'sigma', 'x_j', 'flag', 'csnr_db', 'rate')}
    config = {'kind': GRAPH, 'config': student.config.to_dict()}
    return GraphSpec(GRAPH, student, inputs, axes, {'x0': image}, config=config)


def add_distilled(directory: Path, student: Denoiser, version: str, log: Callable[[str], None]) -> None:
    """Export, check, and name in the manifest. Files appear under their names only when every check has passed."""
    manifest = json.loads((directory / 'bundle.json').read_text())
    rates = [entry['channels'] / manifest['latentChannels'] for entry in manifest['rates']]
    csnr_db = (manifest['csnrDb']['min'], manifest['csnrDb']['max'])
    student.eval().requires_grad_(False)
    round_weights(student)
    spec = distilled_spec(student, manifest['stride'], csnr_db, rates)
    with BundleWriter(directory, log) as writer:
        writer.add(spec)
        weights = writer.weights()
        written = {entry['file'] for entry in weights}
        manifest['version'] = version
        manifest['graphs'] |= writer.graphs
        manifest['weights'] = [entry for entry in manifest['weights'] if entry['file'] not in written] + weights
        writer.publish(manifest, [case for case in read_parity(directory) if case.graph != GRAPH] + writer.cases)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.add_distilled', description='Put a distilled decoder into a bundle.'
    )
    parser.add_argument('bundle', type=Path)
    parser.add_argument('checkpoint', type=Path, help='file written by train_distilled')
    parser.add_argument('--version', required=True, help="the bundle's new version")
    args = parser.parse_args(arguments)
    student = load_denoiser(args.checkpoint, GRAPH)
    add_distilled(args.bundle, student, args.version, lambda line: print(line, file=sys.stderr, flush=True))
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
