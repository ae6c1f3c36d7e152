"""Quality of a codec (checkpoint, or folder of a bundle) by CSNR and CBR over the AWGN channel.

    python -m semcast_training.evaluate CHECKPOINT --images FOLDER [--csnr 0,5,10] [--cbr 1/24,1/12] [--json FILE]

Prints mean PSNR (8-bit RGB, as the product measures it). This is for training; the figures that the project
publishes come from `semcast sweep`, through the sockets and ONNX Runtime.
"""

from __future__ import annotations

import argparse
import math
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from .bundle_weights import load_codec
from .codec import Codec
from .console import add_evaluation_arguments, run_main, start_evaluation, write_json
from .data import Photograph, centre_crop, load_images, to_tensor

RMSE_CSNR_DB = (0.0, 5.0, 10.0, 15.0, 20.0)
PSNR_CAP_DB = 100.0


def pad_to_stride(image: Tensor, stride: int) -> Tensor:
    """Pad [1, 3, H, W] at the bottom and right to multiples of the stride, by reflection where it is large enough."""
    bottom, right = -image.shape[2] % stride, -image.shape[3] % stride
    mode = 'reflect' if bottom < image.shape[2] and right < image.shape[3] else 'replicate'
    return F.pad(image, (0, right, 0, bottom), mode=mode) if bottom or right else image


def transmit(codec: Codec, image: Tensor, csnr_db: float, channels: int, seed: int) -> Tensor:
    """Images [B, 3, H, W] in [-1, 1] of any size through encoder, AWGN channel and decoder; same shape, clamped."""
    csnr = torch.full((len(image),), csnr_db, device=image.device)
    active = torch.full((len(image),), channels, device=image.device)
    padded = pad_to_stride(image, codec.config.stride)
    noise = torch.randn(codec.noise_shape(padded), generator=torch.Generator().manual_seed(seed)).to(image.device)
    return codec.one_shot(padded, csnr, active, noise)[:, :, : image.shape[2], : image.shape[3]]


def _inputs(images: Sequence[Photograph], size: int | None, device: torch.device) -> Iterator[tuple[int, Tensor]]:
    for photograph in images:
        pixels = photograph.pixels if size is None else centre_crop(photograph.pixels, size)
        yield zlib.crc32(photograph.name.encode()), to_tensor(pixels.copy())[None].to(device)


def psnr_table(
    codec: Codec,
    images: Sequence[Photograph],
    csnr_db: Sequence[float],
    channels: Sequence[int],
    device: torch.device,
    *,
    size: int | None = None,
    bfloat16: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[list[float]]:
    """Mean PSNR in dB, rows by CSNR and columns by active channels."""
    sums = [[0.0] * len(channels) for _ in csnr_db]
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        for done, (seed, image) in enumerate(_inputs(images, size, device)):
            original = ((image + 1) * 127.5).round()
            for i, csnr in enumerate(csnr_db):
                for j, c in enumerate(channels):
                    decoded = transmit(codec, image, csnr, c, seed)
                    error = (((decoded + 1) * 127.5).round() - original).square().mean().item()
                    sums[i][j] += PSNR_CAP_DB if error == 0 else 10 * math.log10(255**2 / error)
            if progress:
                progress(done + 1, len(images))
    return [[value / len(images) for value in row] for row in sums]


def rmse_table(
    codec: Codec,
    images: Sequence[Photograph],
    size: int,
    csnr_db: Sequence[float],
    device: torch.device,
    log: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """The manifest's table: root mean square error of the decoder in [-1, 1] units, values[csnr][cbr].

    The mean of the squares is over all pixels of all images' centre crops of size x size. Posterior samplers that
    start late (HiFi-DiffCom) take their starting noise level from it.
    """
    config = codec.config
    values = [[0.0] * len(config.channels) for _ in csnr_db]
    with torch.inference_mode():
        for done, (seed, image) in enumerate(_inputs(images, size, device)):
            for i, csnr in enumerate(csnr_db):
                for j, c in enumerate(config.channels):
                    decoded = transmit(codec, image, csnr, c, seed)
                    values[i][j] += (decoded - image).square().mean().item()
            if log:
                log(f'rmse table: {done + 1} of {len(images)} images')
    return {
        'csnrDb': list(csnr_db),
        'cbr': [str(config.cbr(c)) for c in config.channels],
        'values': [[round(math.sqrt(v / len(images)), 5) for v in row] for row in values],
    }


def format_table(csnr_db: Sequence[float], cbrs: Sequence[Fraction], values: Sequence[Sequence[float]]) -> str:
    lines = ['| CSNR | ' + ' | '.join(f'CBR {c}' for c in cbrs) + ' |', '|---' * (len(cbrs) + 1) + '|']
    for csnr, row in zip(csnr_db, values):
        lines.append(f'| {csnr:g} dB | ' + ' | '.join(f'{v:.2f}' for v in row) + ' |')
    return '\n'.join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.evaluate', description='PSNR by CSNR and CBR over AWGN.'
    )
    parser.add_argument('codec', metavar='CKPT_OR_BUNDLE')
    parser.add_argument('--images', nargs='+', required=True, metavar='PATH', help='folders, tars or images')
    parser.add_argument('--limit', type=int, help='use only so many images, evenly spaced')
    parser.add_argument('--size', type=int, help='centre crops of this size (default: whole images)')
    parser.add_argument('--csnr', default='0,5,10,15,20', help='dB, comma separated (default %(default)s)')
    parser.add_argument('--cbr', help='such as 1/48,1/12 (default: all of the codec)')
    add_evaluation_arguments(parser, 'faster, within a few hundredths of a dB')
    args = parser.parse_args(arguments)
    device = start_evaluation(args)
    codec = load_codec(args.codec).to(device)
    config = codec.config
    known = {config.cbr(c): c for c in config.channels}
    cbrs = [Fraction(text) for text in args.cbr.split(',')] if args.cbr else list(known)
    unknown = [str(c) for c in cbrs if c not in known]
    if unknown:
        parser.error(f'this codec has no CBR {", ".join(unknown)}; it has {", ".join(map(str, known))}')
    csnr_db = [float(text) for text in args.csnr.split(',')]
    images = load_images(args.images, limit=args.limit, minimum=args.size or 1)

    def progress(done: int, total: int) -> None:
        print(f'\r{done} of {total} images', end='\n' if done == total else '', file=sys.stderr, flush=True)

    table = psnr_table(
        codec,
        images,
        csnr_db,
        [known[c] for c in cbrs],
        device,
        size=args.size,
        bfloat16=args.bfloat16,
        progress=progress,
    )
    print(f'Mean PSNR in dB of {len(images)} images, AWGN\n\n{format_table(csnr_db, cbrs, table)}')
    cbr = [str(c) for c in cbrs]
    write_json(args, {'images': len(images), 'size': args.size, 'csnrDb': csnr_db, 'cbr': cbr, 'psnrDb': table})
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
