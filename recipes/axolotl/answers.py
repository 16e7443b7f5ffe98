"""The model in training, looked at from outside: its loss on rows, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from recipes.common.encode import IGNORE

_MOST_ROWS = 32
_MOST_TOKENS = 8192
"""Tokens that are remembered at a time: on a GPU about 1 GB of keys and values for an 8B model."""


def mean_loss(model: Any, rows: Sequence[Mapping[str, Any]], batch_size: int, pad: int) -> float:
    """Mean loss over all trained tokens of encoded rows, in nats."""
    device = next(model.parameters()).device
    total, count = 0.0, 0
    ordered = sorted(rows, key=lambda row: -len(row["input_ids"]))
    for first in range(0, len(ordered), batch_size):
        some = ordered[first : first + batch_size]
        width = len(some[0]["input_ids"])
        fill = {"input_ids": pad, "attention_mask": 0, "labels": IGNORE}
        batch = {
            key: torch.tensor([row[key] + [value] * (width - len(row[key])) for row in some], device=device)
            for key, value in fill.items()
        }
        tokens = int((batch["labels"][:, 1:] != IGNORE).sum())
        total += float(model(**batch, use_cache=False).loss) * tokens
        count += tokens
    return total / count


def answer_rows(
    model: Any, rows: Sequence[Mapping[str, Any]], max_new_tokens: int, ends: Sequence[int], pad: int
) -> list[list[int]]:
    """New token ids of each row's prompt, greedily, without the end token; left-padded batches of like length."""
    device = next(model.parameters()).device
    prompts = [row["input_ids"][: _start(row)] for row in rows]
    answers: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    while order:
        width = len(prompts[order[-1]])
        size = max(1, min(_MOST_ROWS, _MOST_TOKENS // (width + max_new_tokens)))
        order, some = order[:-size], order[-size:]
        padding = [width - len(prompts[row]) for row in some]
        ids = torch.tensor(
            [[pad] * blank + prompts[row] for row, blank in zip(some, padding, strict=True)], device=device
        )
        mask = torch.tensor([[0] * blank + [1] * (width - blank) for blank in padding], device=device)
        new = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=max_new_tokens,
            eos_token_id=list(ends),
            pad_token_id=pad,
            use_cache=True,
        )[:, width:].tolist()
        for row, tokens in zip(some, new, strict=True):
            answers[row] = _until(tokens, ends)
    return answers


def _start(row: Mapping[str, Any]) -> int:
    """Where a row's answer starts."""
    return next(at for at, label in enumerate(row["labels"]) if label != IGNORE)


def _until(tokens: list[int], ends: Sequence[int]) -> list[int]:
    return tokens[: next((at for at, token in enumerate(tokens) if token in ends), len(tokens))]
