"""Photographs for training: any image folder or tar shards, decoded once into memory, cropped at random.

Every crop is a pure function of (seed, sample number), so a run that was stopped and resumed sees the same crops
as one that was not, whatever the number of loader threads.
"""

from __future__ import annotations

import io
import sys
import tarfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.webp', '.bmp', '.ppm', '.tif', '.tiff'})
DEFAULT_MEMORY_BYTES = 8 * 2**30


@dataclass(frozen=True)
class Photograph:
    """``pixels`` [H, W, 3] uint8 RGB; ``name`` is its path inside the folder or tar."""

    name: str
    pixels: np.ndarray


def _is_image(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith('.')


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.rglob('*')):
            if file.suffix.lower() == '.tar':
                yield from _files(file)
            elif file.is_file() and _is_image(file.name):
                yield str(file.relative_to(path)), file.read_bytes()
    elif path.suffix.lower() == '.tar' and path.is_file():
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _is_image(member.name):
                    content = archive.extractfile(member)
                    if content is not None:
                        yield f'{path.name}/{member.name}', content.read()
    elif path.is_file():
        yield path.name, path.read_bytes()
    else:
        raise FileNotFoundError(f'{path}: no such folder, tar or image')


def _decode(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert('RGB'))


def load_images(
    paths: Sequence[str | Path],
    *,
    minimum: int = 1,
    limit: int | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> list[Photograph]:
    """Decode the images under ``paths`` (folders, tars, files), in the order of their names.

    Skips, with a message, what can't be decoded, and images whose short side is below ``minimum``. With ``limit``,
    evenly spaced ones are kept. Stops with MemoryError before the pixels exceed ``memory_bytes``.
    """
    images: list[Photograph] = []
    unreadable, small, total = 0, 0, 0
    for path in paths:
        for name, content in _files(Path(path)):
            try:
                pixels = _decode(content)
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                unreadable += 1
                print(f'skipped {name}: {error}', file=sys.stderr)
                continue
            if min(pixels.shape[:2]) < minimum:
                small += 1
                continue
            total += pixels.nbytes
            if total > memory_bytes:
                raise MemoryError(
                    f'the images need more than {memory_bytes / 2**30:.1f} GiB decoded: '
                    'give fewer or smaller ones, or raise --memory-gib'
                )
            images.append(Photograph(name, pixels))
    if unreadable or small:
        print(f'{unreadable} unreadable and {small} too small images left out', file=sys.stderr)
    if not images:
        raise ValueError(f'no image with a short side of at least {minimum} in {", ".join(map(str, paths))}')
    if limit is not None and len(images) > limit:
        images = [images[i * len(images) // limit] for i in range(limit)]
    return images


def hold_out(images: Sequence[Photograph], fraction: float) -> tuple[list[Photograph], list[Photograph]]:
    """Split into (training, validation) by a hash of the name: the same image falls on the same side in every run."""
    limit = round(fraction * 2**32)
    training: list[Photograph] = []
    validation: list[Photograph] = []
    for image in images:
        (validation if zlib.crc32(image.name.encode()) < limit else training).append(image)
    return training, validation


def to_tensor(pixels: np.ndarray | Tensor) -> Tensor:
    """uint8 [..., H, W, 3] -> float32 [..., 3, H, W] in [-1, 1]."""
    tensor = torch.as_tensor(pixels)
    return tensor.movedim(-1, -3).float().div_(127.5).sub_(1)


def centre_crop(pixels: np.ndarray, size: int) -> np.ndarray:
    """The central size x size part of [H, W, 3]."""
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]


class CropSampler:
    """Random square crops with flips, at the photograph's own scale or at half of it.

    A photograph is drawn with a probability proportional to its area, among those at least as large as the crop.
    With probability ``half_scale`` (if it is large enough) a crop of twice the size is averaged down 2x2, which shows
    the network finer structure a pixel and removes compression artefacts.
    """

    def __init__(self, images: Sequence[Photograph], size: int, seed: int, half_scale: float = 0.3) -> None:
        self.images = [image.pixels for image in images if min(image.pixels.shape[:2]) >= size]
        if not self.images:
            raise ValueError(f'no training image has a short side of at least the crop, {size}: use a smaller crop')
        areas = np.array([p.shape[0] * p.shape[1] for p in self.images], dtype=np.float64)
        self.cumulative = np.cumsum(areas / areas.sum())
        self.size, self.seed, self.half_scale = size, seed, half_scale

    def crop(self, sample: int) -> np.ndarray:
        """Crop number ``sample``: [size, size, 3] uint8, a pure function of (images, seed, sample)."""
        random = np.random.default_rng((self.seed, self.size, sample))
        pixels = self.images[min(int(np.searchsorted(self.cumulative, random.random())), len(self.images) - 1)]
        half = random.random() < self.half_scale and min(pixels.shape[:2]) >= 2 * self.size
        side = 2 * self.size if half else self.size
        top, left = (int(random.integers(extent - side + 1)) for extent in pixels.shape[:2])
        crop = pixels[top : top + side, left : left + side]
        if half:
            quads = crop.reshape(self.size, 2, self.size, 2, 3).astype(np.uint16)
            crop = ((quads.sum((1, 3)) + 2) // 4).astype(np.uint8)
        if random.random() < 0.5:
            crop = crop[:, ::-1]
        if random.random() < 0.5:
            crop = crop.transpose(1, 0, 2)
        return crop

    def batch(self, step: int, batch: int) -> Tensor:
        """The batch of a step: uint8 [batch, size, size, 3]."""
        return torch.from_numpy(np.stack([self.crop(step * batch + i) for i in range(batch)]))


def stream_batches(
    draw: Callable[[int], Tensor], first_step: int, *, threads: int = 1, prefetch: int = 4
) -> Iterator[Tensor]:
    """``draw``'s batches of steps first_step, first_step + 1, ... in order, made ahead by ``threads`` threads."""
    with ThreadPoolExecutor(threads, thread_name_prefix='crops') as pool:
        pending: deque[Future[Tensor]] = deque()
        step = first_step
        try:
            while True:
                while len(pending) < prefetch:
                    pending.append(pool.submit(draw, step))
                    step += 1
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
