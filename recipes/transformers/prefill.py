"""Prefill: the forward pass over the prompts of a batch. The common prefix of all prompts is computed once, the rest in
parts of similar length."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from recipes.transformers.kv_cache import BatchCache

_MIN_PREFIX = 16
"""Minimum number of tokens of a shared prefix."""

PREFILL_TOKENS = {"cpu": 1024, "cuda": 16384}
"""Device -> number of tokens of a prefill pass: enough to use the device fully. More tokens would not be faster and
would need more memory; on a CPU the activations would no longer fit into its caches."""


@dataclass(frozen=True)
class Prefix:
    """The common prefix of all prompts: its number of tokens and its cache."""

    length: int
    cache: DynamicCache | None

    def expand(self, rows: int) -> DynamicCache:
        """The cache for a number of rows, without copying."""
        expanded = DynamicCache()
        source: Any
        for source in [] if self.cache is None else self.cache.layers:
            layer = copy.copy(source)
            layer.keys, layer.values = (part.expand(rows, -1, -1, -1) for part in (source.keys, source.values))
            expanded.layers.append(layer)
        return expanded


def answers_singly(model: PreTrainedModel) -> bool:
    """Whether prompts are answered one by one: layers of linear attention keep a state instead of keys and values,
    which cannot be padded or shared."""
    return bool(getattr(model, "_is_stateful", False))


def shared_prefix(model: PreTrainedModel, prompts: Sequence[list[int]], new_tokens: int) -> Prefix:
    """Compute the longest common prefix of the prompts. Each prompt keeps at least one token after it. Empty for a
    model whose attention has a window shorter than a prompt and its answer: transformers counts the padding between the
    prefix and the rest of a row as part of the window."""
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    length = next((at for at in range(limit) if first[at] != last[at]), limit)
    window = getattr(model.config.get_text_config(decoder=True), "sliding_window", None)
    too_short = window is not None and window < max(map(len, prompts)) + new_tokens
    if len(prompts) < 2 or length < _MIN_PREFIX or too_short or answers_singly(model):
        return Prefix(0, None)
    cache = DynamicCache()
    with torch.inference_mode():
        model(input_ids=torch.tensor([first[:length]], device=model.device), past_key_values=cache, logits_to_keep=1)
    return Prefix(length, cache)


def pad_left(
    rests: Sequence[list[int]], before: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A left-padded batch of token ids: ids [rows, width], mask [rows, before + width] and positions [rows, width].
    `before` tokens are already in the cache."""
    width = max(len(rest) for rest in rests)
    ids = torch.tensor([[0] * (width - len(rest)) + rest for rest in rests], device=device)
    own = torch.tensor([[0] * (width - len(rest)) + [1] * len(rest) for rest in rests], device=device)
    mask = torch.cat([own.new_ones(len(rests), before), own], dim=1)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, before:]
    return ids, mask, positions


def prefill(
    model: PreTrainedModel,
    rests: Sequence[list[int]],
    prefix: Prefix,
    new_tokens: int,
    between: Callable[[], None],
) -> tuple[BatchCache, torch.Tensor, torch.Tensor]:
    """Compute the part of each prompt after the prefix; prompts must be sorted, longest first, and of a model that
    `answers_singly` there must be one. Returns the left-padded cache with capacity for the new tokens, its mask
    [rows, tokens], and the logits [rows, vocabulary] of the next tokens. `between` is called between parts and may
    raise."""
    if answers_singly(model):
        (rest,) = rests
        whole = model(input_ids=torch.tensor([rest], device=model.device), use_cache=True, logits_to_keep=1)
        mask = torch.ones(1, len(rest), dtype=torch.long, device=model.device)
        return whole.past_key_values, mask, whole.logits[:, -1]
    length = prefix.length + max(len(rest) for rest in rests)
    kept: BatchCache | None = None
    logits = []
    start = 0
    while start < len(rests):
        if start:
            between()
        part = rests[start : start + max(1, PREFILL_TOKENS[model.device.type] // len(rests[start]))]
        ids, mask, positions = pad_left(part, prefix.length, model.device)
        cache = prefix.expand(len(part))
        out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1)
        logits.append(out.logits[:, -1])
        kept = kept or BatchCache(cache, len(rests), length + new_tokens)
        kept.fill(cache, start, prefix.length, length)
        start += len(part)
    assert kept is not None
    kept.resize(len(rests), length)
    return kept, pad_left(rests, prefix.length, model.device)[1], torch.cat(logits)
