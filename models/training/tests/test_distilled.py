from __future__ import annotations

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from semcast_training import train_distilled
from semcast_training.add_distilled import add_distilled
from semcast_training.bundle_weights import load_denoiser
from semcast_training.checkpoint import load_checkpoint
from semcast_training.codec import Codec, CodecConfig, Decoder, Encoder
from semcast_training.data import Photograph
from semcast_training.export import our_trio, write_bundle
from semcast_training.features import SqueezeNet, Vgg19, feature_distance
from semcast_training.loop import Phase, Position, RunOptions, Stop, run
from semcast_training.parity import max_differences, read_parity
from semcast_training.prior import Denoiser, DenoiserConfig
from semcast_training.train_distilled import (
    LOSS,
    START_FACTOR,
    DistilledTrainer,
    checkerboard,
    grid_energy,
    parse_loss,
    student_input,
    texture_distance,
)

SMALL = DenoiserConfig(widths=(8, 12), blocks=(1, 1), embedding=8)
CROP = 64  # SqueezeNet's pooling needs about as much


def squeezenet() -> SqueezeNet:
    random = torch.Generator().manual_seed(1)
    weights: dict[str, Tensor] = {'m': torch.full((1, 3, 1, 1), 120.0)}

    def convolution(name: str, outputs: int, inputs: int, side: int) -> None:
        scale = (inputs * side * side) ** -0.5
        weights[f'c.{name}.weight'] = scale * torch.randn(outputs, inputs, side, side, generator=random)
        weights[f'c.{name}.bias'] = torch.zeros(outputs)

    convolution('conv1', 96, 3, 7)
    inputs = 96
    for index, (squeezed, half) in enumerate(
        [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)], start=2
    ):
        convolution(f'fire{index}_conv1x1_1', squeezed, inputs, 1)
        convolution(f'fire{index}_conv1x1_2', half, squeezed, 1)
        convolution(f'fire{index}_conv3x3_2', half, squeezed, 3)
        inputs = 2 * half
    return SqueezeNet(weights)


def vgg19() -> Vgg19:
    random = torch.Generator().manual_seed(2)
    weights: dict[str, Tensor] = {'m': torch.full((1, 3, 1, 1), 120.0)}
    inputs = 3
    for index, outputs in enumerate((64, 64, 128, 128, 256, 256, 256, 256)):
        weights[f'c.{index}.weight'] = (9 * inputs) ** -0.5 * torch.randn(outputs, inputs, 3, 3, generator=random)
        weights[f'c.{index}.bias'] = torch.zeros(outputs)
        inputs = outputs
    return Vgg19(weights)


@pytest.fixture
def codec(tiny: CodecConfig) -> Codec:
    torch.manual_seed(5)
    return Codec(tiny, Encoder(tiny).eval().requires_grad_(False), Decoder(tiny).eval().requires_grad_(False))


def start(codec: Codec, loss: dict[str, float] = LOSS, fading: float = 0.0) -> DistilledTrainer:
    features = {'squeezenet': squeezenet(), 'vgg19': vgg19()}
    settings: dict[str, Any] = {'device': torch.device('cpu'), 'seed': 1, 'bfloat16': False}
    return DistilledTrainer(SMALL, codec, features, loss=dict(loss), fading=fading, **settings)


def batch(seed: int) -> Tensor:
    return torch.randint(0, 256, (2, CROP, CROP, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def test_features_have_the_channels_that_they_say_and_no_distance_from_themselves() -> None:
    picture = torch.rand(2, 3, CROP, CROP, generator=torch.Generator().manual_seed(3)) * 2 - 1
    for network in (squeezenet(), vgg19()):
        maps = network(picture)
        assert tuple(m.shape[1] for m in maps) == network.channels
        assert feature_distance(maps, maps, network.scale).abs().max() < 1e-6
        other = feature_distance(maps, network(picture.flip(0)), network.scale)
        assert torch.allclose(other, other.flip(0)) and other.min() > 0


def test_a_step_moves_student_and_critics_and_a_resumed_run_goes_on_as_if_it_had_not_stopped(
    codec: Codec, tmp_path: Path
) -> None:
    whole = start(codec)
    before = [p.detach().clone() for p in (*whole.parameters, *whole.critics.parameters())]
    for i in range(2):
        whole.train_step(batch(i), 1, 1e-3)
    after = [*whole.parameters, *whole.critics.parameters()]
    moved = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert sum(moved) > 0.8 * len(moved)  # the head is zero at first, so some see no gradient yet
    assert set(whole.parts) == {*LOSS, 'hinge'}

    torch.save(whole.state({}), tmp_path / 'half.pt')
    resumed = start(codec)
    resumed.load(load_checkpoint(tmp_path / 'half.pt', 'distilled'))
    for trainer in (whole, resumed):
        trainer.train_step(batch(2), 1, 1e-3)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters, resumed.parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.average, resumed.average, strict=True))


def test_new_critics_have_no_say(codec: Codec) -> None:
    plain, judged = start(codec, {**LOSS, 'critic': 0.0}), start(codec, {**LOSS, 'critic': 100.0})
    for trainer in (plain, judged):
        trainer.train_step(batch(0), 1, 1e-3)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters, judged.parameters, strict=True))


