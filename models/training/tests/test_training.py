from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semcast_training.bundle_weights import load_codec
from semcast_training.checkpoint import load_checkpoint, save_checkpoint
from semcast_training.codec import CodecConfig
from semcast_training.data import Photograph
from semcast_training.loop import Phase, Position, RunOptions, Stop, parse_phase, run
from semcast_training.muon import Muon, orthogonalise
from semcast_training.train_codec import CodecTrainer, grown

PHASES = [
    Phase(crop=16, batch=4, group=2, steps=5),
    Phase(crop=(24, 16), batch=(2, 4), group=2, decay=1.0, steps=4),
]


class StopAfter(Stop):
    """Asks for an end when it is looked at for the (steps + 1)-th time."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @property
    def requested(self) -> bool:  # type: ignore[override]
        self.left -= 1
        return self.left < 0


def start(config: CodecConfig, seed: int = 1) -> CodecTrainer:
    return CodecTrainer(config, device=torch.device('cpu'), seed=seed, bfloat16=False)


def assert_same(a: object, b: object, where: str = '') -> None:
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f'{where}/{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b)):
            assert_same(x, y, f'{where}/{i}')
    else:
        assert a == b, where


@pytest.mark.parametrize('stop_after', [3, 7])
def test_a_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, tiny: CodecConfig, photographs: list[Photograph], stop_after: int
) -> None:
    whole, parts = tmp_path / 'whole.pt', tmp_path / 'parts.pt'
    assert run(start(tiny), PHASES, Position(), photographs, [], RunOptions(whole), Stop())
    assert not run(start(tiny), PHASES, Position(), photographs, [], RunOptions(parts), StopAfter(stop_after))
    data = load_checkpoint(parts, 'codec')
    assert data['training']['step'] == stop_after
    resumed = start(tiny, seed=99)  # the checkpoint's seed counts, not this one
    resumed.load(data)
    position = Position(**data['training']['position'])
    phases = [Phase(**p) for p in data['training']['phases']]
    assert run(resumed, phases, position, photographs, [], RunOptions(parts, loaders=3), Stop())
    first, second = load_checkpoint(whole, 'codec'), load_checkpoint(parts, 'codec')
    for data in (first, second):
        data['training']['position'].pop('seconds')
    assert_same(first, second)


def test_another_seed_is_another_run(tmp_path: Path, tiny: CodecConfig, photographs: list[Photograph]) -> None:
    a, b = start(tiny, 1), start(tiny, 2)
    for trainer in (a, b):
        run(trainer, PHASES[:1], Position(), photographs, [], RunOptions(tmp_path / 'x.pt'), Stop())
    assert not torch.equal(a.parameters[0], b.parameters[0])


def test_the_loss_falls(tiny: CodecConfig) -> None:
    trainer = start(tiny)
    phase = Phase(crop=16, batch=4, group=2, steps=100, lr=1e-2)
    grid = np.linspace(0, 255, 16)
    pixels = torch.from_numpy(np.broadcast_to(grid[None, :, None, None], (4, 16, 16, 3)).astype(np.uint8).copy())
    losses = [trainer.train_step(pixels, phase.group, phase.lr) for _ in range(100)]
    assert sum(losses[-5:]) / 5 < sum(losses[:5]) / 5 - 1


def test_averaged_weights_lag_behind_and_are_what_is_loaded(
    tmp_path: Path, tiny: CodecConfig, photographs: list[Photograph]
) -> None:
    trainer = start(tiny)
    run(
        trainer,
        PHASES,
        Position(),
        photographs,
        photographs[2:3],
        RunOptions(tmp_path / 'c.pt', validate_every=1e9),
        Stop(),
    )
    codec = load_codec(tmp_path / 'c.pt')
    assert codec.config == tiny
    averaged = trainer.averaged()
    for network, state in ((codec.encoder, averaged['encoder']), (codec.decoder, averaged['decoder'])):
        for name, value in network.state_dict().items():
            assert torch.equal(value, state[name])
    assert not torch.equal(codec.encoder.stem.weight, trainer.encoder.stem.weight)


def test_saving_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'c.pt'
    save_checkpoint({'format': 1, 'kind': 'codec', 'n': 1}, path)

    def broken(_data: object, file: Path) -> None:
        Path(file).write_bytes(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(torch, 'save', broken)
    with pytest.raises(OSError, match='disk full'):
        save_checkpoint({'format': 1, 'kind': 'codec', 'n': 2}, path)
    assert load_checkpoint(path, 'codec')['n'] == 1


def test_other_files_are_refused(tmp_path: Path, tiny: CodecConfig) -> None:
    torch.save({'something': 1}, tmp_path / 'x.pt')
    with pytest.raises(ValueError, match='not a codec checkpoint'):
        load_checkpoint(tmp_path / 'x.pt', 'codec')
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        load_checkpoint(tmp_path / 'y.pt', 'codec')
    with pytest.raises(ValueError, match='another configuration'):
        start(tiny).load({'config': CodecConfig().to_dict()})


def test_a_loss_that_is_no_number_stops_the_run(tiny: CodecConfig) -> None:
    trainer = start(tiny)
    with torch.no_grad():
        trainer.encoder.stem.bias.fill_(float('nan'))
    with pytest.raises(FloatingPointError, match='lower lr'):
        trainer.train_step(torch.zeros(2, 16, 16, 3, dtype=torch.uint8), 1, 1e-3)


def test_learning_rate_of_a_phase() -> None:
    phase = Phase(crop=16, batch=2, lr=1.0, decay=0.5, floor=0.1, steps=10)
    assert [phase.learning_rate(p) for p in (0, 0.49)] == [1.0, 1.0]
    assert phase.learning_rate(0.75) == pytest.approx(0.55)
    assert phase.learning_rate(1.0) == pytest.approx(0.1)
    assert phase.progress(5, 1e9) == 0.5
    assert Phase(crop=16, batch=2, seconds=10).progress(1000, 4) == 0.4


def test_phase_specifications() -> None:
    assert parse_phase('crop=128,batch=12,group=4,seconds=60,lr=1e-3') == Phase(
        crop=128, batch=12, group=4, seconds=60, lr=1e-3
    )
    mixed = parse_phase('crop=64+192,batch=48+8,steps=9')
    assert (mixed.crop, mixed.batch) == ((64, 192), (48, 8))
    assert mixed.pixels == (48 * 64**2 + 8 * 192**2) / 2
    assert Phase(**json.loads(json.dumps(asdict(mixed)))) == mixed  # as checkpoints keep it
    for wrong in (
        'crop=128',
        'crop=128+64,batch=12,steps=1',
        'crop=128,batch=12,steps=1,seconds=1',
        'crop=128,batch=3,group=2,steps=1',
        'size=1',
        'crop=x',
    ):
        with pytest.raises(Exception, match=r'phase|expected|number|argument'):
            parse_phase(wrong)


def test_orthogonalise() -> None:
    for shape in ((12, 40), (40, 12)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=torch.Generator().manual_seed(1))))
        assert values.min() > 0.5 and values.max() < 1.3


def test_orthogonalise_equals_the_plain_iteration() -> None:
    matrix = torch.randn((12, 40), generator=torch.Generator().manual_seed(2))
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    assert torch.allclose(orthogonalise(matrix), x, atol=0.01)


def test_muon_orthogonalises_each_part_by_itself() -> None:
    kernel = torch.nn.Parameter(torch.zeros(16, 6, 3, 3))
    kernel.grad = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(1))
    Muon([kernel], lr=1.0, parts={kernel: 4}).step()
    for part in range(4):
        values = torch.linalg.svdvals(kernel[part::4].detach().reshape(4, -1)) / (0.2 * 54**0.5)
        assert values.min() > 0.6 and values.max() < 1.3


def test_muon_takes_no_vectors() -> None:
    with pytest.raises(ValueError, match='matrices'):
        Muon([torch.nn.Parameter(torch.zeros(3))])


def test_command_line_stops_cleanly_and_resumes(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    (tmp_path / 'images').mkdir()
    for i in range(3):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(tmp_path / 'images' / f'{i}.png')
    out = tmp_path / 'codec.pt'
    command = [
        sys.executable,
        '-m',
        'semcast_training.train_codec',
        str(out),
        '--data',
        str(tmp_path / 'images'),
        '--widths',
        '8,8,8',
        '--device',
        'cpu',
        '--threads',
        '1',
        '--save-every',
        '0',
    ]
    root = Path(__file__).parents[1]
    process = subprocess.Popen(
        [*command, '--phase', 'crop=16,batch=2,seconds=600'], cwd=root, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not out.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert '--resume' in errors
    step = load_checkpoint(out, 'codec')['training']['step']
    assert step > 0
    assert not os.path.exists(f'{out}.tmp')

    again = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=90)
    assert again.returncode == 2 and '--resume' in again.stderr
    position = load_checkpoint(out, 'codec')['training']['position']['steps']
    resumed = subprocess.run(
        [*command, '--resume', '--phase', f'crop=16,batch=2,steps={position + 2}'],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert load_checkpoint(out, 'codec')['training']['step'] == step + 2
    missing = subprocess.run(
        [sys.executable, '-m', 'semcast_training.evaluate', str(out), '--images', str(tmp_path / 'nowhere')],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert missing.returncode == 1 and 'no such folder' in missing.stderr and 'Traceback' not in missing.stderr
    table = tmp_path / 'table.json'
    evaluated = subprocess.run(
        [
            sys.executable,
            '-m',
            'semcast_training.evaluate',
            str(out),
            '--images',
            str(tmp_path / 'images'),
            '--csnr',
            '0,10',
            '--cbr',
            '1/24',
            '--threads',
            '1',
            '--json',
            str(table),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert evaluated.returncode == 0 and 'CBR 1/24' in evaluated.stdout, evaluated.stderr
    assert len(json.loads(table.read_text())['psnrDb']) == 2


def test_a_grown_codec_begins_as_the_same_function(tiny: CodecConfig) -> None:
    settings = {'device': torch.device('cpu'), 'seed': 1, 'bfloat16': False}
    small = CodecTrainer(tiny, **settings)
    for parameter in small.parameters:
        torch.nn.init.normal_(parameter, std=0.1)
    large = CodecTrainer(grown(tiny, 1, 2), **settings)
    large.take_weights(small.networks)
    assert large.config.encoder_blocks == (1, 2)
    assert large.config.decoder_blocks == (3, 1)
    image, csnr_db, rate = torch.rand(1, 3, 32, 32), torch.tensor([5.0]), torch.tensor([0.5])
    with torch.no_grad():
        latents = [t.networks['encoder'](image, csnr_db, rate) for t in (small, large)]
        pictures = [t.networks['decoder'](latents[0], csnr_db, rate) for t in (small, large)]
    assert torch.allclose(*latents, atol=1e-6)
    assert torch.allclose(*pictures, atol=1e-6)
