"""torchtune's decoder with two changes. For training, the common prompt of a batch is computed once, and logits only at
the positions that the loss counts. For generation during training, keys and values are cached, and logits are those of
the last token.

A training batch is one sequence of tokens [1, prefix + rows x width]: the prefix that all rows share, then the
remainder of each row, padded on the right. Attention is causal, so the prefix does not depend on the tokens after it,
and the result is the same as for separate rows. All rows of a study share an instruction, so this saves much work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchtune.modules import MultiHeadAttention, TransformerDecoder

from recipes.torchtune.attention import attend, rotate
from recipes.torchtune.shape import LayerKind, Rotary

_MASKED = -1e30
"""Attention bias of a masked position."""


@dataclass(frozen=True)
class Layout:
    """The layout of a batch in its one sequence."""

    prefix: int
    rows: int
    width: int


@dataclass(frozen=True)
class Masks:
    """The attention masks of a layout, for one size of window."""

    hidden: Tensor
    """[width, prefix + width], true where a token of a remainder must not attend"""
    hidden_prefix: Tensor
    """[prefix, prefix]"""
    is_causal: bool
    """Whether the masks hide nothing except later tokens."""


Rotations = Mapping[str, tuple[Tensor, Tensor]]
"""Cosine and sine of each token, [rows, tokens, 1, rotated / 2], by the name of the rotary embedding."""


@dataclass(frozen=True)
class Positions:
    """What every layer needs of the layout: the rotation of each token and the attention masks."""

    layout: Layout
    rotations: Rotations
    masks: Mapping[int | None, Masks]
    """By the size of the window."""


@dataclass(frozen=True)
class Pass:
    """One forward pass of generation over the next tokens of every row. The layers add their keys and values to
    `past`."""

    rotations: Rotations
    biases: Mapping[int | None, Tensor]
    """By the size of the window: [rows, 1, width, seen + width], very low where a token must not attend"""
    past: dict[int, tuple[Tensor, Tensor]]
    """id of a layer's attention -> keys and values [rows, kv_heads, seen, head_dim]"""


