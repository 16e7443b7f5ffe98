"""torchtune's decoder with two changes. For training, the common prompt of a batch is computed once, and logits only at
the positions that the loss counts. For generation during training, keys and values are cached, and logits are those of
the last token.

A training batch is one sequence of tokens [1, prefix + rows x width]: the prefix that all rows share, then the
remainder of each row, padded on the right. Attention is causal, so the prefix does not depend on the tokens after it,
and the result is the same as for separate rows. All rows of a study share an instruction, so this saves much work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torchtune.modules import MultiHeadAttention, TransformerDecoder

from recipes.torchtune.attention import attend, rotate


@dataclass(frozen=True)
class Layout:
    """The layout of a batch in its one sequence."""

    prefix: int
    rows: int
    width: int


@dataclass(frozen=True)
class Positions:
    """What every layer needs of the layout: the rotation of each token and the attention masks."""

    layout: Layout
    cos: Tensor
    """[1, prefix + rows * width, 1, head_dim / 2]"""
    sin: Tensor
    hidden: Tensor
    """[width, prefix + width], true where a token of a remainder must not attend"""
    hidden_prefix: Tensor
    """[prefix, prefix]"""


@dataclass(frozen=True)
class Pass:
    """One forward pass of generation over the next tokens of every row. The layers add their keys and values to
    `past`."""

    cos: Tensor
    """[rows, width, 1, head_dim / 2]"""
    sin: Tensor
    bias: Tensor
    """[rows, 1, width, seen + width], very low where a token must not attend"""
    past: dict[int, tuple[Tensor, Tensor]]
    """id of a layer's attention -> keys and values [rows, kv_heads, seen, head_dim]"""


class Attention(MultiHeadAttention):  # type: ignore[misc]
    """Grouped-query attention over a `Layout` or a `Pass`. Queries and keys are normalised before the rotary embedding,
    as in Qwen3; torchtune 0.6.1 normalises them after it."""

    def forward(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        mask: Positions | Pass | None = None,
        input_pos: Tensor | None = None,
    ) -> Tensor:
        """x [rows, tokens, dim] -> the same shape. `mask` is the argument that torchtune's layers pass on."""
        assert mask is not None
        rows, tokens = x.shape[:2]
        q = self.q_proj(x).view(rows, tokens, self.num_heads, self.head_dim)
        k = self.k_proj(x).view(rows, tokens, self.num_kv_heads, self.head_dim)
        v = self.v_proj(x).view(rows, tokens, self.num_kv_heads, self.head_dim)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        cos, sin = mask.cos.to(q.dtype), mask.sin.to(q.dtype)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        seen = self._attend_cached(q, k, v, mask) if isinstance(mask, Pass) else _attend(q, k, v, mask)
        out: Tensor = self.output_proj(seen.reshape(rows, tokens, -1))
        return out

    def _attend_cached(self, q: Tensor, k: Tensor, v: Tensor, step: Pass) -> Tensor:
        """q [rows, width, heads, n] -> like q: attention to all tokens so far, which adds k and v to the cache."""
        k, v = k.transpose(1, 2), v.transpose(1, 2)
        if id(self) in step.past:
            before = step.past[id(self)]
            k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
        step.past[id(self)] = k, v
        rows, width, heads, size = q.shape
        if width > 1 and q.device.type == "cuda":
            # With repeated keys and values the fused kernel applies, which does not store the whole score matrix.
            k, v = (x.repeat_interleave(heads // k.shape[1], 1) for x in (k, v))
            out: Tensor = functional.scaled_dot_product_attention(
                q.transpose(1, 2), k, v, attn_mask=step.bias.to(q.dtype)
            )
            return out.transpose(1, 2)
        # Heads that share a key form one tall matrix, so that keys and values need not be repeated.
        tall = q.transpose(1, 2).reshape(rows, k.shape[1], -1, size)
        score = (tall @ k.transpose(2, 3)).view(rows, heads, width, -1).float() * size**-0.5 + step.bias
        share = score.softmax(-1).to(v.dtype).view(rows, k.shape[1], -1, k.shape[2])
        out = (share @ v).view(rows, heads, width, size)
        return out.transpose(1, 2)


class Decoder(TransformerDecoder):  # type: ignore[misc]
    """torchtune's decoder, with logits at selected positions."""

    rope_theta: float
    """Base of the rotary embedding's frequencies."""

    def forward(
        self,
        tokens: Tensor,
        *,
        layout: Layout | None = None,
        answers: Tensor | None = None,
        step: Pass | None = None,
        **_: Any,
    ) -> Tensor | list[Tensor]:
        """Logits in torchtune's form (one tensor, or chunks along the tokens).

        Without a layout: tokens [rows, width] -> [rows, width, vocabulary]. With a layout: tokens [1, n] -> [1, m,
        vocabulary] at the positions `answers` [m]. In a pass of generation: tokens [rows, width] -> [rows, vocabulary]
        of the last token.
        """
        if step is not None:
            seen = self.tok_embeddings(tokens)
            for layer in self.layers:
                seen = layer(seen, mask=step)
            last: Tensor = self.output(self.norm(seen[:, -1])).float()
            return last
        shape = tokens.shape
        positions = self._positions(layout or Layout(0, *shape), tokens.device)
        hidden = self.tok_embeddings(tokens.reshape(1, -1))
        for layer in self.layers:
            hidden = layer(hidden, mask=positions)
        hidden = hidden.view(*shape, -1) if answers is None else hidden[:, answers]
        logits: Tensor | list[Tensor] = self.unembed(hidden)
        return logits

    def chunked_output(self, last_hidden_state: Tensor) -> list[Tensor]:
        """Logits [rows, m / chunks, vocabulary] in chunks. Each is one flat product, because a batched one is far
        slower."""
        chunks = last_hidden_state.chunk(self.num_output_chunks, dim=1)
        return [self.output(chunk.flatten(0, 1)).unflatten(0, chunk.shape[:2]) for chunk in chunks]

    def rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine [..., 1, head_dim / 2] of positions [...]. They are computed, not read from a table, so that
        there is no largest position: an answer is longer than any row of the training."""
        share = torch.arange(0, self.head_dim, 2, device=positions.device).float() / self.head_dim
        angles = positions[..., None, None] * (1.0 / self.rope_theta**share)
        return angles.cos(), angles.sin()

    def _positions(self, layout: Layout, device: torch.device) -> Positions:
        prefix, width = layout.prefix, layout.width
        own = torch.arange(prefix, prefix + width, device=device).repeat(layout.rows)
        cos, sin = self.rotation(torch.cat([torch.arange(prefix, device=device), own])[None])
        dtype = self.tok_embeddings.weight.dtype
        hidden = torch.ones(width, prefix + width, dtype=torch.bool, device=device).triu(prefix + 1)
        alone = torch.ones(prefix, prefix, dtype=torch.bool, device=device).triu(1)
        return Positions(layout, cos.to(dtype), sin.to(dtype), hidden, alone)


def _attend(q: Tensor, k: Tensor, v: Tensor, positions: Positions) -> Tensor:
    """q [1, tokens, heads, n], k and v [1, tokens, kv_heads, n] -> like q. The prefix attends to itself, each remainder
    to the prefix and itself."""
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
