"""Answers a batch of prompts: left-padded, with the tokens that all prompts begin with computed once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from recipes.common.generate_constraint import Allowed, Constraint

_WORTH_SHARING = 16
"""Tokens below which a shared beginning is not kept apart."""


@dataclass(frozen=True)
class Answer:
    """New token ids, the token that ended the answer included; finish is "stop" or "length". `logprob` is the sum of
    the tokens' log-probabilities (natural logarithm) as the model gives them, before temperature or constraint."""

    ids: list[int]
    finish: str
    logprob: float = 0.0


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: greedily at temperature 0, else drawn with a generator of the case's own, so that a
    case's answer does not depend on the others in its batch."""

    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None

    def choose(self, logits: torch.Tensor, generators: Sequence[torch.Generator]) -> list[int]:
        """One token for each row of logits (rows, vocabulary)."""
        if self.temperature == 0:
            greedy: list[int] = logits.argmax(-1).tolist()
            return greedy
        probabilities = torch.softmax(logits.float() / self.temperature, -1).cpu()
        ordered, index = probabilities.sort(dim=-1, descending=True)
        if self.top_k is not None:
            ordered[:, self.top_k :] = 0
        if self.top_p is not None:
            ordered[ordered.cumsum(-1) - ordered >= self.top_p] = 0
        return [
            int(ids[torch.multinomial(row, 1, generator=generator)])
            for row, ids, generator in zip(ordered, index, generators, strict=True)
        ]


@dataclass(frozen=True)
class Prefix:
    """What all prompts begin with, and the model's state after it."""

    length: int
    cache: Any | None


def shared_prefix(model: PreTrainedModel, prompts: Sequence[list[int]]) -> Prefix:
    """Runs the model once over the longest common beginning of the prompts; each keeps a token of its own."""
    first, last = min(prompts), max(prompts)
    limit = min(len(prompt) for prompt in prompts) - 1
    length = next((at for at in range(limit) if first[at] != last[at]), limit)
    if len(prompts) < 2 or length < _WORTH_SHARING:
        return Prefix(0, None)
    cache = DynamicCache(config=model.config)
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


def answer_batch(
    model: PreTrainedModel,
    prompts: Sequence[list[int]],
    *,
    prefix: Prefix,
    ends: frozenset[int],
    max_new_tokens: int,
    sampling: Sampling,
    generators: Sequence[torch.Generator],
    on_answer: Callable[[int, Answer], None],
    on_token: Callable[[], None],
    constraint: Constraint | None = None,
) -> None:
    """Generate until every prompt is answered, handing over each answer by its index when it is done. Rows that are
    done leave the batch. `on_token` is called between tokens and may raise. A constraint holds every answer."""
    device = model.device
    rests = [prompt[prefix.length :] for prompt in prompts]
    ids, mask, positions = pad_left(rests, prefix.length, device)
    cache: Any = DynamicCache(config=model.config)
    if prefix.cache is not None:
        cache = copy.deepcopy(prefix.cache)
        cache.batch_repeat_interleave(len(rests))

    rows = list(range(len(prompts)))
    new: list[list[int]] = [[] for _ in prompts]
    sums = [0.0] * len(prompts)
    states = [None if constraint is None else constraint.start() for _ in prompts]
    with torch.inference_mode():
        while True:
            logits = model(
                input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, logits_to_keep=1
            ).logits[:, -1]
            held = logits
            if constraint is not None:
                left = max_new_tokens - len(new[rows[0]])
                held = _hold(logits, [constraint.allowed(states[row], left) for row in rows], ends)
            chosen = sampling.choose(held, [generators[row] for row in rows])
            likely = _log_probabilities(logits, chosen)
            kept = []
            for at, (row, token, more) in enumerate(zip(rows, chosen, likely, strict=True)):
                new[row].append(token)
                sums[row] += more
                if token in ends:
                    on_answer(row, Answer(new[row], "stop", sums[row]))
                elif len(new[row]) == max_new_tokens:
                    on_answer(row, Answer(new[row], "length", sums[row]))
                else:
                    kept.append(at)
                    if constraint is not None:
                        states[row] = constraint.advance(states[row], token)
            if not kept:
                return
            on_token()
            positions = positions[:, -1:] + 1
            if len(kept) < len(rows):
                index = torch.tensor(kept, device=device)
                cache.batch_select_indices(index)
                mask, positions = mask[index], positions[index]
                rows, chosen = [rows[at] for at in kept], [chosen[at] for at in kept]
            ids = torch.tensor(chosen, device=device)[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)


def _hold(logits: torch.Tensor, allowed: Iterable[Allowed], ends: frozenset[int]) -> torch.Tensor:
    """Logits (rows, vocabulary) in which what each row does not allow is impossible."""
    held = torch.full_like(logits, float("-inf"))
    for at, (tokens, may_end) in enumerate(allowed):
        for ids in (tokens, list(ends)) if may_end else (tokens,):
            index = torch.as_tensor(ids, dtype=torch.long, device=logits.device)
            held[at, index] = logits[at, index]
    return held


def _log_probabilities(logits: torch.Tensor, chosen: Sequence[int]) -> list[float]:
    """Natural logarithm of each row's probability of its chosen token."""
    scores = logits.float()
    picked = scores.gather(1, torch.tensor(chosen, device=scores.device)[:, None])[:, 0]
    values: list[float] = (picked - scores.logsumexp(-1)).tolist()
    return values
