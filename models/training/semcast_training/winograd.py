"""Wide 3x3 convolutions as Winograd's minimal filtering along the rows, in ordinary ONNX operators.

ONNX Runtime computes a convolution directly on a CPU, and close to what the processor can do: faster means fewer
multiplications. F(4, 3) computes four outputs of a filter of three taps with six multiplications instead of twelve
(Winograd 1980; Lavin, Gray 2016, arXiv 1509.09308):

    y = A^T [ (G g) * (B^T d) ],    six inputs d that overlap those of the next four outputs by two

Here it is applied down the columns of a picture, with vectors for scalars: d are six rows of all channels, and the
product with G g is a 1x3 convolution along the row that sums over channels. Of the ways to nest it this one suits the
runtime best: B^T d are six depthwise convolutions in its blocked layout (NCHWc), the products six convolutions in the
same layout, A^T a matrix product. F(4x4, 3x3) in two dimensions halves the products once more, but it leaves
the blocked layout, moves 2.25 times the data instead of 1.5, and its weights are four times as large instead of twice.

G g depends on weights alone: it is part of the graph and computed once, when ONNX Runtime loads it, so the stored
weights stay what they were, shared with every other graph.

A GPU's library chooses among such algorithms by itself and would be held back by this form: it is written to graphs of
their own, which the manifest of a bundle names for the CPU (``graphs.NAME.cpu``).

    python -m semcast_training.winograd BUNDLE     adds them to a bundle that was exported before
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from .console import run_main
from .onnx_files import all_graphs
from .parity import max_differences, read_parity, sha256_of

OUTPUTS = 4
TAPS = 3
#: 0 and pairs of opposites, close to each other in size so that their powers are too: that rounds less than the usual
#: 0, 1, -1, 2, -2 (``test_rounds_little``; Barabasz et al. 2020, arXiv 1803.10986, study good choices).
POINTS = (0.0, 0.7, -0.7, 1.4, -1.4)

#: Narrower layers spend as much on the transforms as they save.
LEAST_CHANNELS = 96
#: The runtime keeps activations in blocks of so many channels on any CPU that it knows; others would be padded.
CHANNEL_BLOCK = 16

#: Whose parity is relative.
GRADIENT_GRAPHS = ('encoderVjp', 'posteriorStep')


def toom_cook(points: Sequence[float], outputs: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(A^T [m, n], G [n, r], B^T [n, n]), n = m + r - 1, for m ``outputs`` of a filter of r ``taps``.

    ``points`` are n - 1 distinct finite ones; infinity is the last. A^T ((G g) * (B^T d)) is the correlation of d with
    g: y_i = sum_k d_(i+k) g_k. Row j of G is 1, p_j, p_j^2 and so on: B^T holds the denominators.
    """
    n = outputs + taps - 1
    if len(points) != n - 1 or len(set(points)) != len(points):
        raise ValueError(f'F({outputs}, {taps}) takes {n - 1} distinct points')
    p = np.array(points, dtype=np.float64)
    powers = p[:, None] ** np.arange(max(outputs, taps))
    outputs_of = np.vstack([powers[:, :outputs], np.eye(outputs)[-1]]).T
    filters = np.vstack([powers[:, :taps], np.eye(taps)[-1]])
    data = np.zeros((n, n))
    for j in range(n - 1):
        others = np.delete(p, j)
        data[j, : n - 1] = np.poly(others)[::-1] / np.prod(p[j] - others)
    data[n - 1] = np.poly(p)[::-1]
    return outputs_of, filters, data


def use_winograd(model: ir.Model) -> int:
    """Replace the wide 3x3 convolutions of a graph, in place; returns how many there were.

    Only where shapes are known as far as it takes: the number of channels, and how many rows of a value make one of the
    graph's inputs' (``4*rows``, as ``name_dimensions`` and PyTorch's exporter write it).
    """
    count = 0
    for graph in all_graphs(model.graph):
        shared: dict[tuple[Any, ...], ir.Value] = {}
        for node in list(graph):
            if _is_wide(node):
                _Rewriting(graph, node, f'{graph.name or "graph"}.winograd.{count}', shared).run()
                count += 1
    return count


