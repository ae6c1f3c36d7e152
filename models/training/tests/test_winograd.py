"""Winograd's form of convolutions, against the convolutions themselves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from semcast_training import winograd
from semcast_training.parity import ParityCase, sha256_of, write_parity
from semcast_training.winograd import POINTS, add_cpu_graphs, main, toom_cook, use_winograd

WIDE = 96


def _model(
    *,
    out: int = WIDE,
    inner: int = WIDE,
    rows: str | int = 'rows',
    bias: bool = True,
    turned: bool = False,
    **changes: object,
) -> onnx.ModelProto:
    """One convolution [batch, inner, rows, columns] -> [batch, out, ...]; ``turned``: its weights are transposed."""
    random = np.random.default_rng(2)
    weight = (random.standard_normal((out, inner, 3, 3)) / (9 * inner) ** 0.5).astype(np.float32)
    attributes = {'pads': [1, 1, 1, 1], **changes}
    if attributes.get('group'):
        weight = weight[:, : inner // int(str(attributes['group']))]
    initialisers = [numpy_helper.from_array(weight.transpose(1, 0, 2, 3) if turned else weight, 'weight')]
    inputs = ['x', 'turned' if turned else 'weight']
    nodes = [helper.make_node('Transpose', ['weight'], ['turned'], perm=[1, 0, 2, 3])] if turned else []
    if bias:
        initialisers.append(numpy_helper.from_array(random.standard_normal(out).astype(np.float32), 'bias'))
        inputs.append('bias')
    nodes.append(helper.make_node('Conv', inputs, ['y'], **attributes))
    graph = helper.make_graph(
        nodes,
        'convolution',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['batch', inner, rows, 'columns'])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
        initialisers,
        value_info=[helper.make_tensor_value_info('turned', TensorProto.FLOAT, [out, inner, 3, 3])] if turned else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)


def _rewritten(model: onnx.ModelProto) -> tuple[onnx.ModelProto, int]:
    representation = ir.from_proto(model)
    count = use_winograd(representation)
    return ir.to_proto(representation), count


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(None, {'x': x})[0]


@pytest.mark.parametrize(
    ('outputs', 'taps', 'points'), [(4, 3, POINTS), (2, 3, (0.0, 1.0, -1.0)), (3, 2, (0.0, 1.0, 2.0))]
)
def test_toom_cook_is_correlation(outputs: int, taps: int, points: tuple[float, ...]) -> None:
    at, g, bt = toom_cook(points, outputs, taps)
    random = np.random.default_rng(1)
    signal, kernel = random.standard_normal(outputs + taps - 1), random.standard_normal(taps)
    np.testing.assert_allclose(at @ ((g @ kernel) * (bt @ signal)), np.correlate(signal, kernel, 'valid'), atol=1e-12)


def test_toom_cook_wants_distinct_points() -> None:
    with pytest.raises(ValueError, match='5 distinct points'):
        toom_cook((0, 1, -1, 2, 2), 4, 3)


@pytest.mark.parametrize(
    ('rows', 'heights'), [('rows', (1, 2, 3, 5, 8)), ('2*rows', (2, 6, 8)), ('4*rows', (4, 12)), (6, (6,))]
)
@pytest.mark.parametrize('bias', [True, False])
def test_same_as_the_convolution(rows: str | int, heights: tuple[int, ...], bias: bool) -> None:
    model = _model(out=112, rows=rows, bias=bias)
    rewritten, count = _rewritten(model)
    assert count == 1
    assert not any(n.op_type == 'Conv' and n.output[0] == 'y' for n in rewritten.graph.node)
    random = np.random.default_rng(3)
    for batch, height in enumerate(heights, start=1):
        x = random.standard_normal((batch, WIDE, height, 3 + batch)).astype(np.float32)
        expected = _run(model, x)
        assert np.abs(_run(rewritten, x) - expected).max() < 5e-6 * np.abs(expected).max()


def test_rounds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model(out=256, inner=256)
    weight, bias = (numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer)
    x = np.random.default_rng(3).standard_normal((1, 256, 12, 12)).astype(np.float32)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    exact = np.einsum('bcyxjk,ocjk->boyx', windows, weight) + bias[:, None, None]

    def error(candidate: onnx.ModelProto) -> float:
        return float(np.linalg.norm(_run(candidate, x) - exact) / np.linalg.norm(exact))

    ours = error(_rewritten(model)[0])
    assert ours < 2.5 * error(model)
    monkeypatch.setattr(winograd, 'POINTS', (0.0, 1.0, -1.0, 2.0, -2.0))
    assert ours < 0.85 * error(_rewritten(model)[0])


def test_weights_may_be_computed_from_stored_ones() -> None:
    model = _model(turned=True)
    rewritten, count = _rewritten(model)
    assert count == 1
    assert [i.name for i in rewritten.graph.initializer if i.name == 'weight'] == ['weight']
    x = np.random.default_rng(3).standard_normal((1, WIDE, 7, 5)).astype(np.float32)
    np.testing.assert_allclose(_run(rewritten, x), _run(model, x), atol=2e-5)


@pytest.mark.parametrize(
    'changes',
    [
        {'out': 64},
        {'inner': 80},
        {'out': 100},
        {'strides': [2, 2]},
        {'dilations': [2, 2]},
        {'pads': [0, 0, 0, 0]},
        {'group': 2},
        {'rows': 'rows + 1'},
    ],
)
def test_others_are_left_alone(changes: dict[str, object]) -> None:
    model = _model(**changes)  # type: ignore[arg-type]
    rewritten, count = _rewritten(model)
    assert count == 0
    assert [n.op_type for n in rewritten.graph.node] == ['Conv']


def _bundle(directory: Path, shift: float = 0.0) -> None:
    """As much of a bundle as the form for the CPU is made from; ``shift`` spoils the parity vectors."""
    cases = []
    for name, model in (('encoder', _model()), ('decoder', _model(out=64))):
        onnx.save(model, directory / f'{name}.onnx')
        x = np.random.default_rng(4).standard_normal((1, WIDE, 6, 5)).astype(np.float32)
        cases.append(ParityCase(name, {'x': x}, {'y': _run(model, x) + np.float32(shift)}))
    write_parity(cases, directory)
    graphs = {name: {'file': f'{name}.onnx', 'sha256': ''} for name in ('encoder', 'decoder')}
    (directory / 'bundle.json').write_text(json.dumps({'graphs': graphs, 'parity': {'tolerance': 1e-4}}))


def test_is_added_to_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _bundle(tmp_path)
    assert main([str(tmp_path)]) == 0
    graphs = json.loads((tmp_path / 'bundle.json').read_text())['graphs']
    assert graphs['encoder']['cpu'] == {'file': 'encoder.cpu.onnx', 'sha256': sha256_of(tmp_path / 'encoder.cpu.onnx')}
    assert 'cpu' not in graphs['decoder']
    assert 'decoder: no convolution would gain' in capsys.readouterr().out
    # again: the same
    main([str(tmp_path)])
    assert json.loads((tmp_path / 'bundle.json').read_text())['graphs'] == graphs


def test_is_not_added_where_it_differs(tmp_path: Path) -> None:
    _bundle(tmp_path, shift=1e-3)
    before = (tmp_path / 'bundle.json').read_text()
    with pytest.raises(ValueError, match=r'encoder\.cpu\.onnx differs from the parity vectors by 1\.'):
        add_cpu_graphs(tmp_path, lambda _line: None)
    assert (tmp_path / 'bundle.json').read_text() == before
    assert not (tmp_path / 'encoder.cpu.onnx').exists()
