"""torchtune's LoRA and DoRA layers with fp32 adapters over a frozen 16-bit or 4-bit base.

torchtune's own layers need one dtype for everything. With `dtype: bf16`, adapters and optimiser state would be bf16 and
small updates would be lost. These layers cast the adapter for the product and return its gradient in fp32. A 4-bit
weight is dequantised for each forward and backward product, and the result is not kept.
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
"""Number of weights that share a scale, as in QLoRA."""


def quantise(weight: Tensor) -> Tensor:
    """A weight in NF4 with quantised scales. It dequantises to the dtype of `weight`."""
    scales, rest = divmod(weight.numel(), _BLOCK)
    if rest:
        raise StepFailed(
            "unsupported-model",
            f"cannot quantise a weight of shape {tuple(weight.shape)}: NF4 needs a multiple of {_BLOCK} elements",
            "Use method: lora or dora.",
        )
    # torchao needs whole blocks of scales: 256 as in QLoRA, if the number of scales is a multiple of that.
    packed: Tensor = to_nf4(weight.contiguous(), _BLOCK, math.gcd(scales, 256))
    return packed


def dense(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A weight as a dense tensor of `dtype`."""
    plain: Tensor = weight.get_original_weight() if isinstance(weight, NF4Tensor) else weight
    return plain.to(dtype)


class Frozen(nn.Linear):
    """A linear layer with a frozen 16-bit or 4-bit weight."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]"""
        out: Tensor = _Product.apply(x, self.weight, self.bias)  # type: ignore[no-untyped-call]
        return out


class _Product(torch.autograd.Function):
    """The product with a frozen weight. For the backward pass only the stored form of the weight is kept."""

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
    """m (W + s B A) x / |W + s B A| + b. The norm is that of each row and is constant in the gradient, as in `peft`.

    torchtune's own layer also scales the bias, which is wrong for Qwen2.5. It multiplies B A by an identity matrix at
    each step to compute the norm; `row_norm` expands the norm of the sum instead.
    """

    _base_square: Tensor | None = None
    _norm: tuple[tuple[int, int], Tensor] | None = None
    """Cached row norm for evaluation, with the versions of A and B that it was computed from. `train()` clears it."""

    def train(self, mode: bool = True) -> DoRA:
        """Switch between training and evaluation, and clear the cached norm."""
        self._norm = None
        super().train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if self.disabled:
            return F.linear(x, dense(self.weight, x.dtype), self.bias)
        a, b = self.lora_a.weight, self.lora_b.weight
        product = low_rank(x, self.dropout(x), self.weight, None, a, b, self.scaling)
        out: Tensor = product * (self.magnitude / (self.row_norm() if self.training else self._cached_norm()))
        return (out if self.bias is None else out + self.bias).to(x.dtype)

    def _cached_norm(self) -> Tensor:
        versions = (self.lora_a.weight._version, self.lora_b.weight._version)
        if self._norm is None or self._norm[0] != versions:
            self._norm = (versions, self.row_norm())
        return self._norm[1]

    @torch.no_grad()
    def row_norm(self) -> Tensor:
        """|W + s B A| of each row [out], in fp32, as the root of |W|^2 + 2 s <W A^T, B> + s^2 <B A A^T, B>."""
        a, b, weight = self.lora_a.weight, self.lora_b.weight, dense(self.weight, torch.float32)
        if self._base_square is None or self._base_square.device != weight.device:
            self._base_square = weight.square().sum(1)
        cross = ((weight @ a.T) * b).sum(1)
        added = ((b @ (a @ a.T)) * b).sum(1)
        square: Tensor = self._base_square + 2 * self.scaling * cross + self.scaling**2 * added
        return square.clamp_min(1e-12).sqrt()

    @torch.no_grad()
    def initialize_dora_magnitude(self) -> None:
        """Initialise the magnitude with the norms of the base weight, so that training starts from the base model."""
        self.magnitude.copy_(self.row_norm())


def low_rank(
    x: Tensor, dropped: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float
) -> Tensor:
    """weight x + bias + `scale` b a dropped. x and dropped [..., in], weight [out, in], a [rank, in], b [out, rank]. a
    and b may have a wider dtype than x."""
    out: Tensor = _LowRank.apply(  # type: ignore[no-untyped-call]
        x, None if dropped is x else dropped, weight, bias, a, b, scale
    )
    return out


class _LowRank(torch.autograd.Function):
    """Adds the low-rank product in the memory of the large product, forward and backward. For the backward pass only x
    and the product of shape [tokens, rank] are kept."""

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
