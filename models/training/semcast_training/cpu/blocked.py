"""A graph in ONNX Runtime's blocked layout, which its convolutions on a CPU want: NCHWc.

There [B, C, H, W] lies in memory as [B, C/c, H, W, c], c channels side by side that fill a vector register: 16 with
AVX-512, 8 with AVX2. ONNX Runtime converts ordinary graphs itself, when it loads them, and keeps to the layout from one
convolution to the next; but at everything that it can't compute there it goes back, and the reordering costs more than
the operator. Here the same conversion, which knows more:

- a sum or a product with one value a channel (feature modulation) stays blocked: seen as [B, C/c, H, W c], it is an
  ordinary product with those values repeated W times;
- wide 3x3 convolutions are Winograd's (``winograd.py``), whose A^T acts on whole rows of W c values: in this layout it
  is a product of matrices and a transposition of rows;
- pixels that a convolution wants in the channels (pixel unshuffle) are a convolution with a stride.

The operators are those of the domain com.microsoft.nchwc, as ONNX Runtime itself writes them into models that it
optimised (``SessionOptions.optimized_model_filepath``): ReorderInput, ReorderOutput, Conv, Upsample. Their tensors have
the shape [B, C, H, W] and the contents in the other order. All others here are ordinary ones on such tensors.

Weights are reordered by operators that depend on nothing else: ONNX Runtime computes them once, when it loads the
graph. What is stored stays as it was, shared with every other graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ..onnx_files import widen_late
from . import winograd
from .emitter import Emitter

DOMAIN = 'com.microsoft.nchwc'
#: Block sizes of the processors that ONNX Runtime has such kernels for.
BLOCKS = (8, 16)
#: Numbers of channels are multiples of this: of every block size, so that one rule tells what is converted.
CHANNELS_UNIT = max(BLOCKS)
#: A convolution of fewer channels than any block reads the ordinary layout.
LEAST_BLOCKED_INPUTS = min(BLOCKS)
#: Narrower convolutions spend as much on Winograd's transforms as they save.
LEAST_WINOGRAD_CHANNELS = 96

#: Value by value, whatever their order.
ELEMENTWISE = ('Relu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Neg', 'Abs', 'Add', 'Sub', 'Mul', 'Div')

PIXEL_UNSHUFFLE = (0, 1, 3, 5, 2, 4)


def use_blocked_layout(model: ir.Model, block: int) -> int:
    """Convert what gains by it, in place, for processors with blocks of ``block`` channels.

    Returns how many convolutions were converted. Only where shapes are known: numbers of channels, and for Winograd
    how many rows of a value make one of the graph's inputs' (``4*rows``, as ``name_dimensions`` and PyTorch's exporter
    write it). Equal names of sizes must mean equal sizes.
    """
    if block not in BLOCKS:
        raise ValueError(f'blocks are of {" or ".join(map(str, BLOCKS))} channels, not {block}')
    count = sum(_Conversion(graph, block).run() for graph in model.graphs())
    if count:
        model.opset_imports[DOMAIN] = 1
        for graph in model.graphs():
            widen_late(graph)
        RemoveUnusedNodesPass()(model)
    return count


def _sizes(value: ir.Value | None) -> list[int | str] | None:
    """[3, 'batch', ...], None where the number of dimensions isn't known; an unknown size equals no other."""
    if value is None or value.shape is None:
        return None
    return [
        size if isinstance(size, int) else size.value or f'?{id(value)}.{axis}' for axis, size in enumerate(value.shape)
    ]


def _multiple(size: int | str) -> tuple[int, str] | None:
    """'4*rows' -> (4, 'rows'), 'rows' -> (1, 'rows'), 12 -> (12, ''), anything else None."""
    if isinstance(size, int):
        return size, ''
    match = re.fullmatch(r'(?:(\d+)\*)?([A-Za-z_]\w*)', size)
    return None if match is None else (int(match[1] or 1), match[2])


def _rows_factor(value: ir.Value) -> int | None:
    """Of what the height of [B, C, H, W] is known to be a multiple."""
    sizes = _sizes(value)
    multiple = _multiple(sizes[2]) if sizes is not None and len(sizes) == 4 else None
    return None if multiple is None else multiple[0]


