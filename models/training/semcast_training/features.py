"""Frozen feature networks of perceptual distances, read from the graphs of metric bundles.

A metric's graph (inputs a, b [B, 3, H, W] in [-1, 1], output distance [B]) holds the weights of its network. Here the
same network is a module, so that a loss can be differentiated through it and critics can look at its maps:

    SqueezeNet 1.0  Iandola et al. 2016, ReLU maps after conv1, fire3, fire5, fire6, fire7, fire8, fire9
    VGG19           Simonyan and Zisserman 2015, ReLU maps relu1_2, relu2_2, relu3_4

The distance of two maps is the squared difference of features that have unit norm over channels, averaged over
positions; that of two pictures the sum over maps times the network's ``scale``.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F


def unit_norm(features: Tensor) -> Tensor:
    """Features [B, C, H, W] with norm 1 over channels, in float32."""
    features = features.float()
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + 1e-6)


def feature_distance(first: list[Tensor], second: list[Tensor], scale: float) -> Tensor:
    """Distance [B] of two pictures by their maps."""
    pairs = zip(first, second, strict=True)
    return scale * sum((unit_norm(a) - unit_norm(b)).square().sum(1).mean((1, 2)) for a, b in pairs)


class FeatureNetwork(nn.Module):
    """Convolutions by name, and the mean colour that is subtracted from BGR pixels in [0, 255]."""

    channels: tuple[int, ...]
    scale: float

    def __init__(self, initializers: dict[str, Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict(
            {
                name.removeprefix('c.').replace('.', '/'): nn.Parameter(value, requires_grad=False)
                for name, value in initializers.items()
                if name.startswith('c.')
            }
        )
        self.register_buffer('mean', initializers['m'])

    def pixels(self, picture: Tensor) -> Tensor:
        # The metric clamps to [-1, 1]; a little more lets a loss pull back what lies beyond.
        return ((picture.clamp(-1.2, 1.2) + 1) * 127.5).flip(1) - self.mean

    def convolve(self, x: Tensor, name: str, stride: int = 1, padding: int = 0) -> Tensor:
        weight, bias = self.weights[f'{name}/weight'], self.weights[f'{name}/bias']
        return F.relu(F.conv2d(x, weight, bias, stride=stride, padding=padding))


class SqueezeNet(FeatureNetwork):
    channels = (96, 128, 256, 384, 384, 512, 512)
    scale = 1 / 7

    def fire(self, x: Tensor, index: int) -> Tensor:
        squeezed = self.convolve(x, f'fire{index}_conv1x1_1')
        parts = (
            self.convolve(squeezed, f'fire{index}_conv1x1_2'),
            self.convolve(squeezed, f'fire{index}_conv3x3_2', padding=1),
        )
        return torch.cat(parts, 1)

    def forward(self, picture: Tensor) -> list[Tensor]:
        maps = [self.convolve(self.pixels(picture), 'conv1', stride=2)]
        x = self.fire(F.max_pool2d(maps[0], 3, 2), 2)
        maps.append(self.fire(x, 3))
        x = F.max_pool2d(self.fire(maps[-1], 4), 3, 2)
        for index in (5, 6, 7, 8):
            x = self.fire(x, index)
            maps.append(x)
        maps.append(self.fire(F.max_pool2d(x, 3, 2), 9))
        return maps


class Vgg19(FeatureNetwork):
    channels = (64, 128, 256)
    scale = 1.0

    def forward(self, picture: Tensor) -> list[Tensor]:
        x, maps, index = self.pixels(picture), [], 0
        for convolutions in (2, 2, 4):
            if maps:
                x = F.max_pool2d(x, 2)
            for _ in range(convolutions):
                x = self.convolve(x, str(index), padding=1)
                index += 1
            maps.append(x)
        return maps


NETWORKS = {'squeezenet': SqueezeNet, 'vgg19': Vgg19}


def load_features(path: str | Path, name: str) -> FeatureNetwork:
    """The network ``name`` of NETWORKS from the graph of its metric bundle."""
    graph = onnx.load(str(path)).graph
    weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    try:
        return NETWORKS[name](weights).eval()
    except KeyError:
        raise ValueError(f'{path} is not the graph of a {name} distance') from None
