"""A batch's keys and values are those of a cache that copies all of them, whoever leaves."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache

from recipes.transformers.kv_cache import Kept

LAYERS, HEADS, WIDTH = 2, 3, 4


def grow(cache: Any, rows: int, tokens: int, seed: int) -> None:
    """New tokens' keys and values in every layer."""
    random = torch.Generator().manual_seed(seed)
    for layer in range(LAYERS):
        new = (torch.randn(rows, HEADS, tokens, WIDTH, generator=random) for _ in range(2))
        cache.update(*new, layer)


def layers(*caches: Any) -> Any:
    """Each layer of all of them."""
    return zip(*(cache.layers for cache in caches), strict=True)


def test_rows_that_stay_keep_their_tokens() -> None:
    read = DynamicCache()
    grow(read, 6, 5, seed=1)
    kept = Kept(read, 6, 9)
    kept.take(read, 0, 2, 5)
    kept.show(6, 5)
    for seed, rows in ((2, [0, 1, 2, 3, 4, 5]), (3, [0, 2, 5]), (4, [1, 2]), (5, [0])):
        order = kept.keep(rows)
        assert sorted(order) == rows
        read.batch_select_indices(torch.tensor(order))
        for cache in (kept, read):
            grow(cache, len(rows), 1, seed)
        assert kept.get_seq_length() == read.get_seq_length()
        for mine, copied in layers(kept, read):
            assert torch.equal(mine.keys, copied.keys) and torch.equal(mine.values, copied.values)


def test_parts_are_padded_between_what_is_shared_and_their_own() -> None:
    parts = [DynamicCache(), DynamicCache()]
    for part, tokens in zip(parts, (6, 4), strict=True):
        grow(part, 2, tokens, seed=tokens)
    kept = Kept(parts[0], 4, 8)
    for at, part in enumerate(parts):
        kept.take(part, 2 * at, 2, 6)
    kept.show(4, 6)
    for mine, long, short in layers(kept, *parts):
        assert torch.equal(mine.keys[:2], long.keys)
        assert torch.equal(mine.keys[2:, :, :2], short.keys[:, :, :2])
        assert torch.equal(mine.keys[2:, :, 4:], short.keys[:, :, 2:])
        assert not mine.keys[2:, :, 2:4].any()
