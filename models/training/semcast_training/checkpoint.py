"""Checkpoints: one file with everything that is needed to resume, export or evaluate.

Format 1 is a dict (``torch.save``; tensors and plain Python values only, so ``weights_only=True`` reads it):

    format      1
    kind        'codec', 'prior' or 'distilled'
    config      CodecConfig or DenoiserConfig as a dict
    encoder, decoder (of a codec) or denoiser (of the others)
                state dicts, moving averages of the weights (export and evaluation use these)
    training    what resuming needs: the same networks' raw weights, muon (list of momentum buffers), adam (state dict),
                step, pixels, seed, averaged_from (step at which the averages began), phases (list of dicts), position
                (phase, steps, seconds); of a distilled decoder critics, critic_adam, critic_steps

The codec whose decodes are the condition is not part of a prior's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .codec import CodecConfig, Decoder, Encoder, NetworkConfig
from .prior import Denoiser, DenoiserConfig

FORMAT = 1
CONFIGS: dict[str, type[NetworkConfig]] = {'codec': CodecConfig, 'prior': DenoiserConfig, 'distilled': DenoiserConfig}


def new_networks(kind: str, config: Any) -> dict[str, nn.Module]:
    """The networks of a kind of checkpoint by their names in it, with new weights from PyTorch's own generator."""
    if kind == 'codec':
        return {'encoder': Encoder(config), 'decoder': Decoder(config)}
    return {'denoiser': Denoiser(config)}


def load_checkpoint(path: str | Path, kind: str) -> dict[str, Any]:
    try:
        data = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f'no checkpoint at {path}: give the file that train_{kind} wrote') from None
    if data.get('format') != FORMAT or data.get('kind') != kind:
        raise ValueError(f'{path} is not a {kind} checkpoint of format {FORMAT}')
    return data


def save_checkpoint(data: dict[str, Any], path: str | Path) -> None:
    """Write atomically: a reader or a crash never meets half a file."""
    path = Path(path)
    temporary = path.with_name(path.name + '.tmp')
    torch.save(data, temporary)
    with open(temporary, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
