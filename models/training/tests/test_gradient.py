from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from toy_trio import build

from semcast_training import bench_step
from semcast_training.bundle_weights import load_codec, load_denoiser
from semcast_training.codec import Codec, CodecConfig, Decoder, Encoder, EncoderGraph, prefix_mask
from semcast_training.export import our_trio, round_weights, write_bundle
from semcast_training.gradient import distinct_sizes, trace_gradient
from semcast_training.interfaces import Trio
from semcast_training.parity import (
    largest_difference,
    max_differences,
    read_parity,
    relative_difference,
    sha256_of,
)
from semcast_training.prior import Denoiser, DenoiserConfig
from semcast_training.steps import EncoderVjp, PosteriorStep, measurement_term

RMSE = {'csnrDb': [0.0], 'cbr': ['1/48'], 'values': [[0.1]]}
GRAPHS = ['encoder', 'decoder', 'denoiser', 'encoderVjp', 'posteriorStep']


def shaken(network: nn.Module) -> nn.Module:
    """Away from the initial weights, some of which are zero and would hide mistakes."""
    random = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        if parameter.ndim:
            fan_in = max(parameter[0].numel(), 16)
            parameter.data += 0.5 / fan_in**0.5 * torch.randn(parameter.shape, generator=random)
    return network.eval().requires_grad_(False)


class Vjp(nn.Module):
    """The gradient of <network(x), v> for a v that depends on the output's size only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            y = self.network(x)
            (gradient,) = torch.autograd.grad(torch.sin(y).sum(), x)
        return gradient


class Through(nn.Module):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[operator]


CASES = {
    '3x3': nn.Conv2d(4, 6, 3, padding=1),
    'no padding': nn.Conv2d(4, 6, 3),
    '5x3': nn.Conv2d(4, 6, (5, 3), padding=(2, 1)),
    'dilated': nn.Conv2d(4, 6, 3, padding=2, dilation=2),
    'grouped': nn.Conv2d(4, 6, 3, padding=1, groups=2),
    'depthwise': nn.Conv2d(4, 4, 3, padding=1, groups=4),
    'stride 2': nn.Conv2d(4, 6, 3, stride=2, padding=1),
    'stride 2, even kernel': nn.Conv2d(4, 6, 4, stride=2, padding=1),
    'stride 2, 5x5': nn.Conv2d(4, 6, 5, stride=2, padding=2),
    'patches': nn.Conv2d(4, 6, 2, stride=2),
    'transposed': nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
    'rectified': nn.Sequential(nn.Conv2d(4, 6, 1), nn.ReLU(inplace=True), nn.Conv2d(6, 3, 1)),
    'doubled': Through(lambda x: F.interpolate(x, scale_factor=2, mode='nearest')),
    'pooled': nn.AvgPool2d(2),
    'pooled 4': nn.AvgPool2d(4),
    'shuffled': nn.PixelShuffle(2),
    'unshuffled': nn.PixelUnshuffle(2),
    'normalised': nn.Sequential(nn.GroupNorm(2, 4), nn.SiLU()),
}


@pytest.mark.parametrize('name', CASES)
def test_traced_gradients_equal_autograd_at_other_sizes(name: str) -> None:
    module = Vjp(shaken(CASES[name]))
    traced = trace_gradient(module, [torch.randn(2, 4, 20, 28)])
    for size in ((2, 4, 20, 28), (1, 4, 8, 12), (3, 4, 32, 8)):
        x = torch.randn(size, generator=torch.Generator().manual_seed(3))
        assert torch.allclose(traced(x), module(x), atol=1e-5), size


def test_a_nearest_upsampling_by_three_is_refused_or_right() -> None:
    """By two is a special case; others go PyTorch's way and must not be silently wrong."""
    module = Vjp(Through(lambda x: F.interpolate(x, scale_factor=3, mode='nearest')))
    traced = trace_gradient(module, [torch.randn(2, 4, 20, 28)])
    x = torch.randn(1, 4, 8, 12)
    assert torch.allclose(traced(x), module(x), atol=1e-5)


def test_example_sizes_are_distinct() -> None:
    batch, rows, columns = distinct_sizes([3, 1, 128, 64, 5], [1, 16])
    sizes = [batch, rows, columns, 16 * rows, 16 * columns, 3, 1, 128, 64, 5]
    assert len(set(sizes)) == len(sizes)