def _depends_on_weights_alone(value: ir.Value | None) -> bool:
    if value is None or value.const_value is not None or value.is_initializer():
        return True
    node = value.producer()
    return node is not None and all(_depends_on_weights_alone(given) for given in node.inputs)


def _attributes(node: ir.Node) -> dict[str, Any]:
    return {name: attribute.value for name, attribute in node.attributes.items()}


def _is_ordinary(node: ir.Node) -> bool:
    return node.domain in ('', 'ai.onnx')


class _Convolution:
    """What a Conv node says: ``sizes`` are [O, C/group, kh, kw]."""

    def __init__(self, node: ir.Node, sizes: list[int]) -> None:
        attributes = _attributes(node)
        self.sizes = sizes
        self.x, self.weight = node.inputs[0], node.inputs[1]
        self.bias = node.inputs[2] if len(node.inputs) > 2 else None
        self.group = int(attributes.get('group', 1))
        self.geometry = {
            'strides': list(attributes.get('strides', (1, 1))),
            'dilations': list(attributes.get('dilations', (1, 1))),
            'pads': list(attributes.get('pads', (0, 0, 0, 0))),
        }

    @staticmethod
    def of(node: ir.Node) -> _Convolution | None:
        """None where sizes aren't known, or weights aren't weights."""
        weight, bias = node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else None
        sizes = _sizes(weight)
        if sizes is None or len(sizes) != 4 or not all(isinstance(size, int) for size in sizes):
            return None
        if _attributes(node).get('auto_pad', 'NOTSET') != 'NOTSET':
            return None
        if not _depends_on_weights_alone(weight) or not _depends_on_weights_alone(bias):
            return None
        return _Convolution(node, [int(size) for size in sizes])

    @property
    def keeps_size(self) -> bool:
        """3x3, stride 1, padded with one row or column of zeros on every side."""
        return self.sizes[2:] == [3, 3] and self.geometry == {
            'strides': [1, 1],
            'dilations': [1, 1],
            'pads': [1, 1, 1, 1],
        }

    @property
    def is_depthwise(self) -> bool:
        return self.group > 1 and self.sizes[1] == 1 and self.sizes[0] == self.group


