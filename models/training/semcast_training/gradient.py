"""Gradients as ordinary ONNX graphs: trace a module that differentiates inside its forward into one that does not.

ONNX Runtime runs forward graphs only. ``trace_gradient`` records every operation of a forward that calls
``torch.autograd.grad``, backward pass included, with symbolic sizes; what comes out is a plain graph for
``torch.onnx.export``. Left to PyTorch's own decompositions that graph is correct and slow. What makes it fast:

- the input gradient of a convolution is a convolution with the kernel flipped and its channels transposed. Flipping is
  part of the graph, so the kernels are stored once for both directions and ONNX Runtime does it when it loads them;
- stride 2 becomes a convolution at the lower resolution and a pixel shuffle, instead of a transposed convolution;
- the gradient of a ReLU is a product with the mask 1[x > 0], which is HardSigmoid with a huge slope: unlike
  comparisons and Sign, ONNX Runtime runs it in the blocked layout (NCHWc) of its convolutions, so that the backward
  pass stays in that layout from end to end;
- nearest-neighbour doubling and its gradient (the sum of four) stay in it too: Resize, and a depthwise convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch._decomp import core_aten_decompositions
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten


# --- operations that PyTorch would break into pieces, kept whole up to ONNX ---


@torch.library.custom_op('semcast::positive', mutates_args=())
def positive(x: Tensor) -> Tensor:
    """1 where x > 0, else 0."""
    return (x > 0).to(x.dtype)


@positive.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op('semcast::nearest_double', mutates_args=())
def nearest_double(x: Tensor) -> Tensor:
    """Each pixel of [B, C, H, W] becomes a square of four."""
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


@nearest_double.register_fake
def _(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], x.shape[1], 2 * x.shape[2], 2 * x.shape[3])


def sum_of_squares_of_four(g: Tensor) -> Tensor:
    """The adjoint of ``nearest_double``, as a depthwise convolution."""
    channels = g.shape[1]
    ones = torch.ones(channels, 1, 2, 2, dtype=g.dtype)
    return aten.convolution(g, ones, None, [2, 2], [0, 0], [1, 1], False, [0, 0], channels)


class _NearestDouble(torch.autograd.Function):
    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        return torch.ops.semcast.nearest_double(x)

    @staticmethod
    def backward(_context: Any, g: Tensor) -> Tensor:
        return sum_of_squares_of_four(g)


class _KeepDoubling(TorchFunctionMode):
    """Sends ``interpolate(..., scale_factor=2, mode='nearest')`` to ``nearest_double``; PyTorch would trace it as
    gathers with computed indices."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.interpolate and kwargs.get('mode', 'nearest') == 'nearest' and len(args) <= 1:
            x = args[0] if args else kwargs['input']
            factor = kwargs.get('scale_factor')
            if x.ndim == 4 and factor in (2, (2, 2), [2, 2]):
                return _NearestDouble.apply(x)
        return function(*args, **kwargs)


def onnx_translations() -> dict[Any, Callable[..., Any]]:
    """What these operations become in ONNX, for ``torch.onnx.export(custom_translation_table=...)``."""
    from onnxscript import opset18 as op

    def positive_onnx(x: Any) -> Any:
        return op.HardSigmoid(x, alpha=1e30, beta=0.0)

    def nearest_double_onnx(x: Any) -> Any:
        return op.Resize(
            x,
            None,
            op.Constant(value_floats=[1.0, 1.0, 2.0, 2.0]),
            mode='nearest',
            coordinate_transformation_mode='asymmetric',
            nearest_mode='floor',
        )

    return {
        torch.ops.semcast.positive.default: positive_onnx,
        torch.ops.semcast.nearest_double.default: nearest_double_onnx,
    }


# --- backward passes in terms of forward operations ---


