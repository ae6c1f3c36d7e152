"""Checkpoints of the codec: one file with everything that is needed to resume, export or evaluate.

Format 1 is a dict (``torch.save``; tensors and plain Python values only, so ``weights_only=True`` reads it):

    format      1
    kind        'codec'
    config      CodecConfig as a dict
    encoder     state dict of the encoder, moving average of the weights (export and evaluation use these)
    decoder     the same for the decoder
    training    what resuming needs: encoder, decoder (raw weights), muon (list of momentum buffers),
                preconditioners (of Muon), adam (state dict), step, pixels, seed, phases (list of dicts),
                position (phase, steps, seconds)

Early checkpoints (keys 'E', 'D', 'Eraw', ...; one-letter module names) are converted on loading.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .codec import CodecConfig, Decoder, Encoder

FORMAT = 1

_EARLY_NAMES = (
    (re.compile(r'^cond\.n\.'), 'condition.network.'),
    (re.compile(r'^inp\.'), 'stem.'),
    (re.compile(r'^b\.(\d+)\.(\d+)\.a\.'), r'stages.\1.\2.first.'),
    (re.compile(r'^b\.(\d+)\.(\d+)\.b\.'), r'stages.\1.\2.second.'),
    (re.compile(r'^f\.(\d+)\.(\d+)\.l\.'), r'modulations.\1.\2.linear.'),
    (re.compile(r'^[du]\.(\d+)\.'), r'transitions.\1.'),
    (re.compile(r'^lin\.'), 'linear.matrix.'),
    (re.compile(r'^g\.'), 'linear.gain.'),
    (re.compile(r'^pilot$'), 'pilot'),
)


def _rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in _EARLY_NAMES:
            new, count = pattern.subn(replacement, key)
            if count:
                renamed[new] = value
                break
        else:
            raise ValueError(f'early checkpoint: unknown parameter {key}')
    return renamed


def _from_early(data: dict[str, Any]) -> dict[str, Any]:
    # The order in which the modules register their parameters has not changed, so optimiser state, which is
    # kept by position, carries over as it is.
    for group in data['adam']['param_groups']:
        group['factor'] = group.pop('m', 1.0)
    return {
        'format': FORMAT,
        'kind': 'codec',
        'config': CodecConfig().to_dict(),
        'encoder': _rename(data['E']),
        'decoder': _rename(data['D']),
        'training': {
            'encoder': _rename(data['Eraw']),
            'decoder': _rename(data['Draw']),
            'muon': list(data['muon']),
            'adam': data['adam'],
            'step': int(data['it']),
            'pixels': int(data['px']),
        },
    }


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of either format; the result always has format 1."""
    try:
        data = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f'no checkpoint at {path}: give the file that train_codec.py wrote') from None
    if 'E' in data and 'D' in data:
        return _from_early(data)
    if data.get('format') != FORMAT or data.get('kind') != 'codec':
        raise ValueError(f'{path} is not a codec checkpoint of format {FORMAT}')
    return data


def save_checkpoint(data: dict[str, Any], path: str | Path) -> None:
    """Write atomically: a reader or a crash never meets half a file."""
    path = Path(path)
    temporary = path.with_name(path.name + '.tmp')
    torch.save(data, temporary)
    with open(temporary, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_codec(path: str | Path, *, last: bool = False) -> tuple[CodecConfig, Encoder, Decoder]:
    """The averaged (or the ``last``) weights of a checkpoint as frozen modules in evaluation mode (float32, CPU)."""
    data = load_checkpoint(path)
    config = CodecConfig.from_dict(data['config'])
    encoder, decoder = Encoder(config), Decoder(config)
    weights = data['training'] if last else data
    encoder.load_state_dict(weights['encoder'])
    decoder.load_state_dict(weights['decoder'])
    return config, encoder.float().eval().requires_grad_(False), decoder.float().eval().requires_grad_(False)
