"""Reads the prompts of a batch: those tokens that all begin with once, the rest in parts of like length."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from recipes.transformers.kv_cache import Kept

_WORTH_SHARING = 16
"""Tokens below which a shared beginning is not kept apart."""

AT_ONCE = {"cpu": 1024, "cuda": 16384}
"""Tokens that are read together, by device: enough to keep it busy. More would be no faster and take more memory; on a
CPU what lies between two layers would no longer fit into its caches."""


@dataclass(frozen=True)
class Prefix:
    """What all prompts begin with, and the model's state after it."""

    length: int
    cache: DynamicCache | None

    def spread(self, rows: int) -> DynamicCache:
        """A cache that so many rows go on from, without a copy."""
        spread = DynamicCache()
        read: Any
        for read in [] if self.cache is None else self.cache.layers:
            layer = copy.copy(read)
            layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (read.keys, read.values))
            spread.layers.append(layer)
        return spread


def shared_prefix(model: PreTrainedModel, prompts: Sequence[list[int]]) -> Prefix:
    """Runs the model once over the longest common beginning of the prompts; each keeps a token of its own."""
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    length = next((at for at in range(limit) if first[at] != last[at]), limit)
    if len(prompts) < 2 or length < _WORTH_SHARING:
        return Prefix(0, None)
    cache = DynamicCache()
    with torch.inference_mode():
        model(input_ids=torch.tensor([first[:length]], device=model.device), past_key_values=cache, logits_to_keep=1)
    return Prefix(length, cache)


def pad_left(
    rests: Sequence[list[int]], before: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids of different lengths as one batch that ends together: ids and positions [rows, width], and the mask
    [rows, before + width], where `before` tokens are in the cache already."""
    width = max(len(rest) for rest in rests)
    ids = torch.tensor([[0] * (width - len(rest)) + rest for rest in rests], device=device)
    own = torch.tensor([[0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device)
    mask = torch.cat([own.new_ones(len(rests), before), own], dim=1)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, before:]
    return ids, mask, positions


def read_prompts(
    model: PreTrainedModel,
    rests: Sequence[list[int]],
    prefix: Prefix,
    new_tokens: int,
    between: Callable[[], None],
) -> tuple[Kept, torch.Tensor, torch.Tensor]:
    """Reads what follows the prefix in each prompt, longest first. Gives the cache, left-padded and with room for the
    new tokens, its mask [rows, tokens], and the logits [rows, vocabulary] of what comes next. `between` is called
    between parts and may raise."""
    length = prefix.length + max(len(rest) for rest in rests)
    kept: Kept | None = None
    logits = []
    start = 0
    while start < len(rests):
        if start:
            between()
        part = rests[start : start + max(1, AT_ONCE[model.device.type] // len(rests[start]))]
        ids, mask, positions = pad_left(part, prefix.length, model.device)
        cache = prefix.spread(len(part))
        out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1)
        logits.append(out.logits[:, -1])
        kept = kept or Kept(cache, len(rests), length + new_tokens)
        kept.take(cache, start, prefix.length, length)
        start += len(part)
    assert kept is not None
    kept.show(len(rests), length)
    return kept, pad_left(rests, prefix.length, model.device)[1], torch.cat(logits)
