"""The CPU's forms of a bundle's graphs, and which of them this machine runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from blocked_reference import evaluator
from onnx import TensorProto, helper, numpy_helper

from semcast_training.cpu import forms
from semcast_training.cpu.blocked import BLOCKS
from semcast_training.cpu.forms import add_cpu_forms, channel_block, cpu_file, main
from semcast_training.parity import ParityCase, read_parity, sha256_of, write_parity

CHANNELS = 96
NATURAL = Path(__file__).resolve().parents[2] / 'natural'
needs_blocks = pytest.mark.skipif(
    channel_block() is None, reason='ONNX Runtime has no blocked layout on this processor'
)


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
    manifest = json.loads((tmp_path / 'bundle.json').read_text())
    graphs = manifest['graphs']
    assert graphs['encoder']['cpu'] == [
        {
            'block': block,
            'file': f'encoder.cpu{block}.onnx',
            'sha256': sha256_of(tmp_path / f'encoder.cpu{block}.onnx'),
        }
        for block in BLOCKS
    ]
    assert 'cpu' not in graphs['decoder']
    assert 'decoder: no convolution would gain' in capsys.readouterr().out
    # again: the same
    main([str(tmp_path)])
    assert json.loads((tmp_path / 'bundle.json').read_text())['graphs'] == graphs


@needs_blocks
def test_are_not_added_where_they_differ(tmp_path: Path) -> None:
    _bundle(tmp_path, shift=1e-3)
    before = (tmp_path / 'bundle.json').read_text()
    with pytest.raises(
        ValueError, match=rf'encoder\.cpu{channel_block()}\.onnx differs from the parity vectors by 1\.'
    ):
        add_cpu_forms(tmp_path, lambda _line: None)
    assert (tmp_path / 'bundle.json').read_text() == before
    assert not list(tmp_path.glob('*.cpu*.onnx'))


def test_the_machines_own_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _bundle(tmp_path)
    add_cpu_forms(tmp_path, lambda _line: None)
    manifest = json.loads((tmp_path / 'bundle.json').read_text())
    for block, name in ((8, 'encoder.cpu8.onnx'), (16, 'encoder.cpu16.onnx'), (None, 'encoder.onnx')):
        monkeypatch.setattr(forms, 'channel_block', lambda block=block: block)
        assert cpu_file(tmp_path, manifest, 'encoder') == tmp_path / name
        assert cpu_file(tmp_path, manifest, 'decoder') == tmp_path / 'decoder.onnx'


@needs_blocks
def test_the_block_is_one_of_those_written() -> None:
    assert channel_block() in BLOCKS


@pytest.mark.parametrize('graph', ['encoder', 'decoder', 'denoiser', 'encoderVjp', 'posteriorStep'])
def test_those_of_natural_hold_on_every_block(graph: str) -> None:
    """In numpy, so that the forms of other processors are tried as well."""
    manifest = json.loads((NATURAL / 'bundle.json').read_text())
    forms = manifest['graphs'][graph]['cpu']
    assert [form['block'] for form in forms] == list(BLOCKS)
    cases = [case for case in read_parity(NATURAL) if case.graph == graph]
    assert cases
    for form in forms:
        run = evaluator(onnx.load(NATURAL / form['file']), form['block']).run
        for case in cases:
            results = run(list(case.outputs), dict(case.inputs))
            for result, expected in zip(results, case.outputs.values(), strict=True):
                error = np.linalg.norm(result.astype(np.float64) - expected)
                assert error <= manifest['parity']['tolerance'] * np.linalg.norm(expected.astype(np.float64))
