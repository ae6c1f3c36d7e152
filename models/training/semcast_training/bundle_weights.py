"""Networks from checkpoints, or back from a bundle: training can go on from a clone that has no checkpoint.

A bundle holds averaged weights (rounded to float16, unless exported otherwise) and no optimiser state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from .checkpoint import load_codec
from .codec import CodecConfig, Decoder, Encoder
from .onnx_files import graph_config, read_weights
from .prior import Denoiser, DenoiserConfig
from .prior_checkpoint import load_prior_checkpoint

Network = TypeVar('Network', bound=nn.Module)


def _graph_file(bundle: Path, graph: str) -> Path:
    manifest = bundle / 'bundle.json'
    if not manifest.is_file():
        raise FileNotFoundError(f'{bundle} is no bundle: it has no bundle.json')
    entry = json.loads(manifest.read_text())['graphs'].get(graph)
    if entry is None:
        raise ValueError(f'the bundle {bundle} has no {graph}')
    return bundle / entry['file']


def _config(file: Path) -> dict[str, Any] | None:
    found = graph_config(file)
    return None if found is None else found['config']


def _load(network: Network, file: Path, prefix: str = '') -> Network:
    weights = read_weights(file, prefix)
    state = {}
    for name, parameter in network.state_dict().items():
        if name not in weights or weights[name].shape != tuple(parameter.shape):
            raise ValueError(f'{file} does not hold {name} {list(parameter.shape)}: another network')
        state[name] = torch.from_numpy(weights[name].copy())
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def bundle_codec(bundle: Path) -> tuple[CodecConfig, Encoder, Decoder]:
    """Encoder and decoder of a bundle, frozen. Bundles from before configurations were written hold the default one."""
    files = [_graph_file(bundle, graph) for graph in ('encoder', 'decoder')]
    saved = _config(files[0])
    config = CodecConfig() if saved is None else CodecConfig.from_dict(saved)
    return config, _load(Encoder(config), files[0], 'encoder.'), _load(Decoder(config), files[1])


def has_graph(bundle: Path, graph: str) -> bool:
    return graph in json.loads((bundle / 'bundle.json').read_text())['graphs']


def bundle_denoiser(bundle: Path, graph: str = 'denoiser') -> Denoiser:
    """The denoiser of a bundle, or with graph 'distilled' its distilled decoder; frozen."""
    file = _graph_file(bundle, graph)
    saved = _config(file)
    if saved is None:
        raise ValueError(f'{file} was not exported from a Denoiser of this package')
    return _load(Denoiser(DenoiserConfig.from_dict(saved)), file)


def any_codec(source: str | Path, *, last: bool = False) -> tuple[CodecConfig, Encoder, Decoder]:
    """Averaged weights from a checkpoint (or the ``last`` ones), or those of a bundle when ``source`` is a folder;
    frozen, float32, CPU."""
    return bundle_codec(Path(source)) if Path(source).is_dir() else load_codec(source, last=last)


def any_denoiser(source: str | Path) -> Denoiser:
    """The same for the prior."""
    if Path(source).is_dir():
        return bundle_denoiser(Path(source))
    data = load_prior_checkpoint(source)
    denoiser = Denoiser(DenoiserConfig.from_dict(data['config']))
    denoiser.load_state_dict(data['denoiser'])
    return denoiser.float().eval().requires_grad_(False)
