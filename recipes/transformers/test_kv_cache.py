"""The preallocated cache equals transformers' cache while rows are removed."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from recipes.transformers.kv_cache import BatchCache

LAYERS, HEADS, WIDTH = 2, 3, 4


def grow(cache: Any, rows: int, tokens: int, seed: int) -> None:
    """Append random keys and values of new tokens to every layer."""
    random = torch.Generator().manual_seed(seed)
    for layer in range(LAYERS):
        new = (torch.randn(rows, HEADS, tokens, WIDTH, generator=random) for _ in range(2))
        cache.update(*new, layer)


def layers(*caches: Any) -> Any:
    """The layers of several caches, together."""
    return zip(*(cache.layers for cache in caches), strict=True)


def test_remaining_rows_keep_their_tokens() -> None:
    read = DynamicCache()
    grow(read, 6, 5, seed=1)
    cache = BatchCache(read, 6, 9)
    cache.fill(read, 0, 2, 5)
    cache.resize(6, 5)
    for seed, rows in ((2, [0, 1, 2, 3, 4, 5]), (3, [0, 2, 5]), (4, [1, 2]), (5, [0])):
        order = cache.keep(rows)[: len(rows)]
        assert sorted(order) == rows
        read.batch_select_indices(torch.tensor(order))
        for each in (cache, read):
            grow(each, len(rows), 1, seed)
        assert cache.get_seq_length() == read.get_seq_length()
        for mine, copied in layers(cache, read):
            assert torch.equal(mine.keys, copied.keys) and torch.equal(mine.values, copied.values)


def test_other_rows_stay_behind_the_remaining_ones() -> None:
    read = DynamicCache()
    grow(read, 5, 4, seed=1)
    cache = BatchCache(read, 5, 9)
    cache.fill(read, 0, 1, 4)
    cache.resize(5, 4)
    place = list(range(5))
    for seed, rows in ((2, [0, 3, 4]), (3, [1, 2]), (4, [1])):
        moved = cache.keep(rows, others=True)
        assert sorted(moved[: len(rows)]) == rows
        place[: len(moved)] = [place[at] for at in moved]
        grow(cache, len(rows), 1, seed)
    cache.resize(5, 4)
    for mine, copied in layers(cache, read):
        assert torch.equal(mine.keys, copied.keys[place]) and torch.equal(mine.values, copied.values[place])


def test_padding_is_between_shared_and_own_tokens() -> None:
    parts = [DynamicCache(), DynamicCache()]
    for part, tokens in zip(parts, (6, 4), strict=True):
        grow(part, 2, tokens, seed=tokens)
    cache = BatchCache(parts[0], 4, 8)
    for at, part in enumerate(parts):
        cache.fill(part, 2 * at, 2, 6)
    cache.resize(4, 6)
    for mine, long, short in layers(cache, *parts):
        assert torch.equal(mine.keys[:2], long.keys)
        assert torch.equal(mine.keys[2:, :, :2], short.keys[:, :, :2])
        assert torch.equal(mine.keys[2:, :, 4:], short.keys[:, :, 2:])
        assert not mine.keys[2:, :, 2:4].any()
