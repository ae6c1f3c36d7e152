from __future__ import annotations

import numpy as np
import pytest
import torch

from semcast_training.codec import CodecConfig
from semcast_training.data import Photograph

torch.set_num_threads(1)


@pytest.fixture
def tiny() -> CodecConfig:
    """Stride 4, 8 latent channels: trains in milliseconds."""
    return CodecConfig(
        latent_channels=8,
        patch=2,
        widths=(8, 12),
        encoder_blocks=(1, 1),
        decoder_blocks=(1, 1),
        embedding=8,
        channels=(2, 4, 8),
    )


@pytest.fixture
def photographs() -> list[Photograph]:
    random = np.random.default_rng(3)
    sizes = ((40, 56), (64, 33), (80, 80), (24, 90))
    return [Photograph(f'{i}.png', random.integers(0, 256, (*size, 3), dtype=np.uint8)) for i, size in enumerate(sizes)]
