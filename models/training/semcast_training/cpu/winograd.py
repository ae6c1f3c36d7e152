"""Winograd's minimal filtering for 3x3 convolutions, along the columns of a picture.

ONNX Runtime computes a convolution directly on a CPU, and close to what the processor can do: faster means fewer
multiplications. F(4, 3) computes four outputs of a filter of three taps with six multiplications instead of twelve
(Winograd 1980; Lavin, Gray 2016, arXiv 1509.09308):

    y = A^T [ (G g) * (B^T d) ],    six inputs d that overlap those of the next four outputs by two

Here it is applied down the columns of a picture, with vectors for scalars: d are six rows of all channels, and the
product with G g is a 1x3 convolution along the row that sums over channels. Of the ways to nest it this one suits the
runtime best: B^T d are six depthwise convolutions in its blocked layout (``blocked.py``), the products six convolutions
in the same layout, A^T a matrix product. F(4x4, 3x3) in two dimensions halves the products once more, but it leaves
the blocked layout, moves 2.25 times the data instead of 1.5, and its weights are four times as large instead of twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from .emitter import Emitter

OUTPUTS = 4
TAPS = 3
#: 0 and pairs of opposites, close to each other in size so that their powers are too: that rounds less than the usual
#: 0, 1, -1, 2, -2 (``test_rounds_little``; Barabasz et al. 2020, arXiv 1803.10986, study good choices).
POINTS = (0.0, 0.7, -0.7, 1.4, -1.4)


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


def matrices() -> tuple[np.ndarray, np.ndarray]:
    """(A^T [4, 6], B^T [6, 6]) of F(4, 3) at ``POINTS``, float32; G is applied by ``filter_rows``."""
    outputs_of, _, data = toom_cook(POINTS, OUTPUTS, TAPS)
    return outputs_of.astype(np.float32), data.astype(np.float32)


def filter_rows(emit: Emitter, first: ir.Value, middle: ir.Value, last: ir.Value) -> list[ir.Value]:
    """The rows of G g from those of g, whatever their layout: g_0 + p^2 g_2 +- p g_1."""
    rows = {0.0: first}
    for point in sorted({abs(p) for p in POINTS if p}):
        even = emit.node('Add', [first, emit.node('Mul', [last, emit.scalar(point**2)])])
        odd = emit.node('Mul', [middle, emit.scalar(point)])
        rows[point], rows[-point] = emit.node('Add', [even, odd]), emit.node('Sub', [even, odd])
    return [rows[p] for p in POINTS] + [last]


def bias_factors() -> np.ndarray:
    """[6]: a bias times these, added to the six products, is what A^T makes that bias of all four outputs from."""
    outputs_of, _, _ = toom_cook(POINTS, OUTPUTS, TAPS)
    return np.linalg.lstsq(outputs_of, np.ones(OUTPUTS), rcond=None)[0].astype(np.float32)
