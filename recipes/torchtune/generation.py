"""Greedy decoding with the model in training, in batches of similar length. The common prefix of all prompts is
computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from recipes.common.training.validation_answers import batch_size
from recipes.torchtune.decoder import Decoder


@torch.no_grad()
def answer_prompts(
    model: Decoder,
    prompts: Sequence[list[int]],
    *,
    ends: Collection[int],
    max_new_tokens: int,
    device: torch.device,
    between: Callable[[Tensor], Tensor],
) -> list[list[int]]:
    """New token ids of each prompt, without the end token. `between` receives the chosen tokens [rows] of each forward
    pass and returns the tokens to continue with; it may raise. The model must be in evaluation mode."""
    answers: list[list[int]] = [[] for _ in prompts]
    prefix = _common_prefix(prompts)
    start: dict[int, tuple[Tensor, Tensor]] = {}
    if prefix:
        positions = torch.arange(prefix, device=device)[None]
        later = torch.ones(1, prefix, prefix, dtype=torch.bool, device=device).triu(1)
        step = model.next_pass(positions, positions, later, start)
        model(torch.tensor([prompts[0][:prefix]], device=device), step=step)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    while order:
        size = batch_size(len(prompts[order[-1]]) + max_new_tokens)
        order, rows = order[:-size], order[-size:]
        own = [prompts[row][prefix:] for row in rows]
        for row, new in zip(
            rows, _answer_batch(model, own, start, prefix, ends, max_new_tokens, device, between), strict=True
        ):
            answers[row] = new
    return answers


def _answer_batch(
    model: Decoder,
    prompts: Sequence[list[int]],
    start: dict[int, tuple[Tensor, Tensor]],
    prefix: int,
    ends: Collection[int],
    max_new_tokens: int,
    device: torch.device,
    between: Callable[[Tensor], Tensor],
) -> list[list[int]]:
    """New token ids of each prompt. The batch is left-padded, and finished rows are removed from it."""
    count, width = len(prompts), max(map(len, prompts))
    pads = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
    tokens = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    past = {block: (k.expand(count, -1, -1, -1), v.expand(count, -1, -1, -1)) for block, (k, v) in start.items()}
    column = torch.arange(width, device=device)
    masked = (column[None, None, :] > column[None, :, None]) | (column[None, None, :] < pads[:, None, None])
    masked = torch.cat([masked.new_zeros(count, width, prefix), masked], 2)
    positions = prefix + (column[None] - pads[:, None]).clamp_min(0)
    keys = torch.cat([torch.arange(prefix, device=device).expand(count, -1), positions], 1)
    new: list[list[int]] = [[] for _ in prompts]
    rows = list(range(count))
    while True:
        step = model.next_pass(positions, keys, masked, past)
        chosen = between(model(tokens, step=step).argmax(-1))
        kept = []
        for at, (row, token) in enumerate(zip(rows, chosen.tolist(), strict=True)):
            if token in ends:
                continue
            new[row].append(token)
            if len(new[row]) < max_new_tokens:
                kept.append(at)
        if not kept:
            return new
        if len(kept) < len(rows):
            index = torch.tensor(kept, device=device)
            past = {block: (k[index], v[index]) for block, (k, v) in past.items()}
            masked, positions, keys, chosen = masked[index], positions[index], keys[index], chosen[index]
            rows = [rows[at] for at in kept]
        tokens, positions = chosen[:, None], positions[:, -1:] + 1
        keys = torch.cat([keys, positions], 1)
        masked = torch.cat([masked[:, -1:], masked.new_zeros(len(rows), 1, 1)], 2)


def _common_prefix(prompts: Sequence[list[int]]) -> int:
    """Number of tokens that all prompts have in common at their start. Each prompt keeps at least one token after
    it."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    return next((at for at in range(limit) if first[at] != last[at]), limit)
