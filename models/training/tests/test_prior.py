from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from semcast_training import train_prior
from semcast_training.bundle_weights import load_denoiser
from semcast_training.checkpoint import load_checkpoint, save_checkpoint
from semcast_training.codec import Codec, CodecConfig, Decoder, Encoder
from semcast_training.data import Photograph
from semcast_training.evaluate_prior import denoising_table, mean_psnr, validation_crops
from semcast_training.interfaces import NoisePredictor
from semcast_training.loop import Phase, Position, RunOptions, Stop, run
from semcast_training.prior import (
    SIZES,
    Denoiser,
    DenoiserConfig,
    decode_deviation,
    edm_weight,
    fit_decode_error,
)
from semcast_training.train_codec import CodecTrainer
from semcast_training.train_prior import PriorTrainer

SMALL = DenoiserConfig(widths=(8, 12), blocks=(1, 1), embedding=8)
PHASES = [Phase(crop=16, batch=4, group=2, steps=4), Phase(crop=24, batch=3, decay=1.0, steps=3)]


class StopAfter(Stop):
    """Asks for an end when it is looked at for the (steps + 1)-th time."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @property
    def requested(self) -> bool:  # type: ignore[override]
        self.left -= 1
        return self.left < 0


@pytest.fixture
def codec(tiny: CodecConfig) -> Codec:
    torch.manual_seed(5)
    return Codec(tiny, Encoder(tiny).eval().requires_grad_(False), Decoder(tiny).eval().requires_grad_(False))


def start(codec: Codec, seed: int = 1) -> PriorTrainer:
    return PriorTrainer(SMALL, codec, device=torch.device('cpu'), seed=seed, bfloat16=False)


def shaken(network: nn.Module) -> nn.Module:
    """Away from the initial weights, some of which are zero and would hide mistakes."""
    random = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=random)
    return network.eval()


def test_a_new_denoiser_is_the_best_one_without_knowledge() -> None:
    """c_skip x is the posterior mean of white data of standard deviation 1/2."""
    x = torch.randn(3, 3, 8, 12)
    sigma = torch.tensor([0.1, 0.5, 3.0])
    zero = torch.zeros(3)
    with torch.no_grad():
        x0 = Denoiser(SMALL)(x, sigma, torch.zeros_like(x), zero, zero, zero)
    assert torch.allclose(x0, (0.25 / (sigma**2 + 0.25))[:, None, None, None] * x, atol=1e-6)


def test_a_new_denoiser_weighs_the_decode_by_its_error() -> None:
    """x with variance sigma^2 and x_J with that of its error: the estimate of least variance."""
    x, x_j = torch.randn(3, 3, 8, 12), torch.randn(3, 3, 8, 12)
    sigma, csnr_db, rate = torch.tensor([0.05, 0.2, 5.0]), torch.tensor([0.0, 10.0, 20.0]), torch.full((3,), 0.5)
    config = replace(SMALL, decode_error=(math.log(0.1), -0.3, 0.0, 0.0, 0.0, 0.0))
    with torch.no_grad():
        x0 = Denoiser(config)(x, sigma, x_j, torch.ones(3), csnr_db, rate)
    error = 0.1 * torch.exp(torch.tensor([0.3, 0.0, -0.3]))
    share = (error**2 / (error**2 + sigma**2))[:, None, None, None]
    assert torch.allclose(x0, share * x + (1 - share) * x_j, atol=1e-6)


def test_decode_error_is_fitted() -> None:
    csnr_db, rate = torch.tensor([[s, q] for s in (0.0, 7.0, 20.0) for q in (0.25, 0.5, 1.0)]).T
    coefficients = (-2.0, -0.2, -0.3, 0.1, -0.05, 0.04)
    rmse = decode_deviation(coefficients, csnr_db, rate)
    assert fit_decode_error(csnr_db, rate, rmse) == pytest.approx(coefficients, abs=1e-5)
    with pytest.raises(ValueError, match='6'):
        DenoiserConfig(decode_error=(1.0,))


def test_a_condition_that_is_switched_off_does_not_matter() -> None:
    denoiser = shaken(Denoiser(SMALL))
    x, sigma = torch.randn(2, 3, 8, 8), torch.tensor([0.1, 1.0])

    def run_with(flag: float, seed: int) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        x_j, csnr_db = torch.randn(x.shape, generator=random), 20 * torch.rand(2, generator=random)
        with torch.no_grad():
            return denoiser(x, sigma, x_j, torch.full((2,), flag), csnr_db, torch.rand(2, generator=random))

    assert torch.equal(run_with(0, 1), run_with(0, 2))
    assert not torch.allclose(run_with(1, 1), run_with(1, 2), atol=1e-3)


def test_the_loss_is_that_of_a_target_of_unit_variance() -> None:
    """Of D = c_skip x, F = 0: the weighted error is 1 on average for data of standard deviation d, at any sigma."""
    noise = torch.randn(200_000)
    for deviation in (0.5, 0.1):
        x0 = deviation * torch.randn(200_000)
        for sigma in (0.05, 0.5, 5.0):
            estimate = deviation**2 / (sigma**2 + deviation**2) * (x0 + sigma * noise)
            loss = edm_weight(torch.tensor(sigma), deviation) * (estimate - x0).square().mean()
            assert loss.item() == pytest.approx(1, rel=0.02)


def test_sizes() -> None:
    with torch.device('meta'):
        counts = {name: sum(p.numel() for p in Denoiser(c).parameters()) / 1e6 for name, c in SIZES.items()}
    assert counts['small'] <= 16 and 30 <= counts['large'] <= 45
    assert all(c.stride == 16 and DenoiserConfig.from_dict(c.to_dict()) == c for c in SIZES.values())


def test_noise_predictor() -> None:
    alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)

    class Exact(nn.Module):
        """The best prediction of the noise when every picture is grey (x0 = 0), as a function of t."""

        def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
            assert torch.allclose(t, torch.tensor([0.0, 500.0, 999.0]), atol=0.01)
            noise = x_t / torch.sqrt(1 - alphas_cumprod[t.round().long()])[:, None, None, None]
            return torch.cat([noise, noise], 1)

    denoiser = NoisePredictor(Exact(), alphas_cumprod, learned_variance=True)
    sigma = torch.sqrt((1 - alphas_cumprod) / alphas_cumprod)[[0, 500, 999]]
    x = sigma[:, None, None, None] * torch.randn(3, 3, 4, 4)
    none = torch.zeros(3)
    assert denoiser(x, sigma, x, none, none, none).abs().max() < 1e-3 * sigma.max()


@pytest.mark.parametrize('stop_after', [2, 5])
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, codec: Codec, photographs: list[Photograph], stop_after: int
) -> None:
    whole, parts = tmp_path / 'whole.pt', tmp_path / 'parts.pt'
    assert run(start(codec), PHASES, Position(), photographs, [], RunOptions(whole), Stop())
    assert not run(start(codec), PHASES, Position(), photographs, [], RunOptions(parts), StopAfter(stop_after))
    data = load_checkpoint(parts, 'prior')
    assert data['training']['step'] == stop_after
    resumed = start(codec, seed=99)  # the checkpoint's seed counts, not this one
    resumed.load(data)
    position = Position(**data['training']['position'])
    assert run(resumed, PHASES, position, photographs, [], RunOptions(parts), Stop())
    first, second = (load_checkpoint(path, 'prior') for path in (whole, parts))
    for name, value in first['denoiser'].items():
        assert torch.equal(value, second['denoiser'][name]), name
    assert all(torch.equal(a, b) for a, b in zip(first['training']['muon'], second['training']['muon'], strict=True))
    denoiser = load_denoiser(parts)
    assert torch.equal(denoiser.stem.weight, second['denoiser']['stem.weight'])


def test_the_loss_falls(codec: Codec) -> None:
    trainer = start(codec)
    grid = np.linspace(0, 255, 16)
    pixels = torch.from_numpy(np.broadcast_to(grid[None, :, None, None], (8, 16, 16, 3)).astype(np.uint8).copy())
    phase = Phase(crop=16, batch=8, steps=200, lr=5e-3)
    losses = [trainer.train_step(pixels, phase.group, phase.lr) for _ in range(200)]
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])


def test_denoising_table_of_a_known_denoiser(codec: Codec) -> None:
    """D(x) = x leaves the noise: 10 log10(4 / sigma^2)."""

    class Nothing(nn.Module):
        def forward(self, x: Tensor, *_condition: Tensor) -> Tensor:
            return x

    table = denoising_table(Nothing(), codec, torch.zeros(5, 3, 64, 64), torch.device('cpu'), batch=2)
    for sigma, plain, conditional in zip(table['sigma'], table['unconditional'], table['conditional'], strict=True):
        assert plain == conditional == pytest.approx(10 * np.log10(4 / sigma**2), abs=0.1)


def test_validation_crops_prefer_pictures_of_about_the_size() -> None:
    near = [Photograph(f'{i}', np.full((110, 112, 3), 100, np.uint8)) for i in range(4)]
    far = [Photograph(f'{i}', np.full((300, 400, 3), 200, np.uint8)) for i in range(4)]
    assert validation_crops([*far, *near], limit=4).eq(to_level(100)).all()
    assert validation_crops([*far, *near], limit=8).shape == (8, 3, 96, 96)
    with pytest.raises(ValueError, match='short side'):
        validation_crops(near, size=200)
    assert mean_psnr(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)) == pytest.approx(20 * np.log10(2))


def to_level(value: int) -> float:
    return float(torch.tensor(value).float().div(127.5).sub(1))


def test_command_line(tmp_path: Path, tiny: CodecConfig, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(1)
    (tmp_path / 'images').mkdir()
    for i in range(3):
        pixels = random.integers(0, 256, (112, 112, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / 'images' / f'{i}.png')
    codec, out = tmp_path / 'codec.pt', tmp_path / 'prior.pt'
    save_checkpoint(CodecTrainer(tiny, device=torch.device('cpu'), seed=1, bfloat16=False).state({}), codec)
    images = str(tmp_path / 'images')
    command = [str(out), '--codec', str(codec), '--data', images, '--validation', images, '--device', 'cpu']
    command += ['--precision', 'float32', '--threads', '1']
    phase = ['--phase', 'crop=16,batch=2,steps=2']
    assert train_prior.main([*command, *phase, '--widths', '8,8,8,8']) == 0
    assert len(json.loads(out.with_suffix('.jsonl').read_text())['unconditional']) == 6
    assert 'unconditional' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='2'):
        train_prior.main([*command, *phase])
    assert '--resume' in capsys.readouterr().err
    assert train_prior.main([*command, '--resume', '--phase', 'crop=16,batch=2,steps=3', '--validate-every', '9']) == 0
    assert load_checkpoint(out, 'prior')['training']['step'] == 2  # the position was at the end of its only phase
    other = tmp_path / 'other.pt'
    assert train_prior.main([str(other), *command[1:], *phase, '--start-from', str(out)]) == 0
    training = load_checkpoint(other, 'prior')['training']
    assert (training['step'], training['averaged_from']) == (4, 2)  # the averages are of this run alone
    with pytest.raises(ValueError, match='not a prior checkpoint'):
        load_checkpoint(codec, 'prior')
