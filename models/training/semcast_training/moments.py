"""Mean and variance of a codec's symbols over photographs: what a receiver knows of them without pilots.

    python -m semcast_training.moments BUNDLE --images FOLDER_OR_TARS...     measures them for a bundle that lacks them

They stand in the manifest with each rate (``rates[].moments``): the mean of each real channel of the latent, and the
variance of each complex symbol, by channel pair. They hardly depend on the CSNR that the encoder is told, over which
they are averaged. ``packages/phy/src/blind.ts`` estimates a channel from them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .bundle_weights import load_codec
from .codec import Codec, EncoderGraph, prefix_mask
from .console import run_main
from .cpu.forms import replace_manifest
from .data import CropSampler, load_images, to_tensor

CROP, CROPS = 256, 48


def symbol_moments(codec: Codec, crops: Tensor, channels: int) -> dict[str, list[float]]:
    """Moments of the symbols of ``crops`` [N, 3, H, W] at a rate of so many channels; CSNRs at both ends take turns."""
    config = codec.config
    active = torch.full((len(crops),), channels)
    csnr_db = torch.tensor([config.csnr_db_min, config.csnr_db_max]).repeat(len(crops))[: len(crops)].float()
    encoder = EncoderGraph(codec.encoder)
    with torch.inference_mode():
        latents = [
            encoder(image, csnr, count / config.latent_channels, prefix_mask(count, config.latent_channels))
            for image, csnr, count in zip(crops.split(1), csnr_db.split(1), active.split(1), strict=True)
        ]
    sent = torch.cat(latents)[:, :channels].transpose(0, 1).flatten(1)
    variance = sent.var(1, correction=0).unflatten(0, (-1, 2)).sum(1)
    return {
        name: [round(v, 5) for v in values.tolist()]
        for name, values in (('mean', sent.mean(1)), ('variance', variance))
    }


def add_moments(rates: Sequence[dict[str, Any]], codec: Codec, crops: Tensor) -> None:
    """To each entry of a manifest's ``rates``."""
    for rate in rates:
        rate['moments'] = symbol_moments(codec, crops, rate['channels'])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.moments', description="Measure mean and variance of a bundle's symbols."
    )
    parser.add_argument('bundle', type=Path)
    parser.add_argument(
        '--images', nargs='+', required=True, metavar='PATH', help='photographs like those of the training'
    )
    args = parser.parse_args(arguments)
    crops = to_tensor(CropSampler(load_images(args.images, minimum=CROP), CROP, seed=0).batch(0, CROPS))
    manifest = json.loads((args.bundle / 'bundle.json').read_text())
    add_moments(manifest['rates'], load_codec(args.bundle), crops)
    replace_manifest(args.bundle, manifest)
    for rate in manifest['rates']:
        mean, variance = rate['moments']['mean'], rate['moments']['variance']
        constant = sum(m * m for m in mean) / len(variance)
        print(
            f'CBR {rate["cbr"]}: {100 * constant:.1f} % of the power is a constant; variances of symbols '
            f'from {min(variance):.2f} to {max(variance):.2f}'
        )
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
