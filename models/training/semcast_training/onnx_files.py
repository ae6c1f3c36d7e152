"""Graph files of a bundle: weights stored once for all graphs, branches, and names of dynamic sizes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

CONFIG_KEY = 'semcast.config'
SMALLEST_STORED_BYTES = 1024
MAX_FILE_BYTES = 95_000_000
ALIGNMENT = 64


class WeightStore:
    """External weight files in which each tensor is stored once, however many graphs use it.

    A tensor goes into the file of the first graph that brings it along, so retraining one network changes one file.
    Tensors are the same when type, shape and bytes are.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: list[str] = []
        self._places: dict[tuple[str, tuple[int, ...], str], tuple[str, int, int]] = {}

    def place(self, data: np.ndarray, file: str) -> tuple[str, int, int]:
        """(file, offset, length) of the tensor, which is appended to ``file`` unless it is already stored."""
        raw = np.ascontiguousarray(data).tobytes()
        key = (data.dtype.str, data.shape, hashlib.sha256(raw).hexdigest())
        if key not in self._places:
            path = self.directory / file
            if file not in self.files:
                self.files.append(file)
                path.write_bytes(b'')
            with open(path, 'ab') as out:
                out.write(bytes(-out.tell() % ALIGNMENT))
                offset = out.tell()
                if offset + len(raw) > MAX_FILE_BYTES:
                    raise ValueError(f'{file} would take more than {MAX_FILE_BYTES} bytes: use a smaller network')
                out.write(raw)
            self._places[key] = (file, offset, len(raw))
        return self._places[key]

    def externalise(self, model: ir.Model, file: str) -> None:
        """Move the larger initialisers of a model, those of its branches too, out of it."""
        for graph in model.graphs():
            for value in graph.initializers.values():
                tensor = value.const_value
                if tensor is None or tensor.nbytes < SMALLEST_STORED_BYTES:
                    continue
                location, offset, length = self.place(tensor.numpy(), file)
                value.const_value = ir.ExternalTensor(
                    location=location,
                    offset=offset,
                    length=length,
                    dtype=tensor.dtype,
                    shape=tensor.shape,
                    name=value.name or '',
                    base_dir=self.directory,
                )


def store_as_float16(graph: ir.Graph) -> None:
    """initialiser (float16) -> Cast -> float32, for values that float16 represents exactly.

    ONNX Runtime folds the cast when it loads the graph, so it computes in float32 at the same speed.
    """
    for name, value in list(graph.initializers.items()):
        tensor = value.const_value
        if value.dtype != ir.DataType.FLOAT or tensor is None or len(tensor.shape) < 2 or value.is_graph_output():
            continue
        data = tensor.numpy()
        if data.size < SMALLEST_STORED_BYTES:
            continue
        with np.errstate(over='ignore'):
            half = data.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), data):
            continue
        del graph.initializers[name]
        stored = ir.val(
            f'{name}.float16',
            ir.DataType.FLOAT16,
            list(data.shape),
            const_value=ir.tensor(half, name=f'{name}.float16'),
        )
        cast = ir.node('Cast', [stored], {'to': int(ir.DataType.FLOAT)}, name=f'{name}.widen')
        output = cast.outputs[0]
        output.name, output.dtype, output.shape = name, ir.DataType.FLOAT, value.shape
        value.name = f'{name}.replaced'
        value.replace_all_uses_with(output)
        graph.insert_before(graph[0], cast)
        graph.register_initializer(stored)


#: Operators that only move what their first input holds, and that ONNX Runtime has for float16 as well.
MOVES = ('Reshape', 'Transpose', 'Slice')


def widen_late(graph: ir.Graph) -> None:
    """initialiser (float16) -> Cast -> moves  becomes  initialiser (float16) -> moves -> Cast.

    When it loads a graph, ONNX Runtime keeps a copy for each operator on weights until it has folded them all: those
    are half as large so.
    """
    for node in list(graph):
        cast = node.inputs[0].producer() if node.op_type in MOVES and node.inputs[0] is not None else None
        if (
            cast is None
            or cast.op_type != 'Cast'
            or cast.inputs[0] is None
            or cast.inputs[0].dtype != ir.DataType.FLOAT16
        ):
            continue
        moved = node.outputs[0]
        widen = ir.node('Cast', cast.inputs, {'to': int(ir.DataType.FLOAT)}, name=f'{node.name}.widen')
        widened = widen.outputs[0]
        widened.name, widened.shape, widened.dtype = f'{moved.name}.wide', moved.shape, ir.DataType.FLOAT
        moved.replace_all_uses_with(widened)
        moved.dtype = ir.DataType.FLOAT16
        node.replace_input_with(0, cast.inputs[0])
        widen.replace_input_with(0, moved)
        graph.insert_after(node, widen)


def name_dimensions(model: ir.Model, inputs: Sequence[tuple[Any, ...]], outputs: Sequence[tuple[Any, ...]]) -> None:
    """Write sizes as batch, rows and columns (``inputs`` and ``outputs``: axes as in ``GraphSpec``).

    Also those of values on the way: ONNX Runtime fuses sums and keeps products in its blocked layout only where it
    sees by these names that shapes agree. The exporter calls them s77 and the like.
    """
    symbols: dict[str, str] = {}
    for value, axes in zip(model.graph.inputs, inputs, strict=True):
        for size, axis in zip(value.shape or (), axes, strict=True):
            if axis is not None and not isinstance(size, int):
                name = axis[0] if isinstance(axis, tuple) else axis
                found = re.fullmatch(r'(?:\d+\*)?([A-Za-z_]\w*)', str(size.value))
                if found:
                    symbols[found[1]] = name

    def rename(shape: ir.Shape) -> ir.Shape:
        return ir.Shape(
            [
                size
                if isinstance(size, int)
                else re.sub(r'[A-Za-z_]\w*', lambda m: symbols.get(m[0], m[0]), str(size.value))
                if size.value is not None
                else None
                for size in shape
            ]
        )

    for value in (*model.graph.inputs, *(v for node in model.graph for v in node.outputs)):
        if value.shape is not None:
            value.shape = rename(value.shape)
    # Where the exporter can't see that an output's size is a multiple of rows or columns it invents a name.
    for value, axes in zip(model.graph.outputs, outputs, strict=True):
        value.shape = ir.Shape(
            [size if axis is None else axis_name(axis) for axis, size in zip(axes, value.shape or (), strict=True)]
        )


