"""The forms for the CPU of a bundle's graphs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from semcast_training.cpu.forms import main
from semcast_training.parity import ParityCase, sha256_of, write_parity

CHANNELS = 96


def _model(inner: int = CHANNELS) -> onnx.ModelProto:
    weight = (np.random.default_rng(2).standard_normal((CHANNELS, inner, 3, 3)) / (9 * inner) ** 0.5).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node('Conv', ['x', 'weight'], ['y'], pads=[1, 1, 1, 1])],
        'convolution',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['batch', inner, 'rows', 'columns'])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['batch', CHANNELS, 'rows', 'columns'])],
        [numpy_helper.from_array(weight, 'weight')],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)


def _bundle(directory: Path, shift: float = 0.0) -> None:
    """As much of a bundle as the forms for the CPU are made from; ``shift`` spoils the parity vectors."""
    cases = []
    for name, inner in (('encoder', CHANNELS), ('decoder', 24)):
        model = _model(inner)
        onnx.save(model, directory / f'{name}.onnx')
        x = np.random.default_rng(4).standard_normal((1, inner, 6, 5)).astype(np.float32)
        session = ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider'])
        y = session.run(None, {'x': x})[0]
        cases.append(ParityCase(name, {'x': x}, {'y': y + np.float32(shift)}))
    write_parity(cases, directory)
    graphs = {name: {'file': f'{name}.onnx', 'sha256': ''} for name in ('encoder', 'decoder')}
    (directory / 'bundle.json').write_text(json.dumps({'graphs': graphs, 'parity': {'tolerance': 1e-4}}))


def test_are_added_to_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _bundle(tmp_path)
    assert main([str(tmp_path)]) == 0
    graphs = json.loads((tmp_path / 'bundle.json').read_text())['graphs']
    assert graphs['encoder']['cpu'] == {'file': 'encoder.cpu.onnx', 'sha256': sha256_of(tmp_path / 'encoder.cpu.onnx')}
    assert 'cpu' not in graphs['decoder']
    assert 'decoder: no cpu form' in capsys.readouterr().out
    # again: the same
    main([str(tmp_path)])
    assert json.loads((tmp_path / 'bundle.json').read_text())['graphs'] == graphs


def test_are_not_added_where_they_differ(tmp_path: Path) -> None:
    _bundle(tmp_path, shift=1e-3)
    before = (tmp_path / 'bundle.json').read_text()
    with pytest.raises(ValueError, match=r'encoder\.cpu\.onnx differs from the parity vectors by 0\.00'):
        main([str(tmp_path)])
    assert (tmp_path / 'bundle.json').read_text() == before
    assert not list(tmp_path.glob('*.cpu.onnx'))
