"""New nodes for an ONNX graph: each goes before the node ``at``, and constants that are equal are made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir


class Emitter:
    """``at`` is the node of the graph that new ones are put before; every new name begins with ``name``."""

    def __init__(self, graph: ir.Graph, name: str) -> None:
        self.graph, self.name = graph, name
        self.at: ir.Node | None = None
        self._count = 0
        self._shared: dict[Hashable, ir.Value] = {}

    def nodes(
        self, operation: str, inputs: Sequence[ir.Value | None], outputs: int, domain: str = '', **attributes: Any
    ) -> list[ir.Value]:
        assert self.at is not None
        name = f'{self.name}.{self._count}'
        self._count += 1
        node = ir.node(operation, inputs, attributes, domain=domain, num_outputs=outputs, name=name)
        for index, value in enumerate(node.outputs):
            value.name = f'{name}.{index}'
        self.graph.insert_before(self.at, node)
        return list(node.outputs)

    def node(self, operation: str, inputs: Sequence[ir.Value | None], domain: str = '', **attributes: Any) -> ir.Value:
        return self.nodes(operation, inputs, 1, domain, **attributes)[0]

    def once(self, key: Hashable, make: Callable[[], ir.Value]) -> ir.Value:
        """What ``make`` gave the first time: it must not depend on anything that comes later in the graph."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def constant(self, array: np.ndarray) -> ir.Value:
        def initialiser() -> ir.Value:
            name = f'{self.name}.constant.{len(self._shared)}'
            tensor = ir.tensor(array, name=name)
            value = ir.val(name, tensor.dtype, list(tensor.shape), const_value=tensor)
            self.graph.register_initializer(value)
            return value

        return self.once((array.dtype.str, array.shape, array.tobytes()), initialiser)

    def integers(self, *values: int) -> ir.Value:
        return self.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> ir.Value:
        return self.constant(np.array(value, dtype=np.float32))
