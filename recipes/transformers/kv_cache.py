"""Keys and values of a batch, in room that is set aside once for all tokens to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer


class _Layer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values [rows, heads, tokens, width]: views of the room, in which a new token is written into
    its place. A DynamicLayer writes all of them anew with every token."""

    def __init__(self, like: Any, rows: int, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtype, self.device, self.is_initialized = like.dtype, like.device, True
        # Zeros: a masked place that held a NaN would still spoil the sum.
        self._room = [part.new_zeros(rows, part.shape[1], room, part.shape[3]) for part in (like.keys, like.values)]
        self.show(rows, 0)

    def show(self, rows: int, tokens: int) -> None:
        """Makes so many rows and tokens of the room what the layer holds."""
        self._rows, self._tokens = rows, tokens
        self.keys, self.values = (part[:rows, :, :tokens] for part in self._room)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Adds the keys and values of new tokens [rows, heads, new, width]; gives all."""
        stop = self._tokens + key_states.shape[2]
        self.put(key_states, value_states, slice(self._rows), slice(self._tokens, stop))
        self.show(self._rows, stop)
        assert self.keys is not None and self.values is not None
        return self.keys, self.values

    def put(self, keys: torch.Tensor, values: torch.Tensor, rows: slice, tokens: slice) -> None:
        """Writes keys and values to a place in the room."""
        for room, part in zip(self._room, (keys, values), strict=True):
            room[rows, :, tokens] = part

    def move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Puts rows in the place of others."""
        for room in self._room:
            for source, target in zip(sources, targets, strict=True):
                room[target, :, : self._tokens] = room[source, :, : self._tokens]


class Kept(Cache):
    """What a batch of answers has read and written. Its rows may be read in several parts, and leave it one by one."""

    def __init__(self, like: DynamicCache, rows: int, room: int) -> None:
        self._layers = [_Layer(layer, rows, room) for layer in like.layers]
        super().__init__(layers=list(self._layers))

    def take(self, part: DynamicCache, start: int, shared: int, length: int) -> None:
        """Rows from `start` on, as they were read: `shared` tokens, padding, own tokens. Here as there the own ones end
        together, at `length`."""
        parts: list[Any] = part.layers
        for layer, read in zip(self._layers, parts, strict=True):
            keys, values = read.keys, read.values
            rows = slice(start, start + keys.shape[0])
            own = keys.shape[2] - shared
            layer.put(keys[:, :, :shared], values[:, :, :shared], rows, slice(shared))
            layer.put(keys[:, :, shared:], values[:, :, shared:], rows, slice(length - own, length))

    def show(self, rows: int, tokens: int) -> None:
        """Makes so many rows and tokens what the cache holds."""
        for layer in self._layers:
            layer.show(rows, tokens)

    def keep(self, rows: Sequence[int]) -> list[int]:
        """Only these rows (ascending) stay, moved together at the front. Gives them in their new order."""
        count = len(rows)
        tokens = self.get_seq_length()
        sources = [row for row in rows if row >= count]
        targets = [at for at in range(count) if at not in set(rows)]
        for layer in self._layers:
            layer.move(sources, targets)
            layer.show(count, tokens)
        order = list(range(count))
        for source, target in zip(sources, targets, strict=True):
            order[target] = source
        return order
