"""Graphs in ONNX Runtime's blocked layout, against the graphs they were made from.

On the processor's own block with ONNX Runtime's kernels, on every block with a reference in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from blocked_reference import evaluator
from onnx import TensorProto, helper, numpy_helper

from semcast_training.cpu import winograd
from semcast_training.cpu.blocked import BLOCKS, DOMAIN, use_blocked_layout
from semcast_training.cpu.forms import channel_block

WIDE = 96
HERE = channel_block()
needs_blocks = pytest.mark.skipif(HERE is None, reason='ONNX Runtime has no blocked layout on this processor')

Sizes = list[int | str]


class Net:
    """A graph from ``x`` to ``y``, written down node by node."""

    def __init__(self, sizes: Sizes) -> None:
        self.random = np.random.default_rng(2)
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self.inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, sizes)]

    def given(self, name: str, sizes: Sizes) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes))
        return name

    def stored(self, array: np.ndarray) -> str:
        name = f'stored{len(self.initialisers)}'
        self.initialisers.append(numpy_helper.from_array(array, name))
        return name

    def weights(self, *sizes: int) -> str:
        fan_in = int(np.prod(sizes[1:]))
        return self.stored((self.random.standard_normal(sizes) / fan_in**0.5).astype(np.float32))

    def node(self, operation: str, *inputs: str, **attributes: object) -> str:
        name = f'value{len(self.nodes)}'
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def convolution(self, x: str, out: int, inner: int, size: int = 3, *, bias: bool = True, **changes: object) -> str:
        attributes = {'pads': [size // 2] * 4, **changes}
        group = int(str(attributes.get('group', 1)))
        weights = [self.weights(out, inner // group, size, size)]
        if bias:
            weights.append(self.stored(self.random.standard_normal(out).astype(np.float32)))
        return self.node('Conv', x, *weights, **attributes)

    def model(self, *results: str) -> onnx.ModelProto:
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
        graph = helper.make_graph(self.nodes, 'net', self.inputs, outputs, self.initialisers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model)


def _converted(model: onnx.ModelProto, block: int) -> tuple[onnx.ModelProto, int]:
    representation = ir.from_proto(model)
    count = use_blocked_layout(representation, block)
    return ir.to_proto(representation), count


def _run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    return ort.InferenceSession(model.SerializeToString(), providers=['CPUExecutionProvider']).run(None, feeds)


def _close(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> None:
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert np.abs(a - e).max() < 5e-6 * np.abs(e).max()


def _same(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> None:
    expected = _run(model, feeds)
    for block in BLOCKS:
        converted, _ = _converted(model, block)
        _close(evaluator(converted, block).run(None, feeds), expected)
        if block == HERE:
            _close(_run(converted, feeds), expected)


def _operations(model: onnx.ModelProto) -> list[str]:
    return [f'{node.domain}.{node.op_type}' if node.domain else node.op_type for node in model.graph.node]


def _random(*sizes: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(sizes).astype(np.float32)


@pytest.mark.parametrize(
    ('rows', 'heights'), [('rows', (1, 2, 3, 5, 8)), ('2*rows', (2, 6, 8)), ('4*rows', (4, 12)), (6, (6,))]
)
@pytest.mark.parametrize('bias', [True, False])
def test_a_wide_convolution_is_winograds(rows: str | int, heights: tuple[int, ...], bias: bool) -> None:
    net = Net(['batch', WIDE, rows, 'columns'])
    model = net.model(net.convolution('x', 112, WIDE, bias=bias))
    converted, count = _converted(model, 8)
    assert count == 1
    assert _operations(converted).count('MatMul') == 1
    for batch, height in enumerate(heights, start=1):
        _same(model, {'x': _random(batch, WIDE, height, 3 + batch)})


@needs_blocks
def test_rounds_little(monkeypatch: pytest.MonkeyPatch) -> None:
    assert HERE is not None
    net = Net(['batch', 256, 'rows', 'columns'])
    model = net.model(net.convolution('x', 256, 256))
    weight, bias = (numpy_helper.to_array(i).astype(np.float64) for i in model.graph.initializer)
    x = _random(1, 256, 12, 12)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    exact = np.einsum('bcyxjk,ocjk->boyx', windows, weight) + bias[:, None, None]

    def error(candidate: onnx.ModelProto) -> float:
        return float(np.linalg.norm(_run(candidate, {'x': x})[0] - exact) / np.linalg.norm(exact))

    ours = error(_converted(model, HERE)[0])
    assert ours < 2.5 * error(model)
    monkeypatch.setattr(winograd, 'POINTS', (0.0, 1.0, -1.0, 2.0, -2.0))
    assert ours < 0.85 * error(_converted(model, HERE)[0])


@pytest.mark.parametrize(
    'changes',
    [
        {'out': 64},
        {'inner': 80},
        {'out': 40, 'inner': 32},
        {'out': 3, 'inner': 16},
        {'out': 16, 'inner': 3},
        {'strides': [2, 2]},
        {'strides': [2, 2], 'size': 2, 'pads': [0] * 4},
        {'dilations': [2, 2], 'pads': [2] * 4},
        {'pads': [0, 1, 2, 3]},
        {'out': 32, 'inner': 32, 'group': 32},
        {'rows': 'rows + 1'},
    ],
)
def test_others_are_direct(changes: dict[str, object]) -> None:
    chosen = {'out': WIDE, 'inner': WIDE, 'rows': 'rows', **changes}
    out, inner = int(str(chosen['out'])), int(str(chosen['inner']))
    net = Net(['batch', inner, chosen['rows'], 'columns'])  # type: ignore[list-item]
    attributes = {name: value for name, value in chosen.items() if name not in ('out', 'inner', 'rows')}
    model = net.model(net.convolution('x', out, inner, **attributes))  # type: ignore[arg-type]
    converted, count = _converted(model, 8)
    assert count == 1
    assert 'MatMul' not in _operations(converted)
    _same(model, {'x': _random(2, inner, 6, 7)})


@pytest.mark.parametrize(
    'changes', [{'inner': 24}, {'group': 2}, {'auto_pad': 'SAME_UPPER', 'pads': None}, {'weights': 'given'}]
)
def test_some_are_left_alone(changes: dict[str, object]) -> None:
    inner = int(str(changes.get('inner', 32)))
    net = Net(['batch', inner, 'rows', 'columns'])
    if changes.get('weights') == 'given':
        result = net.node('Conv', 'x', net.given('w', [32, inner, 3, 3]), pads=[1] * 4)
    else:
        attributes = {'pads': [1] * 4, **changes}
        attributes.pop('inner', None)
        group = int(str(attributes.get('group', 1)))
        kept = {name: value for name, value in attributes.items() if value is not None}
        result = net.node('Conv', 'x', net.weights(32, inner // group, 3, 3), **kept)
    model = net.model(result)
    converted, count = _converted(model, 16)
    assert count == 0
    assert _operations(converted) == ['Conv']
    assert [opset.domain for opset in converted.opset_import] == ['']


def test_weights_may_be_computed_from_stored_ones() -> None:
    net = Net(['batch', WIDE, 'rows', 'columns'])
    turned = net.node('Transpose', net.weights(WIDE, 112, 3, 3), perm=[1, 0, 2, 3])
    model = net.model(net.node('Conv', 'x', turned, pads=[1] * 4))
    converted, count = _converted(model, 16)
    assert count == 1
    assert 'stored0' in [i.name for i in converted.graph.initializer]
    _same(model, {'x': _random(1, WIDE, 7, 5)})


@pytest.mark.parametrize('width', [32, WIDE])
def test_a_residual_block_stays_blocked(width: int) -> None:
    """Modulated, convolved twice, added, upsampled, joined: one reordering at either end."""
    net = Net(['batch', 3, 8, 12])
    scale, shift = net.given('scale', ['batch', width, 1, 1]), net.given('shift', [1, width, 1, 1])
    h = net.convolution('x', width, 3)
    h = net.node('Add', net.node('Mul', h, scale), shift)
    inner = net.node('Relu', net.convolution(h, width, width))
    h = net.node('Add', h, net.convolution(inner, width, width, bias=False))
    h = net.node('Mul', h, net.stored(np.array(0.5, dtype=np.float32)))
    scales = net.stored(np.array([1, 1, 2, 2], dtype=np.float32))
    up = net.node(
        'Resize', h, '', scales, mode='nearest', coordinate_transformation_mode='asymmetric', nearest_mode='floor'
    )
    model = net.model(net.node('Concat', up, net.node('HardSigmoid', up, alpha=2.0), axis=1))
    converted, count = _converted(model, 16)
    assert count == 3
    operations = _operations(converted)
    assert f'{DOMAIN}.ReorderInput' not in operations  # three channels are read as they are
    assert operations.count(f'{DOMAIN}.ReorderOutput') == 1
    assert operations.count('Relu') == (1 if width == WIDE else 0)  # the narrow ones are part of their convolutions
    feeds = {'x': _random(2, 3, 8, 12), 'scale': _random(2, width, 1, 1), 'shift': _random(1, width, 1, 1, seed=5)}
    _same(model, feeds)


def test_a_sum_is_added_by_the_convolution() -> None:
    net = Net(['batch', 32, 5, 6])
    first = net.convolution('x', 32, 32)
    second = net.convolution(first, 32, 32, bias=False)
    model = net.model(net.node('Relu', net.node('Add', first, second)))
    converted, _ = _converted(model, 16)
    operations = _operations(converted)
    assert 'Add' not in operations and 'Relu' not in operations
    assert operations.count(f'{DOMAIN}.Conv') == 2
    _same(model, {'x': _random(2, 32, 5, 6)})


def test_what_others_want_is_not_lost_in_a_sum() -> None:
    net = Net(['batch', 32, 5, 6])
    first = net.convolution('x', 32, 32)
    second = net.convolution(first, 32, 32)
    model = net.model(net.node('Add', first, second), second, net.node('Relu', first))
    _same(model, {'x': _random(2, 32, 5, 6)})
    doubled = net.model(net.node('Add', second, second))
    _same(doubled, {'x': _random(1, 32, 5, 6)})


@pytest.mark.parametrize('factor', [2, 4])
def test_a_pixel_unshuffle_is_a_stride(factor: int) -> None:
    channels = 6 if factor == 2 else 3
    net = Net(['batch', channels, '4*rows', '4*columns'])
    apart = net.node('Reshape', 'x', net.stored(np.array([-1, channels, 8 // factor, factor, 12 // factor, factor])))
    turned = net.node('Transpose', apart, perm=[0, 1, 3, 5, 2, 4])
    unshuffled = net.node(
        'Reshape', turned, net.stored(np.array([-1, channels * factor**2, 8 // factor, 12 // factor]))
    )
    result = net.convolution(unshuffled, 32, channels * factor**2)
    model = net.model(result)
    sizes = ['batch', channels * factor**2, f'{4 // factor}*s1', f'{4 // factor}*s2']
    del model.graph.value_info[:]
    model.graph.value_info.append(helper.make_tensor_value_info(unshuffled, TensorProto.FLOAT, sizes))
    converted, count = _converted(model, 16)
    assert count == 1
    assert 'Transpose' not in [node.op_type for node in converted.graph.node if turned in node.output]
    assert not any(turned in node.output for node in converted.graph.node)
    _same(model, {'x': _random(2, channels, 8, 12)})


def test_a_branch_is_converted_too() -> None:
    net = Net(['batch', WIDE, 'rows', 'columns'])
    outer = net.convolution('x', WIDE, WIDE)
    inner = Net(['batch', WIDE, 'rows', 'columns'])
    result = inner.convolution(outer, WIDE, WIDE)
    branch = helper.make_graph(
        inner.nodes,
        'branch',
        [],
        [helper.make_tensor_value_info(result, TensorProto.FLOAT, ['batch', WIDE, 'rows', 'columns'])],
        [numpy_helper.from_array(numpy_helper.to_array(i), f'inner.{i.name}') for i in inner.initialisers],
    )
    for node in branch.node:
        node.input[1:] = [f'inner.{name}' for name in node.input[1:]]
        node.output[:] = [f'inner.{name}' for name in node.output]
    branch.output[0].name = f'inner.{result}'
    same = helper.make_graph(
        [helper.make_node('Identity', [outer], ['same'])],
        'same',
        [],
        [helper.make_tensor_value_info('same', TensorProto.FLOAT, ['batch', WIDE, 'rows', 'columns'])],
    )
    net.inputs.append(helper.make_tensor_value_info('wanted', TensorProto.BOOL, []))
    model = net.model(net.node('If', 'wanted', then_branch=branch, else_branch=same))
    assert _converted(model, 16)[1] == 2
    for wanted in (True, False):
        _same(model, {'x': _random(1, WIDE, 4, 5), 'wanted': np.array(wanted)})


def test_stored_halves_are_widened_last() -> None:
    """Each operator on weights is a copy while a graph is loaded: those that only move them do it in float16."""
    net = Net(['batch', WIDE, 'rows', 'columns'])
    half = net.random.standard_normal((112, WIDE, 3, 3)).astype(np.float16) * np.float16(0.03)
    weight = net.node('Cast', net.stored(half), to=TensorProto.FLOAT)
    turned = net.node('Transpose', weight, perm=[1, 0, 2, 3])
    wide = net.convolution('x', 64, WIDE)
    model = net.model(net.node('Conv', 'x', weight, pads=[1] * 4), wide, net.node('ReduceSum', turned))
    converted, count = _converted(model, 16)
    assert count == 2
    makers = {output: node for node in converted.graph.node for output in node.output}
    casts = [node for node in converted.graph.node if node.op_type == 'Cast']
    assert len(casts) == 4  # the three rows of the kernels, and the transpose
    assert sorted(makers[cast.input[0]].op_type for cast in casts) == ['Split'] * 3 + ['Transpose']
    _same(model, {'x': _random(1, WIDE, 7, 5)})


def test_blocks_are_of_8_or_16() -> None:
    net = Net(['batch', 32, 'rows', 'columns'])
    with pytest.raises(ValueError, match='blocks are of 8 or 16 channels, not 12'):
        _converted(net.model(net.convolution('x', 32, 32)), 12)


@pytest.mark.parametrize('block', BLOCKS)
def test_the_reference_agrees_with_the_runtime_on_a_plain_graph(block: int) -> None:
    """That the reference's order of filters is the runtime's is what the other tests show on HERE; this one, that the
    reference itself is right about convolutions."""
    net = Net(['batch', 32, 'rows', 'columns'])
    model = net.model(net.convolution('x', 32, 32, strides=[2, 1], dilations=[1, 2], pads=[1, 2, 0, 1]))
    x = _random(2, 32, 7, 9)
    converted, _ = _converted(model, block)
    _close(evaluator(converted, block).run(None, {'x': x}), _run(model, {'x': x}))
