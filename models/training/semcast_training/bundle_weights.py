"""Networks from checkpoints, or back from a bundle: training can go on from a clone that has no checkpoint.

A bundle holds averaged weights (rounded to float16, unless exported otherwise) and no optimiser state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .checkpoint import CONFIGS, load_checkpoint, new_networks
from .codec import Codec
from .onnx_files import graph_config, read_weights
from .prior import Denoiser


def _graph_files(bundle: Path, kind: str) -> dict[str, Path]:
    """The files of a kind's networks, by the networks' names; a distilled decoder begins as the denoiser."""
    manifest = bundle / 'bundle.json'
    if not manifest.is_file():
        raise FileNotFoundError(f'{bundle} is no bundle: it has no bundle.json')
    graphs = json.loads(manifest.read_text())['graphs']
    names = {name: name for name in (('encoder', 'decoder') if kind == 'codec' else ('denoiser',))}
    if kind == 'distilled' and kind in graphs:
        names['denoiser'] = kind
    for graph in names.values():
        if graph not in graphs:
            raise ValueError(f'the bundle {bundle} has no {graph}')
    return {name: bundle / graphs[graph]['file'] for name, graph in names.items()}


def _bundle_networks(bundle: Path, kind: str) -> tuple[Any, dict[str, nn.Module]]:
    files = _graph_files(bundle, kind)
    saved = {name: graph_config(file) for name, file in files.items()}
    if None in saved.values():
        raise ValueError(f'the {kind} of {bundle} was not exported from networks of this package')
    config = CONFIGS[kind].from_dict(next(iter(saved.values()))['config'])  # type: ignore[index]
    networks = new_networks(kind, config)
    for name, network in networks.items():
        weights = read_weights(files[name], 'encoder.' if name == 'encoder' else '')
        state = {}
        for key, parameter in network.state_dict().items():
            if key not in weights or weights[key].shape != tuple(parameter.shape):
                raise ValueError(f'{files[name]} does not hold {key} {list(parameter.shape)}: another network')
            state[key] = torch.from_numpy(weights[key].copy())
        network.load_state_dict(state)
    return config, networks


def load_networks(source: str | Path, kind: str, *, last: bool = False) -> tuple[Any, dict[str, nn.Module]]:
    """(configuration, networks by name): averaged weights from a checkpoint (or the ``last`` ones), or those of a
    bundle when ``source`` is a folder; frozen, float32, CPU."""
    if Path(source).is_dir():
        config, networks = _bundle_networks(Path(source), kind)
    else:
        data = load_checkpoint(source, kind)
        config = CONFIGS[kind].from_dict(data['config'])
        networks = new_networks(kind, config)
        for name, network in networks.items():
            network.load_state_dict((data['training'] if last else data)[name])
    for network in networks.values():
        network.float().eval().requires_grad_(False)
    return config, networks


def load_codec(source: str | Path, *, last: bool = False) -> Codec:
    config, networks = load_networks(source, 'codec', last=last)
    return Codec(config, **networks)


def load_denoiser(source: str | Path, kind: str = 'prior') -> Denoiser:
    """The denoiser of a prior, or with ``kind`` 'distilled' a distilled decoder."""
    return load_networks(source, kind)[1]['denoiser']  # type: ignore[return-value]
