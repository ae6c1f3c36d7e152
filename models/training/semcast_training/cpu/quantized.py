"""The int8 forms of a bundle's denoisers for the CPU: NAME.int8.onnx, ``graphs.NAME.int8`` of the manifest.

Weights (one scale a kernel) and inputs of convolutions (one scale each, from calibration) are rounded to 8 bits; sums
of residual blocks, the first and the last convolution stay in float32. Q-GESCO (Pezone et al. 2024) does so to the
denoiser of a semantic link. The graph rounds the weights when it is loaded, so a form has no weights of its own.

    python -m semcast_training.cpu.quantized BUNDLE --images FOLDER_OR_TARS...
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from torch import Tensor

from ..bundle_weights import load_codec, load_denoiser
from ..codec import Codec
from ..console import run_main
from ..data import CropSampler, load_images, to_tensor
from ..prior import Denoiser
from ..train_distilled import student_input
from .forms import add_forms

#: Graphs that have an int8 form. The codec has none: its figures are held against others' to a hundredth of a decibel.
GRAPHS = ('distilled', 'denoiser')
#: Convolutions with fewer channels, in or out, stay as they are: those that touch pixels.
FEWEST_CHANNELS = 32
CROP, CROPS = 256, 24
SIGMA_MIN, SIGMA_MAX = 0.02, 10.0
#: Largest RMS difference from the parity vectors, in levels of 255.
TOLERANCE = 4
STORED = '.float16'


def calibration_inputs(graph: str, network: Denoiser, codec: Codec, crops: Tensor) -> Iterator[dict[str, np.ndarray]]:
    """What the network meets in use: rates, CSNRs and, of a denoiser, noise levels, with its condition or without."""
    random = torch.Generator().manual_seed(0)
    config = codec.config
    for index, image in enumerate(crops.split(1)):
        csnr_db = config.csnr_db_min + (config.csnr_db_max - config.csnr_db_min) * torch.rand(1, generator=random)
        active = torch.tensor([config.channels[index % len(config.channels)]])
        rate = active / config.latent_channels
        channel_noise = torch.randn(codec.noise_shape(image), generator=random)
        noise = torch.randn(image.shape, generator=random)
        flag = torch.ones(1)
        with torch.no_grad():
            x_j = codec.one_shot(image, csnr_db, active, channel_noise)
            x, sigma, _ = student_input(network, x_j, csnr_db, rate, noise)
        if graph == 'denoiser':
            sigma = torch.exp(torch.lerp(torch.tensor(SIGMA_MIN).log(), torch.tensor(SIGMA_MAX).log(), index / CROPS))
            sigma = sigma.reshape(1)
            x = image + sigma * noise
            flag = torch.tensor([float(index % 3 > 0)])
        inputs = {'x': x, 'sigma': sigma, 'x_j': x_j, 'flag': flag, 'csnr_db': csnr_db, 'rate': rate}
        yield {name: value.numpy() for name, value in inputs.items()}


class _Reader(CalibrationDataReader):
    def __init__(self, inputs: Iterator[dict[str, np.ndarray]]) -> None:
        self.inputs = inputs

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        return next(self.inputs, None)


def _widen(model: onnx.ModelProto) -> list[str]:
    """Put float32 weights, which the quantiser takes, in place of stored ones. Returns which convolutions to round."""
    graph = model.graph
    initializers = {i.name: i for i in graph.initializer}
    nodes = []
    for index, node in enumerate(graph.node):
        node.name = node.name or f'node.{index}'
        if node.op_type == 'Cast' and node.input[0] in initializers:
            values = numpy_helper.to_array(initializers[node.input[0]]).astype(np.float32)
            graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
            graph.initializer.remove(initializers[node.input[0]])
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    dims = {i.name: i.dims for i in graph.initializer}
    return [n.name for n in nodes if n.op_type == 'Conv' and min(dims[n.input[1]][:2]) >= FEWEST_CHANNELS]


def _share(model: onnx.ModelProto, plain: onnx.ModelProto) -> None:
    """Take the weights out of the quantised ``model`` again: stored float16 -> Cast -> QuantizeLinear."""
    graph = model.graph
    own = {i.name: i for i in graph.initializer}
    nodes = []
    for stored in plain.graph.initializer:
        name = stored.name.removesuffix(STORED)
        rounded = f'{name}_quantized'
        if not stored.name.endswith(STORED) or not {name, rounded} & own.keys():
            continue
        graph.initializer.append(stored)
        nodes.append(helper.make_node('Cast', [stored.name], [name], to=TensorProto.FLOAT))
        if rounded in own:
            scales = [f'{name}_scale', f'{name}_zero_point']
            nodes.append(helper.make_node('QuantizeLinear', [name, *scales], [rounded], axis=0))
        for copy in {name, rounded} & own.keys():
            graph.initializer.remove(own[copy])
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def write_int8_form(path: Path, inputs: Iterator[dict[str, np.ndarray]]) -> Path:
    """The form of a graph file, beside it."""
    wide = onnx.load(path)
    rounded = _widen(wide)
    with tempfile.TemporaryDirectory() as scratch:
        source, result = Path(scratch) / 'wide.onnx', Path(scratch) / 'int8.onnx'
        onnx.save(wide, source)
        quantize_static(
            source,
            result,
            _Reader(inputs),
            op_types_to_quantize=['Conv'],
            nodes_to_quantize=rounded,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
        )
        model = onnx.load(result)
    _share(model, onnx.load(path, load_external_data=False))
    form = path.with_suffix('.int8.onnx')
    onnx.save(model, form)
    return form


def rms_levels(result: np.ndarray, expected: np.ndarray) -> float:
    """RMS difference of pictures in [-1, 1], in levels of 255."""
    return float(127.5 * np.sqrt(np.mean((result - expected) ** 2)))


def add_int8_forms(directory: Path, crops: Tensor, log: Callable[[str], None]) -> None:
    """Write the int8 forms of a bundle's denoisers, check them against its parity vectors, name them in its manifest.

    ``crops`` [N, 3, H, W] in [-1, 1] give the ranges. Raises ValueError where a form differs by more than TOLERANCE.
    """
    codec = load_codec(directory)

    def write(graph: str, path: Path) -> Path | None:
        if graph not in GRAPHS:
            return None
        network = load_denoiser(directory, 'distilled' if graph == 'distilled' else 'prior')
        return write_int8_form(path, calibration_inputs(graph, network, codec, crops))

    add_forms(directory, 'int8', write, rms_levels, TOLERANCE, log)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.cpu.quantized',
        description='Add int8 forms for the CPU of its denoisers to a bundle.',
    )
    parser.add_argument('bundle', type=Path)
    parser.add_argument('--images', nargs='+', required=True, metavar='PATH', help='photographs to take ranges from')
    args = parser.parse_args(arguments)
    crops = to_tensor(CropSampler(load_images(args.images, minimum=CROP), CROP, seed=0).batch(0, CROPS))
    add_int8_forms(args.bundle, crops, print)
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