def axis_name(axis: Any) -> str:
    """'batch' -> 'batch', ('rows', 1) -> 'rows', ('rows', 16) -> '16*rows'."""
    if isinstance(axis, tuple):
        return f'{axis[1]}*{axis[0]}' if axis[1] != 1 else axis[0]
    return axis


def strip_traces(model: ir.Model) -> None:
    """Remove what the exporter records of Python: stack traces with file paths of the machine."""
    ClearMetadataAndDocStringPass()(model)
    outputs = (value for node in model.graph.all_nodes() for value in node.outputs)
    for value in (*model.graph.inputs, *model.graph.initializers.values(), *outputs):
        value.metadata_props.clear()
    model.metadata_props.clear()


def fill_branch(model: ir.Model, domain: str, operation: str, body: ir.Model, weight: str) -> None:
    """Replace the node ``domain::operation`` by its ``body``, in a branch that runs only where it is wanted.

    The node's inputs are those of ``body`` and, named ``weight``, one more [B]: where it is 0 for the whole batch the
    outputs are zeros instead. Output k of the body has the shape of that weight (rank 1) or of the first input.
    """
    nodes = [n for n in model.graph if n.domain == domain and n.op_type == operation]
    if len(nodes) != 1:
        raise ValueError(f'{len(nodes)} nodes {domain}::{operation} where there should be one')
    (node,) = nodes
    arguments = [v for v in node.inputs if v is not None]
    factor = next(v for v in arguments if v.name == weight)

    inner = body.graph
    for value in [*inner.initializers.values()]:
        del inner.initializers[value.name or '']
        value.name = f'{operation}.{value.name}'
        inner.register_initializer(value)
    for inner_node in inner:
        inner_node.name = f'{operation}.{inner_node.name}'
        for value in inner_node.outputs:
            value.name = f'{operation}.{value.name}'
    outer = [v for v in arguments if v is not factor]
    for formal, actual in zip(list(inner.inputs), outer, strict=True):
        formal.replace_all_uses_with(actual)
    inner.inputs.clear()
    inner.name = f'{operation}.wanted'

    zero = ir.val(f'{operation}.zero', ir.DataType.FLOAT, [], const_value=ir.tensor(np.float32(0)))
    zeros = []
    for output in node.outputs:
        like = factor if output.shape is not None and len(output.shape) == 1 else outer[0]
        zeros.append(ir.node('Mul', [like, zero], name=f'{operation}.none.{output.name}'))
        zeros[-1].outputs[0].name = f'{operation}.none.{output.name}.value'
        zeros[-1].outputs[0].shape, zeros[-1].outputs[0].dtype = output.shape, ir.DataType.FLOAT
    unwanted = ir.Graph(
        [], [n.outputs[0] for n in zeros], nodes=zeros, initializers=[zero], name=f'{operation}.unwanted'
    )

    limit = ir.val(f'{operation}.off', ir.DataType.FLOAT, [], const_value=ir.tensor(np.float32(0)))
    largest = ir.node('ReduceMax', [ir.node('Abs', [factor]).outputs[0]], {'keepdims': 0})
    absolute = largest.inputs[0].producer()  # type: ignore[union-attr]
    wanted = ir.node('Greater', [largest.outputs[0], limit])
    for index, condition in enumerate((absolute, largest, wanted)):
        condition.name = f'{operation}.condition.{index}'
        condition.outputs[0].name = f'{operation}.condition.{index}.value'
    branch = ir.node(
        'If',
        [wanted.outputs[0]],
        {'then_branch': inner, 'else_branch': unwanted},
        num_outputs=len(node.outputs),
        name=operation,
    )
    model.graph.register_initializer(limit)
    model.graph.insert_before(node, [absolute, largest, wanted, branch])
    for old, new in zip(node.outputs, branch.outputs, strict=True):
        new.name, new.shape, new.dtype = old.name, old.shape, old.dtype
        old.name = f'{old.name}.replaced'
        old.replace_all_uses_with(new, replace_graph_outputs=True)
    model.graph.remove(node, safe=True)
    model.opset_imports.pop(domain, None)


def graph_config(path: Path) -> dict[str, Any] | None:
    """The configuration that an exporter wrote into a graph file, or None."""
    text = ir.load(path).metadata_props.get(CONFIG_KEY)
    return None if text is None else json.loads(text)


def read_weights(path: Path, prefix: str = '') -> dict[str, np.ndarray]:
    """Initialisers of a graph file as float32, by the names they had in PyTorch, ``prefix`` taken off.

    Names without the prefix are left out (with no prefix: none). Constants of the exporter are among the result.
    """
    weights = {}
    for name, value in ir.load(path).graph.initializers.items():
        name = name.removesuffix('.float16')
        if name.startswith(prefix) and value.const_value is not None:
            data = value.const_value.numpy()
            if np.issubdtype(data.dtype, np.floating):
                weights[name.removeprefix(prefix)] = data.astype(np.float32)
    return weights


def set_config(model: ir.Model, config: Mapping[str, Any]) -> None:
    model.metadata_props[CONFIG_KEY] = json.dumps(config)