def _convolution_backward(
    g: Tensor,
    x: Tensor,
    weight: Tensor,
    _bias_sizes: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    _output_padding: Sequence[int],
    groups: int,
    _output_mask: Any,
) -> tuple[Tensor, None, None]:
    """Input gradient of a 2-d convolution; weights are constants here and get none."""
    if weight.ndim != 4:
        raise NotImplementedError('only 2-d convolutions can be differentiated for export')
    if transposed:
        return aten.convolution(g, weight, None, stride, padding, dilation, False, [0, 0], groups), None, None
    kernel, out, inner = weight.shape[2:], weight.shape[0], weight.shape[1]
    stride, padding, dilation = (list(v) * 2 if len(v) == 1 else list(v) for v in (stride, padding, dilation))
    plain = groups == 1 and dilation == [1, 1] and kernel[0] == kernel[1]
    if stride == [1, 1] and all(d * (k - 1) >= p for d, k, p in zip(dilation, kernel, padding)):
        pad = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding)]
        flipped = weight.flip((2, 3))
        if groups == 1:
            flipped = flipped.transpose(0, 1)
        else:
            flipped = flipped.reshape(groups, out // groups, inner, *kernel).transpose(1, 2)
            flipped = flipped.reshape(groups * inner, out // groups, *kernel)
        return aten.convolution(g, flipped, None, [1, 1], pad, dilation, False, [0, 0], groups), None, None
    if plain and list(kernel) == stride and padding == [0, 0]:
        # patches that don't overlap: each output pixel spreads over its own k x k square
        spread = weight.permute(1, 2, 3, 0).reshape(-1, out, 1, 1)
        g = aten.convolution(g, spread, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
        return aten.pixel_shuffle(g, kernel[0]), None, None
    if plain and kernel[0] == 3 and stride == [2, 2] and padding == [1, 1]:
        # Input pixel 2i + a takes from output pixels i (tap a + 1) and i + 1 (tap a - 1): with a zero tap put
        # before the first one, a 2 x 2 convolution for each of the four phases a, b. [O, I, d, a, e, b], d and e
        # counting from the later output pixel.
        phases = aten.constant_pad_nd(weight, [1, 0, 1, 0]).reshape(out, inner, 2, 2, 2, 2).flip((2, 4))
        phases = phases.permute(1, 3, 5, 0, 2, 4).reshape(4 * inner, out, 2, 2)
        padded = aten.constant_pad_nd(g, [0, 1, 0, 1])
        g = aten.convolution(padded, phases, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
        return aten.pixel_shuffle(g, 2), None, None
    extra = [(x.shape[i + 2] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) % stride[i] for i in range(2)]
    return aten.convolution(g, weight, None, stride, padding, dilation, True, extra, groups), None, None


def _threshold_backward(g: Tensor, result: Tensor, threshold: float) -> Tensor:
    if threshold != 0:
        raise NotImplementedError(f'a threshold of {threshold} cannot be differentiated for export')
    return g * torch.ops.semcast.positive(result)


def _upsample_nearest_backward(
    g: Tensor, output_size: Sequence[int], input_size: Sequence[int], *_scales: Any
) -> Tensor:
    if output_size[0] != 2 * input_size[2] or output_size[1] != 2 * input_size[3]:
        raise NotImplementedError('only nearest-neighbour upsampling by 2 can be differentiated for export')
    return sum_of_squares_of_four(g)


def _avg_pool_backward(
    g: Tensor,
    _x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    _ceil_mode: bool,
    _count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    kernel = list(kernel) * 2 if len(kernel) == 1 else list(kernel)
    stride = list(stride) * 2 if len(stride) == 1 else list(stride)
    if (stride and stride != kernel) or any(padding) or divisor is not None:
        raise NotImplementedError('only average pooling of squares side by side can be differentiated for export')
    share = 1 / (kernel[0] * kernel[1])
    if kernel == [2, 2]:
        return torch.ops.semcast.nearest_double(g) * share
    spread = torch.full((g.shape[1], 1, *kernel), share, dtype=g.dtype)
    return aten.convolution(g, spread, None, kernel, [0, 0], [1, 1], True, [0, 0], g.shape[1])


def decomposition_table() -> dict[Any, Callable[..., Any]]:
    table = dict(core_aten_decompositions())
    for operation in list(table):
        # these have ONNX counterparts, which are better than their decompositions
        if any(name in str(operation) for name in ('pixel_shuffle', 'pixel_unshuffle', 'upsample_nearest2d')):
            del table[operation]
    return table | {
        aten.convolution_backward.default: _convolution_backward,
        aten.threshold_backward.default: _threshold_backward,
        aten.upsample_nearest2d_backward.default: _upsample_nearest_backward,
        aten.avg_pool2d_backward.default: _avg_pool_backward,
    }


def trace_gradient(module: nn.Module, inputs: Sequence[Tensor]) -> GraphModule:
    """A module that computes the same as ``module``, whose forward differentiates, without differentiating.

    All sizes of the inputs are symbolic, and PyTorch takes equal numbers for the same symbol: different sizes must be
    different numbers in ``inputs`` (see ``distinct_sizes``). Parameters become constants.
    """

    def run(*arguments: Tensor) -> Any:
        with _KeepDoubling():
            return module(*arguments)

    return make_fx(
        run, tracing_mode='symbolic', _allow_non_fake_inputs=True, decomposition_table=decomposition_table()
    )(*inputs)


def distinct_sizes(fixed: Sequence[int], factors: Sequence[int]) -> tuple[int, int, int]:
    """(batch, rows, columns) for an example whose dynamic sizes meet neither each other nor a fixed one.

    ``fixed`` are the sizes that don't change (channels), ``factors`` the multiples of rows and columns that occur.
    """
    candidates = [2, 5, 7, 11, 13, 17, 19, 23, 29, 31]
    for batch in candidates:
        for rows in candidates:
            for columns in candidates:
                sizes = [batch, *(rows * f for f in factors), *(columns * f for f in factors)]
                if len({*sizes, *fixed}) == len(sizes) + len(set(fixed)):
                    return batch, rows, columns
    raise ValueError(f'no example sizes found that differ from {sorted(set(fixed))}')
