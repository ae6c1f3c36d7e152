"""Checkpoints of the prior: one file with everything that is needed to resume, export or evaluate.

Format 1 is a dict (``torch.save``; tensors and plain Python values only, so ``weights_only=True`` reads it):

    format      1
    kind        'prior'
    config      DenoiserConfig as a dict
    denoiser    state dict, moving average of the weights (export and evaluation use it)
    training    what resuming needs: denoiser (raw weights), muon (list of momentum buffers), preconditioners (of
                Muon), adam (state dict), step, pixels, seed, phases (list of dicts), position

The codec whose decodes are the condition is not part of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

FORMAT = 1


def load_prior_checkpoint(path: str | Path) -> dict[str, Any]:
    try:
        data = torch.load(path, map_location='cpu', weights_only=True)
    except FileNotFoundError:
        raise FileNotFoundError(f'no checkpoint at {path}: give the file that train_prior.py wrote') from None
    if data.get('format') != FORMAT or data.get('kind') != 'prior':
        raise ValueError(f'{path} is not a prior checkpoint of format {FORMAT}')
    return data