def _is_wide(node: ir.Node) -> bool:
    """Whether this is a convolution that gains: 3x3, stride 1, padded to keep its size, many channels on both sides."""
    if node.op_type != 'Conv' or node.domain not in ('', 'ai.onnx'):
        return False
    x, weight = node.inputs[:2]
    if x is None or weight is None or x.shape is None or weight.shape is None or len(weight.shape) != 4:
        return False
    sizes = list(weight.shape)
    if not all(isinstance(size, int) for size in sizes) or sizes[2:] != [TAPS, TAPS]:
        return False
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    return (
        attributes.get('group', 1) == 1
        and list(attributes.get('strides', (1, 1))) == [1, 1]
        and list(attributes.get('dilations', (1, 1))) == [1, 1]
        and list(attributes.get('pads', (0,) * 4)) == [1] * 4
        and attributes.get('auto_pad', 'NOTSET') == 'NOTSET'
        and all(size >= LEAST_CHANNELS and size % CHANNEL_BLOCK == 0 for size in sizes[:2])
        and _rows_factor(x) is not None
    )


def _rows_factor(value: ir.Value) -> int | None:
    """Of what the height of [B, C, H, W] is a multiple: '4*rows' -> 4, 'rows' -> 1, 12 -> 12, anything else None."""
    if value.shape is None or len(value.shape) != 4:
        return None
    size = value.shape[2]
    if isinstance(size, int):
        return size
    match = re.fullmatch(r'(?:(\d+)\*)?[A-Za-z_]\w*', str(size.value))
    return None if match is None else int(match[1] or 1)


def write_cpu_graph(path: Path) -> Path | None:
    """The form of a graph file for the CPU, beside it: NAME.cpu.onnx. None, and no file, where nothing would gain."""
    model = ir.load(path)
    written = path.with_suffix('.cpu.onnx')
    if use_winograd(model) == 0:
        written.unlink(missing_ok=True)
        return None
    ir.save(model, written)
    return written


def add_cpu_graphs(directory: Path, log: Callable[[str], None]) -> None:
    """Write the CPU's form of all graphs of a bundle and name them in its manifest.

    Each must give what the bundle's parity vectors say, within the bundle's tolerance, as the graph itself does; those
    of gradients as whole outputs, relative (see ``max_differences``).

    Raises ValueError where one doesn't; the manifest is left as it was then.
    """
    manifest = json.loads((directory / 'bundle.json').read_text())
    cases = read_parity(directory)
    tolerance = manifest['parity']['tolerance']
    for name, entry in manifest['graphs'].items():
        entry.pop('cpu', None)
        written = write_cpu_graph(directory / entry['file'])
        if written is None:
            log(f'{name}: no convolution would gain')
            continue
        own = [case for case in cases if case.graph == name]
        worst = max(max_differences(written, own, relative=name in GRADIENT_GRAPHS), default=0.0)
        if not worst <= tolerance:
            written.unlink()
            raise ValueError(f'{written.name} differs from the parity vectors by {worst:.1e}, more than {tolerance}')
        entry['cpu'] = {'file': written.name, 'sha256': sha256_of(written)}
        log(f'{written.name}: largest difference from the parity vectors {worst:.1e}')
    scratch = directory / '.bundle.json'
    scratch.write_text(json.dumps(manifest, indent=2) + '\n')
    os.replace(scratch, directory / 'bundle.json')


