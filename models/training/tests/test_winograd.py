"""Winograd's form of convolutions, against the convolutions themselves."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from semcast_training.cpu import winograd
from semcast_training.cpu.winograd import matrices, use_winograd

WIDE = 96
SIZES = ['batch', WIDE, 'rows', 'columns']


def _convolution(
    x: str, y: str, *, out: int = WIDE, inner: int = WIDE, bias: bool = True, half: bool = False, **changes: object
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and initialisers; ``half``: kernels stored in float16 with inputs and outputs swapped."""
    random = np.random.default_rng(2)
    attributes = {'pads': [1, 1, 1, 1], **changes}
    size = (out, inner // int(str(attributes.get('group', 1))), 3, 3)
    weight = (random.standard_normal(size) / (9 * inner) ** 0.5).astype(np.float16 if half else np.float32)
    names = [f'{y}.weight', f'{y}.bias'][: 1 + bias]
    stored = [
        numpy_helper.from_array(weight.swapaxes(0, 1) if half else weight, f'{y}.stored' if half else names[0]),
        numpy_helper.from_array(random.standard_normal(out).astype(np.float32), f'{y}.bias'),
    ][: 1 + bias]
    nodes = [helper.make_node('Conv', [x, *names], [y], **attributes)]
    if half:
        nodes.insert(0, helper.make_node('Transpose', [f'{y}.wide'], [names[0]], perm=[1, 0, 2, 3]))
        nodes.insert(0, helper.make_node('Cast', [f'{y}.stored'], [f'{y}.wide'], to=TensorProto.FLOAT))
    return nodes, stored


def _model(**options: object) -> onnx.ModelProto:
    nodes, stored = _convolution('x', 'y', **options)  # type: ignore[arg-type]
    x = helper.make_tensor_value_info('x', TensorProto.FLOAT, ['batch', options.get('inner', WIDE), 'rows', 'columns'])
    y = helper.make_tensor_value_info('y', TensorProto.FLOAT, None)
    return _checked(helper.make_graph(nodes, 'graph', [x], [y], stored))


def _checked(graph: onnx.GraphProto) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def _rewritten(model: onnx.ModelProto) -> tuple[onnx.ModelProto, int]:
    representation = ir.from_proto(model)
    count = use_winograd(representation)
    return ir.to_proto(representation), count


def _run(model: onnx.ModelProto, **feeds: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(None, feeds)[0]


def _random(*sizes: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(sizes).astype(np.float32)


def _same(first: onnx.ModelProto, second: onnx.ModelProto, **feeds: np.ndarray) -> None:
    expected = _run(second, **feeds)
    assert np.abs(_run(first, **feeds) - expected).max() < 5e-6 * np.abs(expected).max()


def test_the_matrices_give_correlations() -> None:
    outputs_of, filters, data = matrices()
    signal, kernel = _random(6), _random(3)
    products = (filters @ kernel) * (data @ signal)
    np.testing.assert_allclose(outputs_of @ products, np.correlate(signal, kernel, 'valid'), atol=1e-5)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('half', [True, False])
def test_same_as_the_convolution(bias: bool, half: bool) -> None:
    model = _model(out=112, bias=bias, half=half)
    rewritten, count = _rewritten(model)
    assert count == 1
    for batch, height in enumerate((1, 2, 3, 4, 5, 8), start=1):
        _same(rewritten, model, x=_random(batch, WIDE, height, 3 + batch))


def test_kernels_are_moved_in_float16() -> None:
    """Each operator on weights is a copy while a graph is loaded: those that only move them do it in float16."""
    rewritten, _ = _rewritten(_model(half=True))
    cast = next(node for node in rewritten.graph.node if node.op_type == 'Cast')
    makers = {output: node for node in rewritten.graph.node for output in node.output}
    assert [node.op_type for node in rewritten.graph.node if cast.output[0] in node.input] == ['MatMul']
    assert makers[cast.input[0]].op_type == 'Reshape'
    assert 'y.stored' in [initialiser.name for initialiser in rewritten.graph.initializer]


def test_rounds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model(out=256, inner=256)
    weight, bias = (numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer)
    x = _random(1, 256, 12, 12)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    exact = np.einsum('bcyxjk,ocjk->boyx', windows, weight) + bias[:, None, None]

    def error(candidate: onnx.ModelProto) -> float:
        return float(np.linalg.norm(_run(candidate, x=x) - exact) / np.linalg.norm(exact))

    ours = error(_rewritten(model)[0])
    assert ours < 2.5 * error(model)
    monkeypatch.setattr(winograd, 'POINTS', (0.0, 1.0, -1.0, 2.0, -2.0))
    assert ours < 0.85 * error(_rewritten(model)[0])


@pytest.mark.parametrize(
    'changes',
    [
        {'out': 64},
        {'inner': 80},
        {'out': 100},
        {'strides': [2, 2]},
        {'dilations': [2, 2]},
        {'pads': [0, 0, 0, 0]},
        {'group': 2, 'inner': 2 * WIDE, 'out': 2 * WIDE},
    ],
)
def test_others_are_left_alone(changes: dict[str, object]) -> None:
    rewritten, count = _rewritten(_model(**changes))
    assert count == 0
    assert [node.op_type for node in rewritten.graph.node] == ['Conv']


def test_a_branch_is_rewritten_too() -> None:
    outer, stored = _convolution('x', 'outer')
    inner, inner_stored = _convolution('outer', 'inner')

    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, SIZES)

    wanted = helper.make_graph(inner, 'wanted', [], [value('inner')], inner_stored)
    unwanted = helper.make_graph([helper.make_node('Identity', ['outer'], ['same'])], 'unwanted', [], [value('same')])
    branch = helper.make_node('If', ['flag'], ['y'], then_branch=wanted, else_branch=unwanted)
    flag = helper.make_tensor_value_info('flag', TensorProto.BOOL, [])
    model = _checked(helper.make_graph([*outer, branch], 'graph', [value('x'), flag], [value('y')], stored))
    rewritten, count = _rewritten(model)
    assert count == 2
    for chosen in (True, False):
        _same(rewritten, model, x=_random(1, WIDE, 4, 5), flag=np.array(chosen))
