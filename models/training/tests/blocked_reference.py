"""ONNX Runtime's operators in blocked layout, in numpy, for blocks of any size: a processor has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from semcast_training.cpu.blocked import DOMAIN


def to_blocks(x: np.ndarray, block: int) -> np.ndarray:
    """[B, C, H, W] with the contents of [B, C/c, H, W, c]."""
    batch, channels, height, width = x.shape
    apart = x.reshape(batch, channels // block, block, height, width)
    return np.ascontiguousarray(apart.transpose(0, 1, 3, 4, 2)).reshape(x.shape)


def from_blocks(x: np.ndarray, block: int) -> np.ndarray:
    batch, channels, height, width = x.shape
    apart = x.reshape(batch, channels // block, height, width, block)
    return np.ascontiguousarray(apart.transpose(0, 1, 4, 2, 3)).reshape(x.shape)


def _weights(filters: np.ndarray, block: int) -> np.ndarray:
    """[O, C, kh, kw] from the order in which the kernels read it: MlasReorderFilterOIHWBiBo, or ...OIHWBo."""
    out, inner, height, width = filters.shape
    if inner < block:
        apart = filters.reshape(out // block, inner, height, width, block)
        return apart.transpose(0, 4, 1, 2, 3).reshape(filters.shape)
    apart = filters.reshape(out // block, inner // block, height, width, block, block)
    return apart.transpose(0, 5, 1, 4, 2, 3).reshape(filters.shape)


def convolve(
    x: np.ndarray, w: np.ndarray, pads: list[int], strides: list[int], dilations: list[int], group: int
) -> np.ndarray:
    """In float64."""
    top, left, bottom, right = pads
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows, columns = ((k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(x, (rows, columns), axis=(2, 3))
    windows = windows[:, :, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
    if group == 1:
        return np.einsum('bcyxjk,ocjk->boyx', windows, w, optimize=True)
    assert w.shape[:2] == (group, 1)
    return np.einsum('bcyxjk,cjk->bcyx', windows, w[:, 0], optimize=True)


def evaluator(model: onnx.ModelProto, block: int) -> ReferenceEvaluator:
    """Runs a graph in blocked layout as a processor with blocks of ``block`` channels would."""

    class ReorderInput(OpRun):
        op_domain = DOMAIN

        def _run(self, x: np.ndarray, **_: Any) -> tuple[np.ndarray]:
            return (to_blocks(x, block),)

    class ReorderOutput(OpRun):
        op_domain = DOMAIN

        def _run(self, x: np.ndarray, channels: int, **_: Any) -> tuple[np.ndarray]:
            # The kernel finds the next picture of the batch by this number, whatever the shape of x says.
            assert x.shape[1] == -(-channels // block) * block
            return (from_blocks(x, block)[:, :channels],)

    class Upsample(OpRun):
        op_domain = DOMAIN

        def _run(self, x: np.ndarray, scales: Any = None, mode: str = 'nearest', **_: Any) -> tuple[np.ndarray]:
            assert mode == 'nearest'
            plain = from_blocks(x, block)
            for axis, factor in enumerate(scales):
                plain = plain.repeat(factor, axis)
            return (to_blocks(plain, block),)

    class Conv(OpRun):
        op_domain = DOMAIN

        def _run(
            self,
            x: np.ndarray,
            filters: np.ndarray,
            bias: np.ndarray | None = None,
            summand: np.ndarray | None = None,
            **attributes: Any,
        ) -> tuple[np.ndarray]:
            assert list(attributes['kernel_shape']) == list(filters.shape[2:])
            group = attributes['group']
            plain = x if group == 1 and filters.shape[1] < block else from_blocks(x, block)
            geometry = [list(attributes[name]) for name in ('pads', 'strides', 'dilations')]
            y = convolve(plain, _weights(filters, block), *geometry, group)
            if bias is not None:
                y = y + bias[None, :, None, None]
            if summand is not None:
                y = y + from_blocks(summand, block)
            if attributes.get('activation') == 'Relu':
                y = np.maximum(y, 0)
            return (to_blocks(y.astype(np.float32), block),)

    return ReferenceEvaluator(model, new_ops=[ReorderInput, ReorderOutput, Upsample, Conv])
