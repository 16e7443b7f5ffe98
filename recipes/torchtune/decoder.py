"""torchtune's decoder for training on answers: a batch's common prompt is computed once, and logits only where the
loss looks.

A batch is one sequence of tokens [1, prefix + rows x width]: the prefix that all rows share, then the rows' own
remainders, padded on the right. Attention is causal, so the prefix does not depend on what follows it, and with the
same instruction before every row this saves a good part of the work and changes nothing in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchtune.modules import MultiHeadAttention, TransformerDecoder


@dataclass(frozen=True)
class Layout:
    """How a batch lies in its one sequence, and who attends to whom."""

    prefix: int
    rows: int
    width: int
    positions: Tensor
    """[1, prefix + rows * width]"""
    mask: Tensor | None
    """[width, prefix + width], true where a remainder's token may look; absent where there is no prefix"""

    @staticmethod
    def of(prefix: int, rows: int, width: int, device: torch.device) -> Layout:
        """The layout of `rows` remainders of `width` tokens after a shared prefix."""
        own = torch.arange(prefix, prefix + width, device=device).repeat(rows)
        positions = torch.cat([torch.arange(prefix, device=device), own])[None]
        mask = torch.ones(width, prefix + width, dtype=torch.bool, device=device).tril(prefix) if prefix else None
        return Layout(prefix, rows, width, positions, mask)


class Attention(MultiHeadAttention):  # type: ignore[misc]
    """Grouped-query attention over a `Layout`, for training only (no cache). Queries and keys are normalised before
    the rotary embedding, as Qwen3 wants it; torchtune 0.6.1 does it after."""

    def forward(
        self, x: Tensor, y: Tensor | None = None, *, mask: Layout | None = None, input_pos: Tensor | None = None
    ) -> Tensor:
        """x [1, tokens, dim] -> the same shape."""
        assert mask is not None
        tokens = x.shape[1]
        q = self.q_proj(x).view(1, tokens, self.num_heads, self.head_dim)
        k = self.k_proj(x).view(1, tokens, self.num_kv_heads, self.head_dim)
        v = self.v_proj(x).view(1, tokens, self.num_kv_heads, self.head_dim)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q = self.pos_embeddings(q, input_pos=mask.positions)
        k = self.pos_embeddings(k, input_pos=mask.positions)
        return self.output_proj(self._attend(q, k, v, mask).reshape(1, tokens, -1))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, layout: Layout) -> Tensor:
        """q [1, tokens, heads, head_dim], k and v [1, tokens, kv_heads, head_dim] -> like q."""
        cut = [layout.prefix, layout.rows * layout.width]
        (first_q, q), (first_k, k), (first_v, v) = (each.split(cut, dim=1) for each in (q, k, v))
        q, k, v = (_by_head(each, layout) for each in (q, k, v))
        if not layout.prefix:
            return _by_token(self._product(q, k, v, None))
        first_q, first_k, first_v = (each.transpose(1, 2) for each in (first_q, first_k, first_v))
        first = self._product(first_q, first_k, first_v, None)
        k = torch.cat([first_k.expand(layout.rows, -1, -1, -1), k], dim=2)
        v = torch.cat([first_v.expand(layout.rows, -1, -1, -1), v], dim=2)
        return torch.cat([_by_token(first), _by_token(self._product(q, k, v, layout.mask))], dim=1)

    def _product(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        groups = self.num_heads // self.num_kv_heads
        if groups > 1:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)


class Decoder(TransformerDecoder):  # type: ignore[misc]
    """torchtune's decoder, with logits at chosen positions."""

    def forward(
        self, tokens: Tensor, *, layout: Layout | None = None, answers: Tensor | None = None, **_: Any
    ) -> Tensor | list[Tensor]:
        """Logits as torchtune gives them (one tensor, or chunks along the tokens).

        Without a layout, tokens [rows, width] -> [rows, width, vocabulary]. With one, tokens [1, n] are laid out so,
        and `answers` [m] picks the positions that get logits: [1, m, vocabulary].
        """
        rows, width = tokens.shape
        plain = layout is None
        if layout is None:
            layout = Layout.of(0, rows, width, tokens.device)
            tokens = tokens.reshape(1, -1)
        hidden = self.tok_embeddings(tokens)
        for block in self.layers:
            hidden = block(hidden, mask=layout)
        if answers is not None:
            hidden = hidden[:, answers]
        elif plain:
            hidden = hidden.view(rows, width, -1)
        logits: Tensor | list[Tensor] = self.unembed(hidden)
        return logits


def _by_head(x: Tensor, layout: Layout) -> Tensor:
    """[1, rows * width, heads, head_dim] -> [rows, heads, width, head_dim]"""
    return x.view(layout.rows, layout.width, *x.shape[2:]).transpose(1, 2)


def _by_token(x: Tensor) -> Tensor:
    """[rows, heads, width, head_dim] -> [1, rows * width, heads, head_dim]"""
    return x.transpose(1, 2).reshape(1, -1, x.shape[1], x.shape[3])
