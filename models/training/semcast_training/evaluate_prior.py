"""How well the prior denoises: PSNR by noise level, without and with its condition.

    python -m semcast_training.evaluate_prior PRIOR --codec CODEC --data FOLDER_OR_TARS...

PRIOR and CODEC are checkpoints or folders of bundles. The images are the held-out ones of the training data (or those
of --validation): 64 centre crops of 96x96, with the same noise each time. The condition is the codec's one-shot decode
of the crop at 5 dB and its lowest rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .bundle_weights import load_codec, load_denoiser
from .codec import Codec
from .console import add_evaluation_arguments, run_main, start_evaluation, write_json
from .data import Photograph, centre_crop, hold_out, load_images, to_tensor

VALIDATION_CROP = 96
VALIDATION_CROPS = 64
VALIDATION_CSNR_DB = 5.0
SIGMAS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def validation_crops(
    images: Sequence[Photograph], size: int = VALIDATION_CROP, limit: int = VALIDATION_CROPS
) -> Tensor:
    """Central crops [N, 3, size, size] of evenly spaced images, of those not much larger than the crop if there are
    enough: at one scale the figures compare."""
    large_enough = [i for i in images if min(i.pixels.shape[:2]) >= size]
    near = [i for i in large_enough if min(i.pixels.shape[:2]) < 1.5 * size]
    chosen = near if len(near) >= limit else large_enough
    if not chosen:
        raise ValueError(f'no validation image has a short side of at least {size}')
    if len(chosen) > limit:
        chosen = [chosen[i * len(chosen) // limit] for i in range(limit)]
    return to_tensor(np.stack([centre_crop(i.pixels, size) for i in chosen]))


def mean_psnr(estimate: Tensor, original: Tensor) -> float:
    """Mean over images of the PSNR in dB of pixels in [-1, 1], neither clamped nor rounded."""
    mse = ((estimate.double() - original.double()) / 2).square().mean((1, 2, 3))
    return float((-10 * torch.log10(mse.clamp_min(1e-10))).mean())


def denoising_table(
    denoiser: nn.Module,
    codec: Codec,
    crops: Tensor,
    device: torch.device,
    *,
    bfloat16: bool = False,
    batch: int = 16,
) -> dict[str, Any]:
    """PSNR in dB of D(x0 + sigma n; sigma) by sigma, and of the one-shot decode itself."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(crops.shape, generator=generator)
    channel_noise = torch.randn(codec.noise_shape(crops), generator=generator)
    active = codec.config.channels[0]
    sums = {'unconditional': [0.0] * len(SIGMAS), 'conditional': [0.0] * len(SIGMAS)}
    decode = 0.0
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        for start in range(0, len(crops), batch):
            part = slice(start, start + batch)
            x0, n, cn = (t[part].to(device, memory_format=torch.channels_last) for t in (crops, noise, channel_noise))
            b = len(x0)
            one = torch.ones(b, device=device)
            csnr_db = VALIDATION_CSNR_DB * one
            count = torch.full((b,), active, device=device)
            rate = count / codec.config.latent_channels
            x_j = codec.one_shot(x0, csnr_db, count, cn)
            decode += mean_psnr(x_j, x0) * b / len(crops)
            for i, sigma in enumerate(SIGMAS):
                for name, flag in (('unconditional', 0.0), ('conditional', 1.0)):
                    estimate = denoiser(x0 + sigma * n, sigma * one, x_j, flag * one, csnr_db, rate)
                    sums[name][i] += mean_psnr(estimate.float(), x0) * b / len(crops)
    return {'sigma': list(SIGMAS), **sums, 'decode': decode}


def format_denoising(table: dict[str, Any]) -> str:
    rows = [
        ['sigma', *(f'{s:g}' for s in table['sigma'])],
        ['---'] * (len(table['sigma']) + 1),
        ['unconditional', *(f'{v:.2f}' for v in table['unconditional'])],
        [f'conditional on {table["decode"]:.2f} dB', *(f'{v:.2f}' for v in table['conditional'])],
    ]
    return '\n'.join('| ' + ' | '.join(row) + ' |' for row in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.evaluate_prior', description='Denoising PSNR by noise level.'
    )
    parser.add_argument('prior', help='checkpoint of train_prior, or the folder of a bundle')
    parser.add_argument('--codec', required=True, help='checkpoint of train_codec, or the folder of a bundle')
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument(
        '--data', nargs='+', metavar='PATH', help='the training data, of which the held-out part counts'
    )
    images.add_argument('--validation', nargs='+', metavar='PATH', help='images none of which was trained on')
    add_evaluation_arguments(parser, 'faster, a little lower at low noise')
    args = parser.parse_args(arguments)
    device = start_evaluation(args)
    codec = load_codec(args.codec).to(device)
    denoiser = load_denoiser(args.prior).to(device, memory_format=torch.channels_last)
    photographs = load_images(args.data or args.validation, minimum=VALIDATION_CROP)
    crops = validation_crops(hold_out(photographs, 0.01)[1] if args.data else photographs)
    table = denoising_table(denoiser, codec, crops, device, bfloat16=args.bfloat16)
    print(f'Mean denoising PSNR in dB of {len(crops)} crops\n\n{format_denoising(table)}')
    write_json(args, {'crops': len(crops), **table})
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
