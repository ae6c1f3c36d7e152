"""Moments of symbols: those of an encoder whose symbols are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from semcast_training.codec import Codec, CodecConfig
from semcast_training.moments import main, symbol_moments


class Known(nn.Module):
    """Channel 0 is 3, channel 1 and 2 are normal of deviation 1 and 2, and so on, but for the normalisation."""

    def forward(self, image: Tensor, _csnr_db: Tensor, _rate: Tensor) -> Tensor:
        random = torch.Generator().manual_seed(int(image.sum().abs().item() * 1e3))
        latent = torch.randn(len(image), 8, image.shape[2] // 4, image.shape[3] // 4, generator=random)
        latent *= torch.arange(8.0)[:, None, None]
        latent[:, 0] = 3
        return latent


def test_moments_of_known_symbols(tiny: CodecConfig) -> None:
    crops = torch.randn(16, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    codec = Codec(tiny, Known(), nn.Identity())
    two = symbol_moments(codec, crops, 2)
    # Power 9 + 1 of one symbol becomes 1.
    assert two['mean'] == pytest.approx([3 / math.sqrt(10), 0], abs=0.01)
    assert two['variance'] == pytest.approx([0.1], rel=0.05)
    eight = symbol_moments(codec, crops, 8)
    power = (9 + sum(i * i for i in range(8))) / 4
    assert eight['mean'] == pytest.approx([3 / math.sqrt(power)] + 7 * [0], abs=0.05)
    assert eight['variance'] == pytest.approx([(a * a + (a + 1) ** 2) / power for a in (0, 2, 4, 6)], rel=0.1)


def test_a_bundle_has_them_at_each_rate() -> None:
    bundle = Path(__file__).parents[2] / 'natural'
    for rate in json.loads((bundle / 'bundle.json').read_text())['rates']:
        mean, variance = rate['moments']['mean'], rate['moments']['variance']
        assert (len(mean), len(variance)) == (rate['channels'], rate['channels'] // 2)
        power = (sum(m * m for m in mean) + sum(variance)) / len(variance)
        assert power == pytest.approx(1, abs=1e-3)


def test_it_takes_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert '--images' in capsys.readouterr().err
