"""A key-value cache that is allocated once for all tokens of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer


class _Layer(DynamicLayer):  # type: ignore[no-untyped-call]
    """Keys and values [rows, heads, tokens, width] of a layer: views of a preallocated buffer. New tokens are written
    in place, while a DynamicLayer copies all keys and values for each token."""

    def __init__(self, like: Any, rows: int, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device, self.is_initialized = like.dtype, like.device, True
        # Zeros, because a NaN at a masked position would still make the attention NaN.
        self._buffers = [
            part.new_zeros(rows, part.shape[1], capacity, part.shape[3]) for part in (like.keys, like.values)
        ]
        self.resize(rows, 0)

    def resize(self, rows: int, tokens: int) -> None:
        """Set the number of rows and tokens that the layer holds."""
        self.rows, self._tokens = rows, tokens
        self.keys, self.values = (part[:rows, :, :tokens] for part in self._buffers)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the keys and values of new tokens [rows, heads, new, width]; returns all keys and values."""
        stop = self._tokens + key_states.shape[2]
        self.put(key_states, value_states, slice(self.rows), slice(self._tokens, stop))
        self.resize(self.rows, stop)
        assert self.keys is not None and self.values is not None
        return self.keys, self.values

    def put(self, keys: torch.Tensor, values: torch.Tensor, rows: slice, tokens: slice) -> None:
        """Write keys and values into a part of the buffer."""
        for buffer, part in zip(self._buffers, (keys, values), strict=True):
            buffer[rows, :, tokens] = part

    def move(self, sources: Sequence[int], targets: Sequence[int], *, swap: bool) -> None:
        """Copy rows over other rows, or exchange them."""
        for buffer in self._buffers:
            for source, target in zip(sources, targets, strict=True):
                replaced = buffer[target, :, : self._tokens].clone() if swap else None
                buffer[target, :, : self._tokens] = buffer[source, :, : self._tokens]
                if replaced is not None:
                    buffer[source, :, : self._tokens] = replaced


class BatchCache(Cache):
    """The cache of a batch. Its rows can be filled in several parts and removed one by one."""

    def __init__(self, like: DynamicCache, rows: int, capacity: int) -> None:
        self._layers = [_Layer(layer, rows, capacity) for layer in like.layers]
        super().__init__(layers=list(self._layers))

    def fill(self, part: DynamicCache, start: int, shared: int, length: int) -> None:
        """Copy the rows of `part` to the rows from `start` on. A row has `shared` tokens, padding, and its own tokens,
        which end at `length`."""
        parts: list[Any] = part.layers
        for layer, read in zip(self._layers, parts, strict=True):
            keys, values = read.keys, read.values
            rows = slice(start, start + keys.shape[0])
            own = keys.shape[2] - shared
            layer.put(keys[:, :, :shared], values[:, :, :shared], rows, slice(shared))
            layer.put(keys[:, :, shared:], values[:, :, shared:], rows, slice(length - own, length))

    def resize(self, rows: int, tokens: int) -> None:
        """Set the number of rows and tokens that the cache holds."""
        for layer in self._layers:
            layer.resize(rows, tokens)

    def keep(self, rows: Sequence[int], *, others: bool = False) -> list[int]:
        """Keep only these rows (ascending), moved to the front; returns all rows in their new order. With `others`, the
        rest stays in the buffer, behind them, until `resize` makes it visible."""
        count = len(rows)
        order = list(range(self._layers[0].rows))
        tokens = self.get_seq_length()
        sources = [row for row in rows if row >= count]
        targets = [at for at in range(count) if at not in set(rows)]
        for layer in self._layers:
            layer.move(sources, targets, swap=others)
            layer.resize(count, tokens)
        for source, target in zip(sources, targets, strict=True):
            order[target], order[source] = source, target
        return order