def test_measurement_term_is_complex_arithmetic() -> None:
    random = torch.Generator().manual_seed(1)
    y, latent = (torch.randn(2, 6, 3, 4, generator=random) for _ in range(2))
    gain = torch.randn(2, 3, 3, 4, dtype=torch.complex64, generator=random)
    mask = prefix_mask(torch.tensor([4, 6]), 6)
    latent.requires_grad_(True)

    def complex_of(t: Tensor) -> Tensor:
        return torch.complex(t[:, 0::2], t[:, 1::2])

    residual = (complex_of(y) - gain * complex_of(latent)) * mask[:, 0::2]
    expected = torch.sqrt(residual.abs().square().sum((1, 2, 3)))
    (gradient,) = torch.autograd.grad(expected.sum(), latent)
    norm, got = measurement_term(latent.detach(), y, gain.real, gain.imag, mask)
    assert torch.allclose(norm, expected) and torch.allclose(got, gradient, atol=1e-6)
    other = y + 7 * (1 - mask)  # what stands in channels that weren't sent doesn't count
    assert torch.equal(measurement_term(latent.detach(), other, gain.real, gain.imag, mask)[1], got)


def test_a_measurement_that_fits_exactly_pulls_nowhere() -> None:
    latent = torch.randn(1, 2, 3, 3)
    one, mask = torch.ones(1, 1, 3, 3), torch.ones(1, 2, 1, 1)
    norm, gradient = measurement_term(latent, latent, one, 0 * one, mask)
    assert norm.item() == 0 and torch.isfinite(gradient).all() and gradient.abs().max() == 0


