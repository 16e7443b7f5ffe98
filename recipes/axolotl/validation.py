"""Loss and answers of the model in training on validation rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from recipes.common.encode import IGNORE
from recipes.common.training.validation_answers import batch_size


def mean_loss(model: Any, rows: Sequence[Mapping[str, Any]], size: int, pad: int) -> float:
    """Mean loss over all trained tokens of encoded rows, in nats, computed in batches of `size` rows."""
    device = next(model.parameters()).device
    total, count = 0.0, 0
    ordered = sorted(rows, key=lambda row: -len(row["input_ids"]))
    for first in range(0, len(ordered), size):
        batch_rows = ordered[first : first + size]
        width = len(batch_rows[0]["input_ids"])
        padding = {"input_ids": pad, "attention_mask": 0, "labels": IGNORE}
        batch = {
            key: torch.tensor([row[key] + [value] * (width - len(row[key])) for row in batch_rows], device=device)
            for key, value in padding.items()
        }
        tokens = int((batch["labels"][:, 1:] != IGNORE).sum())
        total += float(model(**batch, use_cache=False).loss) * tokens
        count += tokens
    return total / count


def answer_rows(
    model: Any, rows: Sequence[Mapping[str, Any]], max_new_tokens: int, ends: Sequence[int], pad: int
) -> list[list[int]]:
    """New token ids for the prompt of each encoded row, without the end token. Decoding is greedy, in left-padded
    batches of prompts of similar length."""
    device = next(model.parameters()).device
    prompts = [row["input_ids"][: _answer_start(row)] for row in rows]
    answers: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    while order:
        width = len(prompts[order[-1]])
        size = batch_size(width + max_new_tokens)
        order, batch = order[:-size], order[-size:]
        padding = [width - len(prompts[row]) for row in batch]
        ids = torch.tensor(
            [[pad] * count + prompts[row] for row, count in zip(batch, padding, strict=True)], device=device
        )
        mask = torch.tensor([[0] * count + [1] * (width - count) for count in padding], device=device)
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
        for row, tokens in zip(batch, new, strict=True):
            answers[row] = _before_end(tokens, ends)
    return answers


def _answer_start(row: Mapping[str, Any]) -> int:
    """Index of the first token of a row's answer."""
    return next(at for at, label in enumerate(row["labels"]) if label != IGNORE)


def _before_end(tokens: list[int], ends: Sequence[int]) -> list[int]:
    return tokens[: next((at for at, token in enumerate(tokens) if token in ends), len(tokens))]
