"""Greedy decoding with the model in training, in batches of similar length. The common prefix of all prompts is
computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from recipes.common.training.validation_answers import batch_size
from recipes.torchtune.decoder import Decoder, Pass

_MASKED = -1e30
"""Attention bias of a masked position."""


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
    start = Pass(*model.rotation(torch.arange(prefix, device=device)[None]), _causal(prefix, device), {})
    if prefix:
        model(torch.tensor([prompts[0][:prefix]], device=device), step=start)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    while order:
        size = batch_size(len(prompts[order[-1]]) + max_new_tokens)
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
    """New token ids of each prompt. The batch is left-padded, and finished rows are removed from it."""
    count, width = len(prompts), max(map(len, prompts))
    pads = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
    tokens = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    past = {block: (k.expand(count, -1, -1, -1), v.expand(count, -1, -1, -1)) for block, (k, v) in start.items()}
    column = torch.arange(width, device=device)
    masked = (column[None, None, :] > column[None, :, None]) | (column[None, None, :] < pads[:, None, None])
    masked = torch.cat([masked.new_zeros(count, width, prefix), masked], 2)
    positions = prefix + (column[None] - pads[:, None]).clamp_min(0)
    new: list[list[int]] = [[] for _ in prompts]
    rows = list(range(count))
    while True:
        bias = torch.zeros(masked.shape, device=device).masked_fill_(masked, _MASKED).unsqueeze(1)
        step = Pass(*model.rotation(positions), bias, past)
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
            masked, positions, chosen = masked[index], positions[index], chosen[index]
            rows = [rows[at] for at in kept]
        tokens, positions = chosen[:, None], positions[:, -1:] + 1
        masked = torch.cat([masked[:, -1:], masked.new_zeros(len(rows), 1, 1)], 2)


def _causal(width: int, device: torch.device) -> Tensor:
    """Attention bias [1, 1, width, width]."""
    hidden = torch.ones(width, width, dtype=torch.bool, device=device).triu(1)
    return torch.zeros(width, width, device=device).masked_fill_(hidden, _MASKED)[None, None]


def _common_prefix(prompts: Sequence[list[int]]) -> int:
    """Number of tokens that all prompts have in common at their start. Each prompt keeps at least one token after
    it."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    return next((at for at in range(limit) if first[at] != last[at]), limit)
