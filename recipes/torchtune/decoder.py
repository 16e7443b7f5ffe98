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
from torchtune.modules import MultiHeadAttention, TransformerDecoder

from recipes.torchtune.attention import attend, rotate


@dataclass(frozen=True)
class Layout:
    """How a batch lies in its one sequence."""

    prefix: int
    rows: int
    width: int


@dataclass(frozen=True)
class Positions:
    """What every block needs to know of the layout: the rotation of each token and who may look at whom."""

    layout: Layout
    cos: Tensor
    """[1, prefix + rows * width, 1, head_dim / 2]"""
    sin: Tensor
    hidden: Tensor
    """[width, prefix + width], true where a remainder's token may not look"""
    hidden_prefix: Tensor
    """[prefix, prefix]"""


class Attention(MultiHeadAttention):  # type: ignore[misc]
    """Grouped-query attention over a `Layout`, for training only (no cache). Queries and keys are normalised before
    the rotary embedding, as Qwen3 wants it; torchtune 0.6.1 does it after."""

    def forward(
        self, x: Tensor, y: Tensor | None = None, *, mask: Positions | None = None, input_pos: Tensor | None = None
    ) -> Tensor:
        """x [1, tokens, dim] -> the same shape. `mask` carries the positions through torchtune's block."""
        assert mask is not None
        tokens = x.shape[1]
        q = self.q_proj(x).view(1, tokens, self.num_heads, self.head_dim)
        k = self.k_proj(x).view(1, tokens, self.num_kv_heads, self.head_dim)
        v = self.v_proj(x).view(1, tokens, self.num_kv_heads, self.head_dim)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = rotate(q, mask.cos, mask.sin), rotate(k, mask.cos, mask.sin)
        out: Tensor = self.output_proj(_attend(q, k, v, mask).view(1, tokens, -1))
        return out


class Decoder(TransformerDecoder):  # type: ignore[misc]
    """torchtune's decoder, with logits at chosen positions."""

    def forward(
        self, tokens: Tensor, *, layout: Layout | None = None, answers: Tensor | None = None, **_: Any
    ) -> Tensor | list[Tensor]:
        """Logits as torchtune gives them (one tensor, or chunks along the tokens).

        Without a layout, tokens [rows, width] -> [rows, width, vocabulary]. With one, tokens [1, n] are laid out so,
        and `answers` [m] picks the positions that get logits: [1, m, vocabulary].
        """
        shape = tokens.shape
        positions = self._positions(layout or Layout(0, *shape), tokens.device)
        hidden = self.tok_embeddings(tokens.reshape(1, -1))
        for block in self.layers:
            hidden = block(hidden, mask=positions)
        hidden = hidden.view(*shape, -1) if answers is None else hidden[:, answers]
        logits: Tensor | list[Tensor] = self.unembed(hidden)
        return logits

    def chunked_output(self, last_hidden_state: Tensor) -> list[Tensor]:
        """Logits [rows, m / chunks, vocabulary] in chunks, each by one flat product (a batched one is far slower)."""
        chunks = last_hidden_state.chunk(self.num_output_chunks, dim=1)
        return [self.output(chunk.flatten(0, 1)).unflatten(0, chunk.shape[:2]) for chunk in chunks]

    def _positions(self, layout: Layout, device: torch.device) -> Positions:
        prefix, width = layout.prefix, layout.width
        rope = self.layers[0].attn.pos_embeddings
        own = torch.arange(prefix, prefix + width, device=device).repeat(layout.rows)
        cache = rope.cache[torch.cat([torch.arange(prefix, device=device), own])]
        half = rope.dim // 2
        cos, sin = cache[None, :, None, :half], cache[None, :, None, 2 * half : 3 * half]
        dtype = self.tok_embeddings.weight.dtype
        hidden = torch.ones(width, prefix + width, dtype=torch.bool, device=device).triu(prefix + 1)
        alone = torch.ones(prefix, prefix, dtype=torch.bool, device=device).triu(1)
        return Positions(layout, cos.to(dtype), sin.to(dtype), hidden, alone)


def _attend(q: Tensor, k: Tensor, v: Tensor, positions: Positions) -> Tensor:
    """q [1, tokens, heads, n], k and v [1, tokens, kv_heads, n] -> like q: the prefix on itself, each remainder on the
    prefix and itself."""
    layout = positions.layout
    if not layout.prefix:
        return _by_token(attend(_by_head(q, layout), _by_head(k, layout), _by_head(v, layout), positions.hidden))
    cut = [layout.prefix, layout.rows * layout.width]
    (first_q, q), (first_k, k), (first_v, v) = (torch.split(each, cut, dim=1) for each in (q, k, v))
    first_q, first_k, first_v = (each.transpose(1, 2) for each in (first_q, first_k, first_v))
    first = attend(first_q, first_k, first_v, positions.hidden_prefix)
    k = torch.cat([first_k.expand(layout.rows, -1, -1, -1), _by_head(k, layout)], dim=2)
    v = torch.cat([first_v.expand(layout.rows, -1, -1, -1), _by_head(v, layout)], dim=2)
    rest = attend(_by_head(q, layout), k, v, positions.hidden)
    return torch.cat([_by_token(first), _by_token(rest)], dim=1)


def _by_head(x: Tensor, layout: Layout) -> Tensor:
    """[1, rows * width, heads, n] -> [rows, heads, width, n]"""
    return x.view(layout.rows, layout.width, *x.shape[2:]).transpose(1, 2)


def _by_token(x: Tensor) -> Tensor:
    """[rows, heads, width, n] -> [1, rows * width, heads, n]"""
    return x.transpose(1, 2).reshape(1, -1, x.shape[1], x.shape[3])
