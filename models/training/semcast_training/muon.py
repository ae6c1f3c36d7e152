"""Muon: momentum whose update is orthogonalised (Jordan et al. 2024), for the weights of hidden convolutions.

    M <- mu M + G,   U = G + mu M (Nesterov),   W <- W - lr * 0.2 sqrt(max(n, m)) * orthogonalise(U)

with U as a matrix of n output channels by m = input channels x kernel taps. 0.2 sqrt(max(n, m)) gives the update the
root mean square of about 0.2 that AdamW's has (Liu et al. 2025, eq. 4), so both can share one learning rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Push the singular values of [..., n, m] towards 1, to about 0.7 to 1.2; the last product is in bfloat16.

    The quintic Newton-Schulz iteration, from X of norm 1,

        X <- Q X,   Q = 3.4445 I - 4.7750 A + 2.0315 A^2,   A = X X^T

    Q commutes with A, so A <- Q A Q, and X is multiplied by the product of the Qs at the end: the iteration runs on
    n x n matrices, which is several times cheaper for a kernel with n much smaller than m.
    """
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if tall else matrix
    norm = x.flatten(-2).norm(dim=-1)[..., None, None] + 1e-7
    gram = (x @ x.mT) / (norm * norm)
    product = torch.eye(x.shape[-2], device=x.device)
    for _ in range(iterations):
        q = -4.7750 * gram + 2.0315 * (gram @ gram)
        q.diagonal(dim1=-2, dim2=-1).add_(3.4445)
        product, gram = q @ product, q @ gram @ q
    result = (product / norm).bfloat16() @ x.bfloat16()
    return (result.mT if tall else result).float()


class Muon(torch.optim.Optimizer):
    """For parameters of two dimensions or more; the rest belongs to AdamW.

    ``parts`` gives for some parameters into how many interleaved sets of output channels they are cut before each is
    orthogonalised by itself: a convolution before a pixel shuffle by 2 is four convolutions, one for each phase.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.95,
        parts: Mapping[Tensor, int] | None = None,
    ) -> None:
        super().__init__(parameters, {'lr': lr, 'momentum': momentum})
        self.parts = dict(parts or {})
        for group in self.param_groups:
            for parameter in group['params']:
                if parameter.ndim < 2:
                    raise ValueError(f'Muon takes matrices and kernels only, not shape {tuple(parameter.shape)}')
                self.state[parameter]['momentum'] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        if closure is not None:
            raise ValueError('Muon takes no closure')
        for group in self.param_groups:
            # Matrices of one shape are orthogonalised in one go: a GPU would wait for the many small products.
            pieces: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for parameter in group['params']:
                if parameter.grad is None:
                    continue
                buffer = self.state[parameter]['momentum']
                buffer.mul_(group['momentum']).add_(parameter.grad)
                update = parameter.grad + group['momentum'] * buffer
                parts = self.parts.get(parameter, 1)
                for part in range(parts):
                    # channels last is how training keeps kernels; the order of columns makes no difference
                    taps = update[part::parts].movedim(1, -1)
                    flat = taps.reshape(taps.shape[0], -1)
                    pieces.setdefault(tuple(flat.shape), []).append((parameter[part::parts].movedim(1, -1), flat))
            for shape, pairs in pieces.items():
                changes = orthogonalise(torch.stack([flat for _, flat in pairs]))
                for (weights, _), change in zip(pairs, changes, strict=True):
                    weights.add_(change.view(weights.shape), alpha=-group['lr'] * 0.2 * max(shape) ** 0.5)

    def buffers(self) -> list[Tensor]:
        """The momentum of each parameter, in order: what a checkpoint keeps."""
        return [self.state[p]['momentum'] for group in self.param_groups for p in group['params']]

    def load_buffers(self, saved: Sequence[Tensor]) -> None:
        buffers = self.buffers()
        if len(buffers) != len(saved):
            raise ValueError(f'{len(saved)} momentum buffers for {len(buffers)} parameters: another network')
        for buffer, value in zip(buffers, saved):
            buffer.copy_(value)