def step_inputs(config: CodecConfig, seed: int = 1, batch: int = 2) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    c, s = config.latent_channels, config.stride

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=random)

    active = torch.tensor([4, 8, 2][:batch])
    return [
        normal(batch, 3, 4 * s, 8 * s),
        torch.tensor([0.3, 1.0, 0.1][:batch]),
        normal(batch, 3, 4 * s, 8 * s).clamp(-1, 1),
        torch.tensor([1.0, 0.0, 1.0][:batch]),
        torch.tensor([5.0, 12.0, 0.0][:batch]),
        active / c,
        torch.tensor([6.0, 12.0, 3.0][:batch]),
        prefix_mask(active, c),
        normal(batch, c, 4, 8),
        normal(batch, c // 2, 4, 8),
        normal(batch, c // 2, 4, 8),
        torch.tensor([1.0, 0.25, 2.0][:batch]),
        torch.tensor([0.0, 0.25, 1.0][:batch]),
    ]


@pytest.fixture(scope='module')
def ours() -> Trio:
    config = CodecConfig(
        latent_channels=8,
        patch=2,
        widths=(24, 32),
        encoder_blocks=(1, 1),
        decoder_blocks=(1, 1),
        embedding=8,
        channels=(2, 4, 8),
    )
    torch.manual_seed(2)
    denoiser = Denoiser(DenoiserConfig(widths=(24, 32), blocks=(1, 1), embedding=8))
    trio = our_trio(Codec(config, shaken(Encoder(config)), shaken(Decoder(config))), denoiser)
    shaken(denoiser)
    for network in trio.networks():
        round_weights(network)
    return trio


def test_the_step_is_the_gradient_of_its_formula(ours: Trio) -> None:
    step = PosteriorStep(ours.encoder, ours.decoder, ours.denoiser)
    inputs = step_inputs(ours)
    x, sigma, x_j, flag, csnr_db, rate, design, mask, y, real, imaginary, zeta, gamma = inputs
    x0, gradient, z, measurement, confirming = step(*inputs)
    v = x.clone().requires_grad_(True)
    d = ours.denoiser(v, sigma, x_j, flag, csnr_db, rate).clamp(-1, 1)
    latent = EncoderGraph(ours.encoder)(d, design, rate, mask)
    received, sent = (torch.complex(t[:, 0::2], t[:, 1::2]) for t in (y, latent))
    first = ((received - torch.complex(real, imaginary) * sent) * mask[:, 0::2]).abs().square().sum((1, 2, 3)).sqrt()
    second = (x_j - ours.decoder(latent, csnr_db, rate)).square().sum((1, 2, 3)).sqrt()
    (expected,) = torch.autograd.grad((zeta * first + gamma * second).sum(), v)
    assert torch.linalg.vector_norm(gradient - expected) < 1e-5 * torch.linalg.vector_norm(expected)
    assert torch.allclose(x0, d) and torch.allclose(z, latent) and torch.allclose(measurement, first)
    assert confirming[0] == 0 and torch.allclose(confirming[1:], second[1:])


def test_what_the_denoiser_puts_beyond_the_pixels_pulls_nowhere(ours: Trio) -> None:
    """A denoiser that gives each pixel by itself, so that gradient and pixel belong together."""

    class Scaled(nn.Module):
        def forward(self, x: Tensor, *_: Tensor) -> Tensor:
            return 0.7 * x

    inputs = step_inputs(ours)
    beyond = (0.7 * inputs[0]).abs() > 1
    assert 0.1 < beyond.float().mean() < 0.9
    x0, gradient, z, *_ = PosteriorStep(ours.encoder, ours.decoder, Scaled())(*inputs)
    assert torch.equal(x0, (0.7 * inputs[0]).clamp(-1, 1))
    assert torch.equal(z, EncoderGraph(ours.encoder)(x0, inputs[6], inputs[5], inputs[7]))
    assert torch.all(gradient[beyond] == 0) and torch.all(gradient[~beyond] != 0)
    wide = PosteriorStep(ours.encoder, ours.decoder, Scaled(), pixels=(-9, 9))(*inputs)
    assert torch.equal(wide[0], 0.7 * inputs[0]) and torch.all(wide[1][beyond] != 0)


def test_the_range_of_pixels_is_that_of_the_normalisation(ours: Trio) -> None:
    assert ours.pixels == (-1, 1)
    other = replace(ours, normalisation={'mean': [0.0, 0.5, 0.25], 'std': [0.5, 0.25, 0.25]})
    assert other.pixels == (-2, 3)


def test_alone_and_in_a_batch_are_equal(ours: Trio) -> None:
    inputs = step_inputs(ours, batch=3)
    for module, arguments in (
        (PosteriorStep(ours.encoder, ours.decoder, ours.denoiser), inputs),
        (EncoderVjp(ours.encoder), [inputs[0], *inputs[6:7], inputs[5], *inputs[7:11]]),
    ):
        together = module(*arguments)
        for i in range(3):
            alone = module(*(a[i : i + 1] for a in arguments))
            for a, b in zip(alone, together, strict=True):
                assert torch.allclose(a, b[i : i + 1], atol=1e-5)


@pytest.fixture(scope='module')
def our_bundle(ours: Trio, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp('ours')
    write_bundle(directory, ours, lambda _: None, name='ours', version='1', rmse=RMSE)
    return directory


def initialisers(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    found = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField('g'):
                found += initialisers(attribute.g)
    return found


def test_weights_are_stored_once(our_bundle: Path, ours: Trio) -> None:
    manifest = json.loads((our_bundle / 'bundle.json').read_text())
    assert list(manifest['graphs']) == GRAPHS
    entries = [*manifest['graphs'].values(), *manifest['weights']]
    files = {'bundle.json', 'parity.json', 'parity.bin', *(entry['file'] for entry in entries)}
    assert {p.name for p in our_bundle.iterdir()} == files
    for entry in entries:
        assert sha256_of(our_bundle / entry['file']) == entry['sha256']
    kernels = [
        t for n in ours.networks() for t in n.parameters() if t.ndim == 4 and t.numel() * 2 >= 1024 and t.numel() > 8192
    ]
    places = {}
    for graph in GRAPHS:
        model = onnx.load(our_bundle / manifest['graphs'][graph]['file'], load_external_data=False)
        for tensor in initialisers(model.graph):
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                place = {e.key: e.value for e in tensor.external_data}
                places.setdefault(graph, set()).add((place['location'], place['offset']))
            else:
                assert tensor.ByteSize() < 8192, tensor.name
    # what the denoiser has, the step has from the same place
    assert places['denoiser'] <= places['posteriorStep']
    total = sum((our_bundle / w['file']).stat().st_size for w in manifest['weights'])
    parameters = sum(2 * p.numel() for n in ours.networks() for p in n.parameters())
    assert parameters < total < 1.6 * parameters + 20_000, (parameters, total, len(kernels))


def test_recorded_gradients_are_those_of_onnx_runtime(our_bundle: Path) -> None:
    for case in read_parity(our_bundle):
        file = {'encoderVjp': 'encoder-vjp', 'posteriorStep': 'posterior-step'}.get(case.graph, case.graph)
        measure = relative_difference if case.graph in ('encoderVjp', 'posteriorStep') else largest_difference
        assert max_differences(our_bundle / f'{file}.onnx', [case], measure)[0] < 1e-4
        if case.graph == 'posteriorStep':
            assert np.abs(case.outputs['x0']).max() <= 1
            assert 0.1 < np.abs(case.outputs['gradient']).max() < 10


def test_the_decoder_runs_only_where_it_is_wanted(our_bundle: Path, ours: Trio) -> None:
    session = ort.InferenceSession(str(our_bundle / 'posterior-step.onnx'), providers=['CPUExecutionProvider'])
    names = [i.name for i in session.get_inputs()]
    feeds = dict(zip(names, (t.numpy() for t in step_inputs(ours)), strict=True))
    x0, gradient, _, _, confirming = session.run(None, feeds)
    feeds['gamma'] = np.zeros(2, np.float32)
    without = session.run(None, feeds)
    assert np.array_equal(without[0], x0) and np.all(without[4] == 0)
    assert confirming[0] == 0 and confirming[1] > 0
    assert np.allclose(without[1][0], gradient[0], atol=1e-6)
    assert not np.allclose(without[1][1], gradient[1], atol=1e-4)


def test_shapes_have_names_that_agree(our_bundle: Path) -> None:
    """Without them ONNX Runtime leaves its blocked layout at every product of a mask and a gradient."""
    model = onnx.load(our_bundle / 'posterior-step.onnx', load_external_data=False)
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.value_info
    }
    masks = [n for n in model.graph.node if n.op_type == 'HardSigmoid']
    assert masks
    for mask in masks:
        (product,) = (n for n in model.graph.node if mask.output[0] in n.input)
        first, second = (shapes[name] for name in product.input)
        assert product.op_type == 'Mul' and first == second
        assert all(isinstance(d, int) or d.split('*')[-1] in ('batch', 'rows', 'columns') for d in first)


def test_networks_come_back_from_a_bundle(our_bundle: Path, ours: Trio, tmp_path: Path) -> None:
    codec = load_codec(our_bundle)
    denoiser = load_denoiser(our_bundle)
    assert codec.config.to_dict() == ours.config['encoder']['config']
    for before, after in ((ours.encoder, codec.encoder), (ours.decoder, codec.decoder), (ours.denoiser, denoiser)):
        for name, value in before.state_dict().items():
            assert torch.equal(value, after.state_dict()[name]), name
    with pytest.raises(FileNotFoundError, match=r'bundle\.json'):
        load_codec(tmp_path)


def test_bench(our_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_step.main([str(our_bundle), '--sizes', '32', '--rounds', '1', '--profile', '32']) == 0
    printed = capsys.readouterr().out
    assert 'step / forward' in printed and 'Conv' in printed


def test_other_networks_make_a_bundle_too(tmp_path: Path) -> None:
    """GroupNorm, SiLU, concatenation, transposed and dilated convolutions, stride 4, 6 latent channels, one DDPM-style
    denoiser: exported and equal to autograd, at five sizes."""
    toy = build()
    lines: list[str] = []
    write_bundle(tmp_path, toy, lines.append, name='toy', version='1', rmse=RMSE)
    manifest = json.loads((tmp_path / 'bundle.json').read_text())
    assert list(manifest['graphs']) == GRAPHS and manifest['latentChannels'] == 6 and manifest['stride'] == 4
    assert len(lines) == 5 and all('difference' in line for line in lines)
    with pytest.raises(ValueError, match=r'prior of .* was not exported from networks of this package'):
        load_denoiser(tmp_path)


def test_trios_are_checked(ours: Trio) -> None:
    with pytest.raises(ValueError, match='even'):
        replace(ours, channels=(3,))
    config = CodecConfig()
    with pytest.raises(ValueError, match='multiples of'):
        our_trio(
            Codec(config, ours.encoder, ours.decoder),
            Denoiser(DenoiserConfig(patch=4, widths=(8,) * 4, blocks=(1,) * 4)),
        )
