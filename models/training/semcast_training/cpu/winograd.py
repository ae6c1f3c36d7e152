"""Winograd's minimal filtering for wide 3x3 convolutions, along the columns of a picture, in ordinary ONNX operators.

ONNX Runtime computes a convolution directly on a CPU, and close to what the processor can do: faster means fewer
multiplications. F(4, 3) computes four outputs of a filter of three taps with six multiplications instead of twelve
(Winograd 1980; Lavin, Gray 2016, arXiv 1509.09308):

    y = A^T [ (G g) * (B^T d) ],    six inputs d that overlap those of the next four outputs by two

Here it is applied down the columns of a picture, with vectors for scalars: d are six rows of all channels, and the
product with G g is a 1x3 convolution along the row that sums over channels. B^T d are six depthwise convolutions, the
products one convolution in six groups, A^T a matrix product. F(4x4, 3x3) in two dimensions halves the products once
more, but it moves 2.25 times the data instead of 1.5, and its weights are four times as large instead of twice.

G g depends on weights alone: ONNX Runtime computes it once, when it loads the graph. The stored weights stay those of
the graph, shared with every other graph of the bundle.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ..onnx_files import widen_late

OUTPUTS, TAPS = 4, 3
PRODUCTS = OUTPUTS + TAPS - 1
#: 0 and pairs of opposites, close to each other in size so that their powers are too: that rounds less than the usual
#: 0, 1, -1, 2, -2 (``test_rounds_little``; Barabasz et al. 2020, arXiv 1803.10986, study good choices).
POINTS = (0.0, 0.7, -0.7, 1.4, -1.4)
#: Narrower convolutions spend as much on the transforms as they save.
LEAST_CHANNELS = 96
#: ONNX Runtime keeps channels in blocks of this many at most (NCHWc); it computes other numbers more slowly.
CHANNEL_BLOCK = 16


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(A^T [4, 6], G [6, 3], B^T [6, 6]) of F(4, 3) at ``POINTS`` and infinity, float32.

    A^T and G evaluate polynomials of 4 and 3 coefficients; by transposition, B^T interpolates one of 6.
    """

    def evaluation(coefficients: int) -> np.ndarray:
        return np.vstack([np.power.outer(POINTS, np.arange(coefficients)), np.eye(coefficients)[-1]])

    data = np.linalg.inv(evaluation(PRODUCTS)).T.round(12)
    return tuple(m.astype(np.float32) for m in (evaluation(OUTPUTS).T, evaluation(TAPS), data))


def use_winograd(model: ir.Model) -> int:
    """Replace the wide 3x3 convolutions of a model, in place. Returns how many there were."""
    wide = [node for graph in model.graphs() for node in graph if _is_wide(node)]
    for node in wide:
        _replace(node)
    for graph in model.graphs():
        widen_late(graph)
    RemoveUnusedNodesPass()(model)
    return len(wide)


def _is_wide(node: ir.Node) -> bool:
    """Whether this is a convolution that gains: 3x3, stride 1, padded to keep its size, many channels on both sides."""
    if node.op_type != 'Conv' or node.domain != '':
        return False
    shape = node.inputs[1].shape if node.inputs[1] is not None else None
    if shape is None or not shape.is_static() or list(shape)[2:] != [TAPS, TAPS]:
        return False
    given = node.attributes
    return (
        all(size >= LEAST_CHANNELS and size % CHANNEL_BLOCK == 0 for size in shape.numpy()[:2])
        and given.get_int('group', 1) == 1
        and list(given.get_ints('pads', ())) == [1] * 4
        and set(given.get_ints('strides', ())) | set(given.get_ints('dilations', ())) <= {1}
    )


def _replace(node: ir.Node) -> None:
    x, weight, *bias = node.inputs
    y, graph = node.outputs[0], node.graph
    assert graph is not None and weight is not None and weight.shape is not None
    out, inner = weight.shape.numpy()[:2]
    nodes: list[ir.Node] = []
    names = (f'{y.name}.winograd.{count}' for count in itertools.count())

    def add(operation: str, *inputs: ir.Value | np.ndarray | list[int], **attributes: Any) -> ir.Value:
        """The output of a new node; arrays and lists of integers among its inputs become initialisers."""
        values = []
        for value in inputs:
            if not isinstance(value, ir.Value):
                tensor = ir.tensor(np.asarray(value), name=next(names))
                value = ir.val(tensor.name, const_value=tensor)
                graph.register_initializer(value)
            values.append(value)
        nodes.append(ir.node(operation, values, attributes, name=next(names)))
        nodes[-1].outputs[0].name = nodes[-1].name
        return nodes[-1].outputs[0]

    outputs_of, filters, data = matrices()
    # G g: [O, C, 3, 3] -> [3, O C 3] -> [6, O C 3] = [6 O, C, 1, 3]
    kernels = add('Reshape', add('Transpose', weight, perm=[2, 0, 1, 3]), [TAPS, -1])
    kernels = add('Reshape', add('MatMul', filters, kernels), [PRODUCTS * out, inner, 1, TAPS])
    if bias and bias[0] is not None:  # what A^T makes the bias of all four outputs from
        bias = [add('Reshape', add('Mul', np.linalg.pinv(outputs_of).sum(1, keepdims=True), bias[0]), [-1])]
    # B^T d: [B, C, H, W] -> [B, C, ceil(H/4), W + 2] six times; the padding for the last rows is that for any height
    columns = (add('Expand', row[:, None], [inner, 1, 1, 1]) for row in data)
    rows = [add('Conv', x, column, group=inner, strides=[OUTPUTS, 1], pads=[1, 1, 4, 1]) for column in columns]
    products = add('Conv', add('Concat', *rows, axis=1), kernels, *bias, group=PRODUCTS)
    # A^T: [B, 6, O ceil(H/4) W] -> [B, 4, O, ceil(H/4), W] -> [B, O, H, W]
    height, width = (add('Shape', x, start=axis, end=axis + 1) for axis in (2, 3))
    result = add('MatMul', outputs_of, add('Reshape', products, [0, PRODUCTS, -1]))
    result = add('Reshape', result, add('Concat', [0, OUTPUTS, out, -1], width, axis=0))
    result = add('Transpose', result, perm=[0, 2, 3, 1, 4])
    result = add('Reshape', result, add('Concat', [0, out, -1], width, axis=0))
    result = add('Slice', result, [0], height, [2])
    ir.convenience.replace_nodes_and_values(graph, node, [node], nodes, [y], [result])
