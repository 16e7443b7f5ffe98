"""What the model in training answers, greedily: batches of like length, the prompts' common beginning computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from recipes.torchtune.decoder import Decoder, Turn

_MOST_ROWS = 32
_MOST_TOKENS = 8192
"""Tokens that are remembered at a time: on a GPU about 1 GB of keys and values for an 8B model."""
_LOW = -1e30


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
    """New token ids of each prompt, without the end token. `between` is given the chosen tokens [rows] of each pass
    and returns those to go on with; it may raise. The model should be in evaluation mode."""
    answers: list[list[int]] = [[] for _ in prompts]
    prefix = _shared(prompts)
    start = Turn(*model.rotation(torch.arange(prefix, device=device)[None]), _causal(prefix, device), {})
    if prefix:
        model(torch.tensor([prompts[0][:prefix]], device=device), turn=start)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    while order:
        longest = len(prompts[order[-1]]) + max_new_tokens
        size = max(1, min(_MOST_ROWS, _MOST_TOKENS // longest))
        order, rows = order[:-size], order[-size:]
        own = [prompts[row][prefix:] for row in rows]
        for row, new in zip(
            rows, _answer_batch(model, own, start.past, prefix, ends, max_new_tokens, device, between), strict=True
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
    """Left-padded, so that every row's last token is the batch's last; rows that are done leave it."""
    count, width = len(prompts), max(map(len, prompts))
    pads = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
    tokens = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    past = {block: (k.expand(count, -1, -1, -1), v.expand(count, -1, -1, -1)) for block, (k, v) in start.items()}
    column = torch.arange(width, device=device)
    unseen = (column[None, None, :] > column[None, :, None]) | (column[None, None, :] < pads[:, None, None])
    unseen = torch.cat([unseen.new_zeros(count, width, prefix), unseen], 2)
    positions = prefix + (column[None] - pads[:, None]).clamp_min(0)
    new: list[list[int]] = [[] for _ in prompts]
    rows = list(range(count))
    while True:
        bias = torch.zeros(unseen.shape, device=device).masked_fill_(unseen, _LOW).unsqueeze(1)
        turn = Turn(*model.rotation(positions), bias, past)
        chosen = between(model(tokens, turn=turn).argmax(-1))
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
            unseen, positions, chosen = unseen[index], positions[index], chosen[index]
            rows = [rows[at] for at in kept]
        tokens, positions = chosen[:, None], positions[:, -1:] + 1
        unseen = torch.cat([unseen[:, -1:], unseen.new_zeros(len(rows), 1, 1)], 2)


def _causal(width: int, device: torch.device) -> Tensor:
    """[1, 1, width, width]"""
    hidden = torch.ones(width, width, dtype=torch.bool, device=device).triu(1)
    return torch.zeros(width, width, device=device).masked_fill_(hidden, _LOW)[None, None]


def _shared(prompts: Sequence[list[int]]) -> int:
    """Tokens that all prompts begin with; each keeps one of its own."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    return next((at for at in range(limit) if first[at] != last[at]), limit)