class _Conversion:
    """One graph. ``blocked`` holds, for values of the graph, the value with the same numbers in blocked layout."""

    def __init__(self, graph: ir.Graph, block: int) -> None:
        self.graph, self.block = graph, block
        self.emit = Emitter(graph, f'{graph.name or "graph"}.blocked')
        self.blocked: dict[ir.Value, ir.Value] = {}
        self.lines: dict[ir.Value, ir.Value] = {}  # the same as [B, C/c, H, W c]
        self.replaced: list[ir.Node] = []

    def run(self) -> int:
        """How many convolutions were converted."""
        rules: dict[str, Callable[[ir.Node], ir.Value | None]] = {
            'Conv': self.convolution,
            'Resize': self.resize,
            'Concat': self.concat,
            **dict.fromkeys(ELEMENTWISE, self.elementwise),
        }
        for node in list(self.graph):
            rule = rules.get(node.op_type)
            if rule is None or not _is_ordinary(node):
                continue
            self.emit.at = node
            result = rule(node)
            if result is not None:
                self.blocked[node.outputs[0]] = result
                self.replaced.append(node)
        self.reorder_outputs()
        for node in reversed(self.replaced):
            self.graph.remove(node, safe=True)
        return sum(node.op_type == 'Conv' for node in self.replaced)

    def reorder_outputs(self) -> None:
        """Values that others still want, in their order."""
        replaced = set(self.replaced)
        for node in self.replaced:
            old = node.outputs[0]
            if not old.is_graph_output() and all(user in replaced for user in old.consumers()):
                continue
            sizes = _sizes(old)
            assert sizes is not None
            self.emit.at = node
            value = self.emit.node('ReorderOutput', [self.blocked[old]], DOMAIN, channels=sizes[1])
            value.shape, value.dtype = old.shape, old.dtype
            value.name, old.name = old.name, f'{old.name}.replaced'
            old.replace_all_uses_with(value, replace_graph_outputs=True)

    # --- layout ---

    def of(self, x: ir.Value) -> ir.Value:
        if x not in self.blocked:
            self.blocked[x] = self.emit.node('ReorderInput', [x], DOMAIN)
        return self.blocked[x]

    def size(self, x: ir.Value, axis: int) -> ir.Value:
        """[1]: the size of x along an axis; asked once for all values whose size has the same name."""
        sizes = _sizes(x)
        assert sizes is not None
        return self.emit.once(
            ('size', sizes[axis]), lambda: self.emit.node('Shape', [self.of(x)], start=axis, end=axis + 1)
        )

    def line(self, x: ir.Value) -> ir.Value:
        """[1]: W c, values in a line of pixels of one block."""
        width = self.size(x, 3)
        return self.emit.once(('line', width), lambda: self.emit.node('Mul', [width, self.emit.integers(self.block)]))

    def shape(self, *parts: int | ir.Value) -> ir.Value:
        def concat() -> ir.Value:
            values = [self.emit.integers(part) if isinstance(part, int) else part for part in parts]
            return self.emit.node('Concat', values, axis=0)

        return self.emit.once(('shape', parts), concat)

    def as_lines(self, x: ir.Value, channels: int) -> ir.Value:
        """[B, C/c, H, W c] of a value that is blocked."""
        if x not in self.lines:
            shape = self.shape(0, channels // self.block, -1, self.line(x))
            self.lines[x] = self.emit.node('Reshape', [self.of(x), shape])
        return self.lines[x]

    def filters(self, weight: ir.Value, sizes: Sequence[int]) -> ir.Value:
        """[O, C, kh, kw] as the kernels read it: [O/c, C/c, kh, kw, c (in), c (out)]; where inputs aren't blocked, or
        there is one for each output, [O/c, C, kh, kw, c (out)]."""
        out, inner, height, width = sizes
        c = self.block
        if inner < LEAST_BLOCKED_INPUTS:
            apart, order = (out // c, c, inner * height * width), [0, 2, 1]
        else:
            apart, order = (out // c, c, inner // c, c, height * width), [0, 2, 4, 3, 1]
        value = self.emit.node('Reshape', [weight, self.emit.integers(*apart)])
        value = self.emit.node('Transpose', [value], perm=order)
        return self.emit.node('Reshape', [value, self.emit.integers(*sizes)])

    def filter_rows(self, weight: ir.Value, out: int, inner: int) -> list[ir.Value]:
        """The three rows of 3x3 kernels, each [O, C, 1, 3] as the kernels read it.

        Reordered together and before Winograd's sums: each operator on weights is a copy while a graph is loaded.
        """
        c, taps = self.block, winograd.TAPS
        value = self.emit.node('Reshape', [weight, self.emit.integers(out // c, c, inner // c, c, taps, taps)])
        value = self.emit.node('Transpose', [value], perm=[4, 0, 2, 5, 3, 1])
        value = self.emit.node('Reshape', [value, self.emit.integers(taps * out, inner, 1, taps)])
        return self.emit.nodes('Split', [value], taps, axis=0, num_outputs=taps)

    # --- nodes: each rule gives the blocked result, or None and leaves the node alone ---

    def convolution(self, node: ir.Node) -> ir.Value | None:
        found = _Convolution.of(node)
        if found is None or found.x is None or found.weight is None:
            return None
        out, inner = found.sizes[:2]
        if found.is_depthwise:
            return self.direct(found) if out % CHANNELS_UNIT == 0 else None
        if found.group != 1:
            return None
        unshuffled = self.unshuffled(found)
        if unshuffled is not None:
            return unshuffled
        if inner < LEAST_BLOCKED_INPUTS:
            return None if found.x in self.blocked else self.direct(found)
        if inner % CHANNELS_UNIT:
            return None
        wide = min(out, inner) >= LEAST_WINOGRAD_CHANNELS and out % CHANNELS_UNIT == 0
        if wide and found.keeps_size and _rows_factor(found.x) is not None:
            return self.by_winograd(found)
        return self.direct(found)

    def direct(self, found: _Convolution) -> ir.Value:
        weight, bias, sizes = found.weight, found.bias, list(found.sizes)
        assert found.x is not None and weight is not None
        more = -sizes[0] % self.block
        if more:  # channels of zeros, which ReorderOutput drops: it takes no more of them than fill a block
            weight = self.emit.node('Pad', [weight, self.emit.integers(0, 0, 0, 0, more, 0, 0, 0)])
            bias = bias and self.emit.node('Pad', [bias, self.emit.integers(0, more)])
            sizes[0] += more
        reads_blocks = found.is_depthwise or sizes[1] >= LEAST_BLOCKED_INPUTS
        return self.emit.node(
            'Conv',
            [self.of(found.x) if reads_blocks else found.x, self.filters(weight, sizes), bias],
            DOMAIN,
            kernel_shape=sizes[2:],
            group=found.group,
            **found.geometry,
        )

    def unshuffled(self, found: _Convolution) -> ir.Value | None:
        """A 3x3 convolution of [B, c r^2, H, W] made from [B, c, r H, r W] by a pixel unshuffle: one of 3r x 3r with
        stride r, of the same weights."""
        out, inner = found.sizes[:2]
        source = _unshuffled_from(found.x)
        if source is None or not found.keeps_size or out % CHANNELS_UNIT:
            return None
        picture, factor = source
        channels = inner // factor**2
        if channels >= LEAST_BLOCKED_INPUTS:
            return None
        weight = found.weight
        assert weight is not None
        apart = self.emit.integers(out, channels, factor, factor, 3, 3)
        weight = self.emit.node('Transpose', [self.emit.node('Reshape', [weight, apart])], perm=[0, 1, 4, 2, 5, 3])
        sizes = [out, channels, 3 * factor, 3 * factor]
        weight = self.emit.node('Reshape', [weight, self.emit.integers(*sizes)])
        return self.emit.node(
            'Conv',
            [picture, self.filters(weight, sizes), found.bias],
            DOMAIN,
            kernel_shape=sizes[2:],
            strides=[factor] * 2,
            pads=[factor] * 4,
            dilations=[1, 1],
            group=1,
        )

    def by_winograd(self, found: _Convolution) -> ir.Value:
        x, weight, bias = found.x, found.weight, found.bias
        assert x is not None and weight is not None
        out, inner = found.sizes[:2]
        outputs_of, data = winograd.matrices()
        outputs, products = outputs_of.shape
        uneven = (_rows_factor(x) or 1) % outputs != 0
        below = 1 + (outputs - 1 if uneven else 0)  # rows beyond the picture are zeros

        parts = []
        factors = winograd.bias_factors()
        for index, kernel in enumerate(winograd.filter_rows(self.emit, *self.filter_rows(weight, out, inner))):
            # a row of B^T d times one of G g, summed over channels and the taps along the row: [B, O, H/4, W]
            part = self.emit.node(
                'Conv',
                [
                    self.data_row(x, data[index], inner, below),
                    kernel,
                    bias and self.emit.node('Mul', [bias, self.emit.scalar(float(factors[index]))]),
                ],
                DOMAIN,
                kernel_shape=[1, winograd.TAPS],
                strides=[1, 1],
                dilations=[1, 1],
                pads=[0, 0, 0, 0],
                group=1,
            )
            parts.append(part)

        # A^T, on all values at once: [6, B O/c H/4 W c] -> [4, B O/c H/4, W c] -> [B O/c H/4, 4, W c] = [B, O, H, W]
        flat = self.emit.node('Reshape', [self.emit.node('Concat', parts, axis=0), self.emit.integers(products, -1)])
        rows = self.emit.node('MatMul', [self.emit.constant(outputs_of), flat])
        rows = self.emit.node('Reshape', [rows, self.shape(outputs, -1, self.line(x))])
        rows = self.emit.node('Transpose', [rows], perm=[1, 0, 2])
        height, width = self.size(x, 2), self.size(x, 3)
        if uneven:
            whole = self.shape(-1, out // self.block, self.whole_tiles(height, outputs), self.line(x))
            rows = self.emit.node('Reshape', [rows, whole])
            rows = self.emit.node('Slice', [rows, self.emit.integers(0), height, self.emit.integers(2)])
        return self.emit.node('Reshape', [rows, self.shape(-1, out, height, width)])

    def whole_tiles(self, height: ir.Value, outputs: int) -> ir.Value:
        """The height rounded up to whole tiles."""

        def rounded() -> ir.Value:
            last = self.emit.node('Add', [height, self.emit.integers(outputs - 1)])
            tiles = self.emit.node('Div', [last, self.emit.integers(outputs)])
            return self.emit.node('Mul', [tiles, self.emit.integers(outputs)])

        return self.emit.once(('whole tiles', height), rounded)

    def data_row(self, x: ir.Value, weights: np.ndarray, channels: int, below: int) -> ir.Value:
        """One row of B^T d for each tile, as a depthwise convolution: [B, C, H, W] -> [B, C, H/4, W + 2].

        Every other weight may be zero, those of both ends too: the kernel is of those that aren't. The columns of zeros
        at both ends are for the convolution along the row: its kernel is slow at edges that it has to mind itself.
        """
        used = np.flatnonzero(weights)
        start, end = int(used[0]), int(used[-1])
        step = 2 if np.all(np.diff(used) == 2) else 1
        kernel = weights[start : end + 1 : step]
        column = self.emit.constant(np.tile(kernel[None, None, :, None], (channels, 1, 1, 1)))
        sizes = (channels, 1, len(kernel), 1)
        return self.emit.node(
            'Conv',
            [self.of(x), self.emit.once(('column', column), lambda: self.filters(column, sizes))],
            DOMAIN,
            kernel_shape=sizes[2:],
            group=channels,
            strides=[winograd.OUTPUTS, 1],
            dilations=[step, 1],
            pads=[1 - start, 1, below - (len(weights) - 1 - end), 1],
        )

    def elementwise(self, node: ir.Node) -> ir.Value | None:
        full = _sizes(node.outputs[0])
        if full is None or not _fills_blocks(full):
            return None
        operands = [value for value in node.inputs if value is not None]
        kinds = [_kind(value, full) for value in operands]
        if None in kinds or not any(
            kind == 'full' and value in self.blocked for kind, value in zip(kinds, operands, strict=True)
        ):
            return None
        if 'channel' in kinds:
            return self.modulation(node, operands, kinds, int(full[1]))
        fused = self.fused(node, operands, kinds)
        if fused is not None:
            return fused
        values = [self.of(value) if kind == 'full' else value for value, kind in zip(operands, kinds, strict=True)]
        return self.emit.node(node.op_type, values, **_attributes(node))

    def fused(self, node: ir.Node, operands: Sequence[ir.Value], kinds: Sequence[str | None]) -> ir.Value | None:
        """A convolution with the sum or the ReLU that follows it, in one node."""
        for value in operands:
            given = self.blocked.get(value)
            convolution = given.producer() if given is not None else None
            if convolution is None or convolution.op_type != 'Conv' or convolution.domain != DOMAIN:
                continue
            attributes, inputs = _attributes(convolution), list(convolution.inputs)
            if 'activation' in attributes or len(value.consumers()) != 1 or value.is_graph_output():
                continue
            if node.op_type == 'Relu':
                return self.emit.node('Conv', inputs, DOMAIN, **attributes, activation='Relu')
            if node.op_type == 'Add' and list(kinds) == ['full', 'full'] and len(inputs) < 4:
                other = operands[1] if value is operands[0] else operands[0]
                if other is not value:
                    inputs += [None] * (3 - len(inputs))
                    return self.emit.node('Conv', [*inputs, self.of(other)], DOMAIN, **attributes)
        return None

    def modulation(
        self, node: ir.Node, operands: Sequence[ir.Value], kinds: Sequence[str | None], channels: int
    ) -> ir.Value:
        """An operator with one operand a channel, [B or 1, C, 1, 1]: repeated W times, it is one a line."""
        blocks = channels // self.block
        picture = next(value for value, kind in zip(operands, kinds, strict=True) if kind == 'full')
        width = self.size(picture, 3)
        values = []
        for value, kind in zip(operands, kinds, strict=True):
            if kind == 'full':
                value = self.as_lines(value, channels)
            elif kind == 'channel':
                value = self.emit.node('Reshape', [value, self.emit.integers(0, blocks, 1, 1, self.block)])
                value = self.emit.node('Expand', [value, self.shape(1, 1, 1, width, 1)])
                value = self.emit.node('Reshape', [value, self.emit.integers(0, blocks, 1, -1)])
            values.append(value)
        lines = self.emit.node(node.op_type, values, **_attributes(node))
        self.lines[node.outputs[0]] = lines
        return self.emit.node('Reshape', [lines, self.shape(0, channels, -1, width)])

    def resize(self, node: ir.Node) -> ir.Value | None:
        """Whole pixels repeated a whole number of times."""
        x, _, scales, *sizes = (*node.inputs, None, None)[:4]
        attributes = _attributes(node)
        how = [attributes.get(name) for name in ('mode', 'coordinate_transformation_mode', 'nearest_mode')]
        if x not in self.blocked or how != ['nearest', 'asymmetric', 'floor'] or any(sizes):
            return None
        if scales is None or scales.const_value is None:
            return None
        factors = scales.const_value.numpy()
        if factors.shape != (4,) or np.any(factors % 1) or list(factors[:2]) != [1, 1]:
            return None
        return self.emit.node('Upsample', [self.of(x)], DOMAIN, scales=[int(f) for f in factors], mode='nearest')

    def concat(self, node: ir.Node) -> ir.Value | None:
        operands = [value for value in node.inputs if value is not None]
        if _attributes(node).get('axis') != 1 or not all(value in self.blocked for value in operands):
            return None
        if not all(_fills_blocks(_sizes(value) or []) for value in operands):
            return None
        return self.emit.node('Concat', [self.of(value) for value in operands], axis=1)


def _fills_blocks(sizes: Sequence[int | str]) -> bool:
    """Whether [B, C, H, W] is whole blocks of any size."""
    return len(sizes) == 4 and isinstance(sizes[1], int) and sizes[1] % CHANNELS_UNIT == 0


def _kind(value: ir.Value, full: Sequence[int | str]) -> str | None:
    """What an operand is beside one of the size ``full``: that size, one value a channel, or one in all."""
    sizes = _sizes(value)
    if sizes is None:
        return None
    if sizes == list(full):
        return 'full'
    if len(sizes) == 4 and sizes[1:] == [full[1], 1, 1]:
        return 'channel'
    return 'scalar' if all(size == 1 for size in sizes) else None


def _unshuffled_from(x: ir.Value | None) -> tuple[ir.Value, int] | None:
    """(picture [B, c, r H, r W], r) where x [B, c r^2, H, W] is its pixel unshuffle, as PyTorch's exporter writes it:
    Reshape to [B, c, H, r, W, r], Transpose, Reshape."""
    node, _ = _before_reshapes(x)
    if node is None or node.op_type != 'Transpose' or tuple(_attributes(node).get('perm', ())) != PIXEL_UNSHUFFLE:
        return None
    _, picture = _before_reshapes(node.inputs[0])
    before, after = _sizes(picture), _sizes(x)
    if picture is None or before is None or after is None or len(before) != 4 or len(after) != 4:
        return None
    factors = {_ratio(before[2], after[2]), _ratio(before[3], after[3])}
    factor = factors.pop()
    if factor is None or factors or not isinstance(before[1], int) or after[1] != before[1] * factor**2:
        return None
    return picture, factor


def _ratio(size: int | str, part: int | str) -> int | None:
    """('16*rows', '4*s1') -> 4, where PyTorch's exporter has names of its own for what an input's size is a multiple
    of; None where it isn't known or isn't whole."""
    whole, unit = _multiple(size), _multiple(part)
    if whole is None or unit is None or whole[0] % unit[0]:
        return None
    return whole[0] // unit[0]


def _before_reshapes(value: ir.Value | None) -> tuple[ir.Node | None, ir.Value | None]:
    """What a value was before it was only reshaped, and the node that made it."""
    node = value.producer() if value is not None else None
    while node is not None and node.op_type == 'Reshape':
        value = node.inputs[0]
        node = value.producer() if value is not None else None
    return node, value
