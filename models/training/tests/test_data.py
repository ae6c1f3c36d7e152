from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcast_training.data import CropSampler, Photograph, centre_crop, hold_out, load_images, stream_batches, to_tensor


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    return buffer.getvalue()


def test_folders_and_tars_are_read_and_rubbish_is_skipped(
    tmp_path: Path, photographs: list[Photograph], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'deep').mkdir()
    (tmp_path / 'deep' / 'a.png').write_bytes(png(photographs[0].pixels))
    (tmp_path / 'notes.txt').write_text('no image')
    (tmp_path / 'broken.jpg').write_bytes(b'not a picture')
    with tarfile.open(tmp_path / 'shard.tar', 'w') as archive:
        for photograph in photographs[1:]:
            content = png(photograph.pixels)
            info = tarfile.TarInfo(photograph.name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    images = load_images([tmp_path])
    assert {i.name for i in images} == {'deep/a.png', 'shard.tar/1.png', 'shard.tar/2.png', 'shard.tar/3.png'}
    assert np.array_equal(next(i for i in images if i.name == 'deep/a.png').pixels, photographs[0].pixels)
    assert 'broken.jpg' in capsys.readouterr().err
    assert len(load_images([tmp_path], minimum=40)) == 2
    assert len(load_images([tmp_path], limit=3)) == 3
    with pytest.raises(MemoryError, match='--memory-gib'):
        load_images([tmp_path], memory_bytes=10_000)


def test_no_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='no image'):
        load_images([tmp_path])
    with pytest.raises(FileNotFoundError):
        load_images([tmp_path / 'missing'])


def test_crops_depend_on_seed_and_number_only(photographs: list[Photograph]) -> None:
    a, b, other = (CropSampler(photographs, 16, seed) for seed in (1, 1, 2))
    assert torch.equal(a.batch(5, 4), b.batch(5, 4))
    assert not torch.equal(a.batch(5, 4), a.batch(6, 4))
    assert not torch.equal(a.batch(5, 4), other.batch(5, 4))
    assert a.batch(0, 2).shape == (2, 16, 16, 3) and a.batch(0, 2).dtype == torch.uint8


def test_half_scale_averages_squares_of_four() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[::2, ::2] = 200
    crop = CropSampler([Photograph('a', pixels)], 16, 1, half_scale=1.0).crop(0)
    assert crop.shape == (16, 16, 3) and np.all(crop == 50)


def test_too_large_a_crop_is_an_error(photographs: list[Photograph]) -> None:
    with pytest.raises(ValueError, match='smaller crop'):
        CropSampler(photographs, 96, 1)


def test_threads_keep_the_order(photographs: list[Photograph]) -> None:
    sampler = CropSampler(photographs, 16, 1)
    stream = stream_batches(lambda step: sampler.batch(step, 2), 7, threads=3, prefetch=6)
    for step in range(7, 15):
        assert torch.equal(next(stream), sampler.batch(step, 2))
    stream.close()


def test_hold_out_goes_by_name(photographs: list[Photograph]) -> None:
    many = [Photograph(f'{i}.jpg', photographs[0].pixels) for i in range(1000)]
    training, validation = hold_out(many, 0.1)
    assert len(training) + len(validation) == 1000 and 60 < len(validation) < 140
    again = hold_out(many[::-1], 0.1)[1]
    assert {v.name for v in validation} == {v.name for v in again}


def test_tensor_range_and_layout() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[..., 1] = 255
    tensor = to_tensor(pixels)
    assert tensor.shape == (3, 4, 6)
    assert torch.all(tensor[0] == -1) and torch.all(tensor[1] == 1)
    assert centre_crop(pixels, 2).shape == (2, 2, 3)