class _Rewriting:
    """One convolution of a graph: what replaces it goes before it. ``shared`` holds what all of the graph's use."""

    def __init__(self, graph: ir.Graph, node: ir.Node, name: str, shared: dict[tuple[Any, ...], ir.Value]) -> None:
        self.graph, self.node, self.name, self.shared = graph, node, name, shared
        self.count = 0

    def add(self, operation: str, inputs: Sequence[ir.Value], **attributes: Any) -> ir.Value:
        node = ir.node(operation, inputs, attributes, name=f'{self.name}.{self.count}')
        node.outputs[0].name = f'{node.name}.value'
        self.count += 1
        self.graph.insert_before(self.node, node)
        return node.outputs[0]

    def once(self, key: tuple[Any, ...], make: Callable[[], ir.Value]) -> ir.Value:
        if key not in self.shared:
            self.shared[key] = make()
        return self.shared[key]

    def constant(self, key: tuple[Any, ...], make: Callable[[], np.ndarray]) -> ir.Value:
        def initialiser() -> ir.Value:
            name = '.'.join([self.graph.name or 'graph', 'winograd', *(str(part) for part in key)])
            tensor = ir.tensor(make(), name=name)
            value = ir.val(name, tensor.dtype, list(tensor.shape), const_value=tensor)
            self.graph.register_initializer(value)
            return value

        return self.once(('constant', *key), initialiser)

    def integers(self, *values: int) -> ir.Value:
        return self.constant(('integers', *values), lambda: np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> ir.Value:
        return self.constant(('scalar', value), lambda: np.array(value, dtype=np.float32))

    def filters(self, weight: ir.Value) -> list[ir.Value]:
        """The rows of G g, each [O, C, 1, 3]: g_0 + p^2 g_2 +- p g_1, in operators that are folded quickly."""
        first, middle, last = self.split(weight)
        rows = {0.0: first}
        for point in sorted({abs(p) for p in POINTS if p}):
            even = self.add('Add', [first, self.add('Mul', [last, self.scalar(point**2)])])
            odd = self.add('Mul', [middle, self.scalar(point)])
            rows[point], rows[-point] = self.add('Add', [even, odd]), self.add('Sub', [even, odd])
        return [rows[p] for p in POINTS] + [last]

    def split(self, weight: ir.Value) -> list[ir.Value]:
        """[O, C, 3, 3] -> three [O, C, 1, 3]."""
        node = ir.node('Split', [weight], {'axis': 2, 'num_outputs': TAPS}, num_outputs=TAPS, name=f'{self.name}.split')
        for index, value in enumerate(node.outputs):
            value.name = f'{node.name}.{index}'
        self.graph.insert_before(self.node, node)
        return list(node.outputs)

    def rows(self, x: ir.Value, weights: np.ndarray, channels: int, below: int) -> ir.Value:
        """One row of B^T d for each tile, as a depthwise convolution: [B, C, H, W] -> [B, C, H/4, W].

        Every other weight may be zero, those of both ends too: the kernel is of those that aren't.
        """
        used = np.flatnonzero(weights)
        start, end = int(used[0]), int(used[-1])
        step = 2 if np.all(np.diff(used) == 2) else 1
        kernel = weights[start : end + 1 : step]
        column = self.constant(
            ('data', channels, *(float(w) for w in kernel)),
            lambda: np.tile(kernel[None, None, :, None], (channels, 1, 1, 1)),
        )
        return self.add(
            'Conv',
            [x, column],
            group=channels,
            strides=[OUTPUTS, 1],
            dilations=[step, 1],
            pads=[1 - start, 0, below - (len(weights) - 1 - end), 0],
        )

    def run(self) -> None:
        x, weight, *rest = self.node.inputs
        assert x is not None and weight is not None and weight.shape is not None
        bias = rest[0] if rest else None
        out, inner = (int(size) for size in list(weight.shape)[:2])
        outputs_of, _, data = (matrix.astype(np.float32) for matrix in toom_cook(POINTS, OUTPUTS, TAPS))
        products = len(data)
        uneven = (_rows_factor(x) or 1) % OUTPUTS != 0
        below = 1 + (OUTPUTS - 1 if uneven else 0)  # rows beyond the picture are zeros

        # What is added to the products so that A^T makes it the bias of all four outputs.
        ones = np.linalg.lstsq(outputs_of.astype(np.float64), np.ones(OUTPUTS), rcond=None)[0].astype(np.float32)
        parts = []
        for index, kernel in enumerate(self.filters(weight)):
            operands = [kernel]
            if bias is not None:
                operands.append(self.add('Mul', [bias, self.scalar(float(ones[index]))]))
            # a row of B^T d times one of G g, summed over channels and the taps along the row: [B, O, H/4, W]
            parts.append(self.add('Conv', [self.rows(x, data[index], inner, below), *operands], pads=[0, 1, 0, 1]))
        summed = self.add('Concat', parts, axis=1)

        # A^T: [B, 6, O H/4 W] -> [B, 4, O, H/4, W] -> [B, O, H, W]
        flat = self.add('Reshape', [summed, self.integers(0, products, -1)])
        rows = self.add('MatMul', [self.constant(('outputs',), lambda: outputs_of), flat])
        width = self.add('Shape', [x], start=3, end=4)
        apart = self.add('Concat', [self.integers(0, OUTPUTS, out, -1), width], axis=0)
        rows = self.add('Transpose', [self.add('Reshape', [rows, apart])], perm=[0, 2, 3, 1, 4])
        together = self.add('Concat', [self.integers(0, out, -1), width], axis=0)
        y = self.add('Reshape', [rows, together])
        if uneven:
            height = self.add('Shape', [x], start=2, end=3)
            y = self.add('Slice', [y, self.integers(0), height, self.integers(2)])

        old = self.node.outputs[0]
        y.shape, y.dtype = old.shape, old.dtype
        y.name, old.name = old.name, f'{old.name}.replaced'
        old.replace_all_uses_with(y, replace_graph_outputs=True)
        self.graph.remove(self.node, safe=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog='python -m semcast_training.winograd',
        description="Add the CPU's form of its graphs to a bundle: wide 3x3 convolutions with half the multiplications.",
    )
    parser.add_argument('bundle', type=Path)
    add_cpu_graphs(parser.parse_args(arguments).bundle, lambda line: print(line, flush=True))
    return 0


if __name__ == '__main__':
    raise SystemExit(run_main(main))
