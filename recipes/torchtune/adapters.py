"""torchtune's LoRA and DoRA layers, computed so that a frozen 16-bit or 4-bit base and fp32 adapters go together.

torchtune's own forward needs one dtype for everything, so `dtype: bf16` would make adapters and optimiser state bf16
and small updates would be lost. Here the adapter is cast for the multiplication and its gradient comes back in fp32.
A 4-bit weight is unpacked for each product, forward and backward, and never kept unpacked.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.dtypes.nf4tensor import NF4Tensor, to_nf4
from torchtune.modules.peft import DoRALinear, LoRALinear

from recipes.common.protocol import StepFailed

_BLOCK = 64
"""Weights that share a scale, as QLoRA has it."""


def quantise(weight: Tensor) -> Tensor:
    """A weight in NF4, its scales quantised too. Unpacked it has the dtype that it had."""
    scales, rest = divmod(weight.numel(), _BLOCK)
    if rest:
        raise StepFailed(
            "unsupported-model",
            f"a weight of shape {tuple(weight.shape)} has no multiple of {_BLOCK} elements, so NF4 cannot hold it",
            "Use method: lora or dora.",
        )
    # torchao wants the scales in whole blocks; 256 where that many fit, as QLoRA has it.
    packed: Tensor = to_nf4(weight.contiguous(), _BLOCK, math.gcd(scales, 256))
    return packed


def dense(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight as a plain tensor of `dtype`."""
    plain: Tensor = weight.get_original_weight() if isinstance(weight, NF4Tensor) else weight
    return plain.to(dtype)


class Frozen(nn.Linear):
    """A linear layer that is not trained, of a 16-bit or 4-bit weight."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]"""
        out: Tensor = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return out


class _Product(torch.autograd.Function):
    """The product with a frozen weight; only the weight as it is stored is kept for the backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.weight = weight
        return F.linear(x, dense(weight, x.dtype), bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0] @ dense(ctx.weight, grads[0].dtype), None, None


class LoRA(LoRALinear):  # type: ignore[misc]
    """W x + b + (alpha / rank) B A x, with W in the compute dtype and A, B in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if self.disabled:
            return F.linear(x, dense(self.weight, x.dtype), self.bias)
        scale = self.alpha / self.rank
        return low_rank(x, self.dropout(x), self.weight, self.bias, self.lora_a.weight, self.lora_b.weight, scale)


class DoRA(DoRALinear):  # type: ignore[misc]
    """m (W + s B A) x / |W + s B A| + b, the norm taken by row and held constant in the gradient (as in `peft`).

    torchtune's own forward scales the bias along with the product, which is another model for Qwen2.5, and multiplies
    B and A with an identity matrix at each step to get the norm; the norm of a sum needs neither.
    """

    _base_square: Tensor | None = None
    _norm: tuple[tuple[int, int], Tensor] | None = None
    """The row norm in evaluation, with the versions of A and B that it is of; `train()` forgets it."""

    def train(self, mode: bool = True) -> DoRA:
        """As torch's, and what was remembered for evaluation is forgotten."""
        self._norm = None
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if self.disabled:
            return F.linear(x, dense(self.weight, x.dtype), self.bias)
        a, b = self.lora_a.weight, self.lora_b.weight
        product = low_rank(x, self.dropout(x), self.weight, None, a, b, self.scaling)
        out: Tensor = product * (self.magnitude / (self.row_norm() if self.training else self._kept_norm()))
        return (out if self.bias is None else out + self.bias).to(x.dtype)

    def _kept_norm(self) -> Tensor:
        of = (self.lora_a.weight._version, self.lora_b.weight._version)
        if self._norm is None or self._norm[0] != of:
            self._norm = (of, self.row_norm())
        return self._norm[1]

    @torch.no_grad()
    def row_norm(self) -> Tensor:
        """|W + s B A| by row [out], in fp32: |W|^2 + 2 s <W A^T, B> + s^2 <B A A^T, B>."""
        a, b, weight = self.lora_a.weight, self.lora_b.weight, dense(self.weight, torch.float32)
        if self._base_square is None or self._base_square.device != weight.device:
            self._base_square = weight.square().sum(1)
        cross = ((weight @ a.T) * b).sum(1)
        added = ((b @ (a @ a.T)) * b).sum(1)
        square: Tensor = self._base_square + 2 * self.scaling * cross + self.scaling**2 * added
        return square.clamp_min(1e-12).sqrt()

    @torch.no_grad()
    def initialize_dora_magnitude(self) -> None:
        """Start at the base weight's own norms, so that the adapted model starts as the base model."""
        self.magnitude.copy_(self.row_norm())


def low_rank(
    x: Tensor, dropped: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
) -> Tensor:
    """x [..., in] times a frozen weight [out, in] plus `scale` b a times dropped [..., in]; a [rank, in] and b
    [out, rank] may be of a wider dtype than x."""
    out: Tensor = _LowRank.apply(  # type: ignore[no-untyped-call]
        x, None if dropped is x else dropped, weight, bias, a, b, scale
    )
    return out


class _LowRank(torch.autograd.Function):
    """Adds the low-rank product in place of the large one's memory, forward and backward, and keeps only x and the
    [tokens, rank] product for the backward."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        dropped: Tensor | None,
        weight: Tensor,
        bias: Tensor | None,
        a: Tensor,
        b: Tensor,
        scale: float,
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        adapted = rows if dropped is None else dropped.reshape(-1, x.shape[-1])
        down, up = a.to(x.dtype), b.to(x.dtype)
        hidden = (adapted @ down.T).mul_(scale)
        out = F.linear(rows, dense(weight, x.dtype), bias).addmm_(hidden, up.T)
        ctx.save_for_backward(adapted, down, up, hidden)
        ctx.weight = weight
        ctx.scale, ctx.apart, ctx.shape, ctx.dtype = scale, dropped is not None, x.shape, a.dtype
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        adapted, down, up, hidden = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        back = (grad @ up).mul_(ctx.scale)
        grad_x = grad_dropped = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ dense(ctx.weight, grad.dtype)
            if not ctx.apart:
                grad_x.addmm_(back, down)
            grad_x = grad_x.view(ctx.shape)
        if ctx.apart and ctx.needs_input_grad[1]:
            grad_dropped = (back @ down).view(ctx.shape)
        grad_a = (back.T @ adapted).to(ctx.dtype)
        grad_b = (grad.T @ hidden).to(ctx.dtype)
        return grad_x, grad_dropped, None, None, grad_a, grad_b, None
