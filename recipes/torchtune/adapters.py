"""torchtune's LoRA and DoRA layers, computed so that a frozen 16-bit base and fp32 adapters go together.

torchtune's own forward needs one dtype for everything, so `dtype: bf16` would make adapters and optimiser state bf16
and small updates would be lost. Here the adapter is cast for the multiplication and its gradient comes back in fp32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchtune.modules.peft import DoRALinear, LoRALinear


class LoRA(LoRALinear):  # type: ignore[misc]
    """W x + b + (alpha / rank) B A x, with W in the compute dtype and A, B in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if self.disabled:
            return F.linear(x, self.weight, self.bias)
        scale = self.alpha / self.rank
        return low_rank(x, self.dropout(x), self.weight, self.bias, self.lora_a.weight, self.lora_b.weight, scale)


class DoRA(DoRALinear):  # type: ignore[misc]
    """m (W + s B A) x / |W + s B A| + b, the norm taken by row and held constant in the gradient (as in `peft`).

    torchtune's own forward scales the bias along with the product, which is another model for Qwen2.5, and multiplies
    B and A with an identity matrix at each step to get the norm; the norm of a sum needs neither.
    """

    _base_square: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out]."""
        if self.disabled:
            return F.linear(x, self.weight, self.bias)
        a, b = self.lora_a.weight, self.lora_b.weight
        product = low_rank(x, self.dropout(x), self.weight, None, a, b, self.scaling)
        out: Tensor = product * (self.magnitude / self.row_norm())
        return (out if self.bias is None else out + self.bias).to(x.dtype)

    @torch.no_grad()
    def row_norm(self) -> Tensor:
        """|W + s B A| by row [out], in fp32: |W|^2 + 2 s <W A^T, B> + s^2 <B A A^T, B>."""
        a, b, weight = self.lora_a.weight, self.lora_b.weight, self.weight.float()
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
        out = F.linear(rows, weight, bias).addmm_(hidden, up.T)
        ctx.save_for_backward(adapted, weight, down, up, hidden)
        ctx.scale, ctx.apart, ctx.shape, ctx.dtype = scale, dropped is not None, x.shape, a.dtype
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        adapted, weight, down, up, hidden = ctx.saved_tensors
        grad = grads[0].reshape(-1, grads[0].shape[-1])
        back = (grad @ up).mul_(ctx.scale)
        grad_x = grad_dropped = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ weight
            if not ctx.apart:
                grad_x.addmm_(back, down)
            grad_x = grad_x.view(ctx.shape)
        if ctx.apart and ctx.needs_input_grad[1]:
            grad_dropped = (back @ down).view(ctx.shape)
        grad_a = (back.T @ adapted).to(ctx.dtype)
        grad_b = (grad.T @ hidden).to(ctx.dtype)
        return grad_x, grad_dropped, None, None, grad_a, grad_b, None
