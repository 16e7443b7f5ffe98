"""Answers a batch of prompts, all of its rows a token at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from recipes.transformers.constraint import Allowed, Constraint
from recipes.transformers.prefill import Prefix, read_prompts


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
    between: Callable[[], None],
    constraint: Constraint | None = None,
) -> None:
    """Generate until every prompt is answered, handing over each answer by its index when it is done. Prompts come
    longest first; rows that are done leave the batch. `between` is called between passes of the model and may raise. A
    constraint holds every answer."""
    rests = [prompt[prefix.length :] for prompt in prompts]
    rows = list(range(len(prompts)))
    new: list[list[int]] = [[] for _ in prompts]
    sums = [0.0] * len(prompts)
    states = [None if constraint is None else constraint.start() for _ in prompts]
    with torch.inference_mode():
        cache, mask, logits = read_prompts(model, rests, prefix, max_new_tokens, between)
        while True:
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
            between()
            if len(kept) < len(rows):
                kept = cache.keep(kept)
                mask = mask[kept]
                rows, chosen = [rows[at] for at in kept], [chosen[at] for at in kept]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            logits = model(
                input_ids=torch.tensor(chosen, device=model.device)[:, None],
                attention_mask=mask,
                position_ids=mask.sum(1, keepdim=True) - 1,
                past_key_values=cache,
                logits_to_keep=1,
            ).logits[:, -1]


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