class Attention(MultiHeadAttention):  # type: ignore[misc]
    """Grouped-query attention over a `Layout` or a `Pass`. Queries and keys are normalised before the rotary embedding,
    as in Qwen3; torchtune 0.6.1 normalises them after it. `qkv_proj` replaces `q_proj`, `k_proj` and `v_proj`."""

    def __init__(self, *, kind: LayerKind, score_scale: float, qkv_proj: nn.Module | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.qkv_proj = qkv_proj
        self.kind = kind
        self.score_scale = score_scale

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
        q, k, v = self._project(x)
        if self.q_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.kind.rotary is not None:
            cos, sin = (each.to(q.dtype) for each in mask.rotations[self.kind.rotary])
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        seen = self._attend_cached(q, k, v, mask) if isinstance(mask, Pass) else self._attend(q, k, v, mask)
        out: Tensor = self.output_proj(seen.reshape(rows, tokens, -1))
        return out

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [rows, tokens, heads, n], keys and values [rows, tokens, kv_heads, n]."""
        if self.qkv_proj is None:
            parts = (self.q_proj(x), self.k_proj(x), self.v_proj(x))
        else:
            queries, keys = self.num_heads * self.head_dim, self.num_kv_heads * self.head_dim
            parts = self.qkv_proj(x).split((queries, keys, keys), -1)
        q, k, v = (part.unflatten(-1, (-1, self.head_dim)) for part in parts)
        return q, k, v

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, positions: Positions) -> Tensor:
        """q [1, tokens, heads, n], k and v [1, tokens, kv_heads, n] -> like q. The prefix attends to itself, each
        remainder to the prefix and itself."""
        layout, masks = positions.layout, positions.masks[self.kind.window]
        how: dict[str, Any] = {"scale": self.score_scale, "is_causal": masks.is_causal}
        if not layout.prefix:
            q, k, v = (_by_head(each, layout) for each in (q, k, v))
            return _by_token(attend(q, k, v, masks.hidden, **how))
        cut = [layout.prefix, layout.rows * layout.width]
        (first_q, q), (first_k, k), (first_v, v) = (torch.split(each, cut, dim=1) for each in (q, k, v))
        first_q, first_k, first_v = (each.transpose(1, 2) for each in (first_q, first_k, first_v))
        first = attend(first_q, first_k, first_v, masks.hidden_prefix, **how)
        k = torch.cat([first_k.expand(layout.rows, -1, -1, -1), _by_head(k, layout)], dim=2)
        v = torch.cat([first_v.expand(layout.rows, -1, -1, -1), _by_head(v, layout)], dim=2)
        rest = attend(_by_head(q, layout), k, v, masks.hidden, **how)
        return torch.cat([_by_token(first), _by_token(rest)], dim=1)

    def _attend_cached(self, q: Tensor, k: Tensor, v: Tensor, step: Pass) -> Tensor:
        """q [rows, width, heads, n] -> like q: attention to all tokens so far, which adds k and v to the cache."""
        k, v = k.transpose(1, 2), v.transpose(1, 2)
        if id(self) in step.past:
            before = step.past[id(self)]
            k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
        step.past[id(self)] = k, v
        bias = step.biases[self.kind.window]
        rows, width, heads, size = q.shape
        if width > 1 and q.device.type != "cpu":
            # With repeated keys and values the fused kernel applies, which does not store the whole score matrix.
            k, v = (x.repeat_interleave(heads // k.shape[1], 1) for x in (k, v))
            out: Tensor = functional.scaled_dot_product_attention(
                q.transpose(1, 2), k, v, attn_mask=bias.to(q.dtype), scale=self.score_scale
            )
            return out.transpose(1, 2)
        # Heads that share a key form one tall matrix, so that keys and values need not be repeated.
        tall = q.transpose(1, 2).reshape(rows, k.shape[1], -1, size)
        score = (tall @ k.transpose(2, 3)).view(rows, heads, width, -1).float() * self.score_scale + bias
        share = score.softmax(-1).to(v.dtype).view(rows, k.shape[1], -1, k.shape[2])
        out = (share @ v).view(rows, heads, width, size)
        return out.transpose(1, 2)


class Decoder(TransformerDecoder):  # type: ignore[misc]
    """torchtune's decoder, with logits at selected positions."""

    rotary: Mapping[str, Rotary]
    windows: frozenset[int | None]
    """The sizes of the layers' windows."""
    embedding_scale: float

    def forward(
        self,
        tokens: Tensor,
        *,
        layout: Layout | None = None,
        answers: Tensor | None = None,
        noise: Tensor | None = None,
        step: Pass | None = None,
        **_: Any,
    ) -> Tensor | list[Tensor]:
        """Logits in torchtune's form (one tensor, or chunks along the tokens).

        Without a layout: tokens [rows, width] -> [rows, width, vocabulary]. With a layout: tokens [1, n] -> [1, m,
        vocabulary] at the positions `answers` [m]; `noise` [1, n, dim] is added to the embeddings. In a pass of
        generation: tokens [rows, width] -> [rows, vocabulary] of the last token.
        """
        if step is not None:
            seen = self._embed(tokens)
            for layer in self.layers:
                seen = layer(seen, mask=step)
            last: Tensor = self.output(self.norm(seen[:, -1])).float()
            return last
        shape = tokens.shape
        positions = self._positions(layout or Layout(0, *shape), tokens.device)
        hidden = self._embed(tokens.reshape(1, -1))
        if noise is not None:
            hidden = hidden + noise.to(hidden.dtype)
        with _uncached_casts():
            for layer in self.layers:
                hidden = layer(hidden, mask=positions)
        hidden = hidden.view(*shape, -1) if answers is None else hidden[:, answers]
        logits: Tensor | list[Tensor] = self.unembed(hidden)
        return logits

    def _embed(self, tokens: Tensor) -> Tensor:
        hidden: Tensor = self.tok_embeddings(tokens)
        # The factor is rounded to the weights' dtype, as in transformers.
        factor = float(torch.tensor(self.embedding_scale).to(hidden.dtype))
        return hidden if factor == 1 else hidden * factor

    def chunked_output(self, last_hidden_state: Tensor) -> list[Tensor]:
        """Logits [rows, m / chunks, vocabulary] in chunks. Each is one flat product, because a batched one is far
        slower."""
        chunks = last_hidden_state.chunk(self.num_output_chunks, dim=1)
        return [self.output(chunk.flatten(0, 1)).unflatten(0, chunk.shape[:2]) for chunk in chunks]

    def next_pass(
        self, positions: Tensor, keys: Tensor, masked: Tensor, past: dict[int, tuple[Tensor, Tensor]]
    ) -> Pass:
        """The pass over tokens at `positions` [rows, width]. `keys` [rows, seen + width] are the positions of all
        tokens so far, and `masked` [rows, width, seen + width] is true where a token must not attend."""
        biases = {}
        for window in self.windows:
            hidden = masked if window is None else masked | (positions[:, :, None] - keys[:, None] >= window)
            biases[window] = torch.zeros(masked.shape, device=masked.device).masked_fill_(hidden, _MASKED).unsqueeze(1)
        return Pass(self._rotations(positions), biases, past)

    def _rotations(self, positions: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """The rotations of positions [rows, tokens]. They are computed, not read from a table, so that there is no
        largest position: an answer is longer than any row of the training."""
        found = {}
        for name, rotary in self.rotary.items():
            angles = positions[..., None, None] * torch.tensor(rotary.frequencies, device=positions.device)
            found[name] = angles.cos() * rotary.scale, angles.sin() * rotary.scale
        return found

    def _positions(self, layout: Layout, device: torch.device) -> Positions:
        prefix, width = layout.prefix, layout.width
        own = torch.arange(prefix, prefix + width, device=device).repeat(layout.rows)
        rotations = self._rotations(torch.cat([torch.arange(prefix, device=device), own])[None])
        dtype = self.tok_embeddings.weight.dtype
        masks = {window: _masks(layout, window, device) for window in self.windows}
        return Positions(
            layout, {name: (cos.to(dtype), sin.to(dtype)) for name, (cos, sin) in rotations.items()}, masks
        )


@contextmanager
def _uncached_casts() -> Iterator[None]:
    """Autocast keeps the 16-bit copies of all weights until the end of the forward pass, 2 bytes for each value. A
    layer uses each weight once, so nothing is lost without these copies. The output layer uses its weight for each
    chunk, and needs the copy."""
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)


def _masks(layout: Layout, window: int | None, device: torch.device) -> Masks:
    prefix, width = layout.prefix, layout.width
    is_causal = window is None or window >= prefix + width

    def hidden(first: int, queries: int) -> Tensor:
        """[queries, first + queries], true where the query at `first` + row must not attend."""
        every = torch.ones(queries, first + queries, dtype=torch.bool, device=device)
        later = every.triu(first + 1)
        return later if window is None or is_causal else later | every.tril(first - window)

    return Masks(hidden(prefix, width), hidden(0, prefix), is_causal)


def _by_head(x: Tensor, layout: Layout) -> Tensor:
    """[1, rows * width, heads, n] -> [rows, heads, width, n]"""
    return x.view(layout.rows, layout.width, *x.shape[2:]).transpose(1, 2)


def _by_token(x: Tensor) -> Tensor:
    """[rows, heads, width, n] -> [1, rows * width, heads, n]"""
    return x.transpose(1, 2).reshape(1, -1, x.shape[1], x.shape[3])