def test_under_fading_the_student_is_told_the_csnr_that_is_left(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[Tensor, Tensor]] = []
    transmit = Codec.transmit

    def watched(self: Codec, image: Tensor, csnr_db: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        x_j, left = transmit(self, image, csnr_db, *rest)
        told.append((csnr_db, left))
        return x_j, left

    monkeypatch.setattr(Codec, 'transmit', watched)
    for fading in (0.0, 1.0):
        trainer = start(codec, fading=fading)
        student, seen = trainer.run['denoiser'], []

        def run(*inputs: Tensor, student: Any = student, seen: list[Tensor] = seen) -> Tensor:
            seen.append(inputs[4])
            return student(*inputs)

        trainer.run['denoiser'] = run
        trainer.train_step(batch(0), 1, 1e-3)
        sent, left = told.pop()
        assert torch.equal(seen[0], left)
        assert torch.equal(left, sent) if fading == 0 else (left < sent).all()


def test_squared_error_alone_is_learnt(codec: Codec) -> None:
    trainer = start(codec, {name: float(name == 'squared') for name in LOSS})
    # The same photographs under other noise in each step.
    losses = [trainer.train_step(batch(0), 1, 1e-2) for _ in range(30)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


def test_the_student_starts_from_a_noisy_decode() -> None:
    denoiser = Denoiser(SMALL)
    x_j, csnr, rate = torch.zeros(1, 3, 64, 64), torch.tensor([5.0]), torch.tensor([0.5])
    noise = torch.randn(x_j.shape, generator=torch.Generator().manual_seed(1))
    x, sigma, deviation = student_input(denoiser, x_j, csnr, rate, noise)
    assert sigma.item() == pytest.approx(START_FACTOR * deviation.item())
    assert x.std().item() == pytest.approx(sigma.item(), rel=0.05)


def test_a_checkerboard_is_seen() -> None:
    flat = torch.zeros(1, 3, 16, 16)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing='ij')
    assert checkerboard(flat).item() == 0
    assert checkerboard(flat + 0.1 * (1 - 2 * ((rows + columns) % 2))).item() == pytest.approx(0.1)
    assert checkerboard(flat + columns / 16).item() == pytest.approx(0, abs=1e-6)


def test_the_energy_of_a_grid_is_told_from_texture() -> None:
    rows, columns = torch.meshgrid(torch.arange(64), torch.arange(64), indexing='ij')
    for alternating in (rows, columns, rows + columns):
        grid = 0.1 * (1.0 - 2 * (alternating % 2)).expand(1, 3, 64, 64)
        assert grid_energy(grid).item() == pytest.approx(0.01, rel=1e-4)
    texture = 0.1 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert grid_energy(texture).item() == pytest.approx(3 * 0.01 / 64, rel=0.2)
    assert grid_energy(torch.ones(1, 3, 64, 64)).item() == pytest.approx(0, abs=1e-6)


def test_textures_are_compared_by_what_windows_have_on_average() -> None:
    random = torch.Generator().manual_seed(3)
    sizes = ((96, 64), (128, 32), (256, 16))
    maps = [torch.rand(2, channels, side, side, generator=random) * 20 for channels, side in sizes]
    assert texture_distance(maps, maps).abs().max() < 1e-6
    elsewhere = [m.roll((3, 5), (2, 3)) for m in maps]
    blurred = [torch.nn.functional.avg_pool2d(m, 3, 1, 1) for m in maps]
    difference = [((a - b).square().mean() / b.square().mean()).item() for a, b in zip(elsewhere, maps, strict=True)]
    assert min(difference) > 0.4  # point by point they are far from each other
    assert texture_distance(blurred, maps).min() > 4 * texture_distance(elsewhere, maps).max()


def test_trains_saves_and_validates(codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_distilled, 'VALIDATION_CROP', CROP)
    pixels = torch.randint(0, 256, (80, 90, 3), dtype=torch.uint8).numpy()
    photographs = [Photograph('a.png', pixels)]
    trainer = start(codec)
    options = RunOptions(out=tmp_path / 'distilled.pt')
    assert run(trainer, [Phase(crop=CROP, batch=2, steps=2)], Position(), photographs, photographs, options, Stop())
    entry = json.loads((tmp_path / 'distilled.jsonl').read_text())
    assert {'psnr', 'squeezenet', 'vgg19', 'grid', 'checkerboard'} <= set(entry)
    assert load_checkpoint(tmp_path / 'distilled.pt', 'distilled')['training']['step'] == 2


def test_weights_of_the_loss_are_read() -> None:
    assert parse_loss('vgg19=0,critic=2') == {**LOSS, 'vgg19': 0.0, 'critic': 2.0}
    for wrong in ('realism=1', 'vgg19=much'):
        with pytest.raises(argparse.ArgumentTypeError, match=r'expected one of|not a number'):
            parse_loss(wrong)


def test_a_student_becomes_a_graph_of_a_bundle_and_comes_back(codec: Codec, tmp_path: Path) -> None:
    write_bundle(tmp_path, our_trio(codec), lambda _: None, name='tiny', version='1', rmse={})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    torch.manual_seed(7)
    student = Denoiser(SMALL)
    for parameter in student.parameters():  # a bias of zeros would be folded away
        torch.nn.init.normal_(parameter, std=0.1)
    for version in ('2', '3'):  # once more replaces it
        add_distilled(tmp_path, copy.deepcopy(student), version, lambda _: None)
    manifest = json.loads((tmp_path / 'bundle.json').read_text())
    assert manifest['version'] == '3' and 'distilled' in manifest['graphs']
    assert len({entry['file'] for entry in manifest['weights']}) == len(manifest['weights'])
    cases = read_parity(tmp_path)
    assert [case.graph for case in cases].count('distilled') == 2
    own = [case for case in cases if case.graph == 'distilled']
    assert max(max_differences(tmp_path / manifest['graphs']['distilled']['file'], own)) < 1e-4
    changed = {'bundle.json', 'parity.json', 'parity.bin'}
    assert all((tmp_path / name).read_bytes() == content for name, content in before.items() if name not in changed)
    back = load_denoiser(tmp_path, 'distilled').state_dict()
    for name, value in student.state_dict().items():
        assert torch.allclose(back[name], value, rtol=1e-3, atol=1e-6), name
