"""The int8 forms of a bundle's denoisers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from semcast_training.add_distilled import add_distilled
from semcast_training.codec import Codec, CodecConfig, Decoder, Encoder
from semcast_training.cpu import quantized
from semcast_training.cpu.quantized import add_int8_forms
from semcast_training.export import our_trio, write_bundle
from semcast_training.parity import read_parity, sha256_of
from semcast_training.prior import Denoiser, DenoiserConfig

SMALL = DenoiserConfig(widths=(32, 32), blocks=(1, 1), embedding=8)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with a distilled decoder, whose residual blocks do something."""
    directory = tmp_path_factory.mktemp('bundle')
    torch.manual_seed(0)
    config = CodecConfig(8, 2, (8, 12), (1, 1), (1, 1), 8, (2, 4, 8))
    networks = [Encoder(config), Decoder(config)]
    student = Denoiser(SMALL)
    for network in (*networks, student):  # biases of zeros would be folded away
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    codec = Codec(config, *(n.eval().requires_grad_(False) for n in networks))
    write_bundle(directory, our_trio(codec), lambda _: None, name='tiny', version='1', rmse={})
    add_distilled(directory, student, '2', lambda _: None)
    add_int8_forms(directory, torch.rand(4, 3, 32, 32) * 2 - 1, lambda _: None)
    return directory


def test_is_named_in_the_manifest(bundle: Path) -> None:
    graphs = json.loads((bundle / 'bundle.json').read_text())['graphs']
    assert graphs['distilled']['int8'] == {
        'file': 'distilled.int8.onnx',
        'sha256': sha256_of(bundle / 'distilled.int8.onnx'),
    }
    assert 'int8' not in graphs['decoder']


def test_has_no_weights_of_its_own(bundle: Path) -> None:
    form = onnx.load(bundle / 'distilled.int8.onnx', load_external_data=False)
    stored = {i.external_data[0].value for i in form.graph.initializer if i.external_data}
    assert stored == {'distilled.weights'}
    assert max(np.prod(i.dims, initial=1) for i in form.graph.initializer if not i.external_data) < 1024


def test_is_close_to_the_graph_and_rounds_convolutions(bundle: Path, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / 'optimised.onnx')
    session = ort.InferenceSession(str(bundle / 'distilled.int8.onnx'), options, providers=['CPUExecutionProvider'])
    case = next(case for case in read_parity(bundle) if case.graph == 'distilled')
    result, expected = session.run(None, dict(case.inputs))[0], case.outputs['x0']
    assert 0 < np.sqrt(np.mean((result - expected) ** 2)) < 0.01
    nodes = onnx.load(tmp_path / 'optimised.onnx', load_external_data=False).graph.node
    assert sum(node.op_type == 'QLinearConv' for node in nodes) >= 6


def test_one_that_is_far_off_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (bundle / 'bundle.json').read_text()
    monkeypatch.setattr(quantized, 'TOLERANCE', 0.0)
    with pytest.raises(ValueError, match='differs from the parity vectors'):
        add_int8_forms(bundle, torch.zeros(4, 3, 32, 32), lambda _: None)
    assert (bundle / 'bundle.json').read_text() == before
