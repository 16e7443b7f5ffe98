"""Token-by-token generation for a batch of prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from transformers import PreTrainedModel

from recipes.transformers.constraint import Allowed, Constraint
from recipes.transformers.kv_cache import BatchCache
from recipes.transformers.label_scores import Answered, LabelScorer
from recipes.transformers.prefill import Prefix, prefill

_LIKELY = 1024
"""Number of most likely tokens among which top_p first searches. The whole vocabulary is sorted only if these have less
probability than top_p."""


@dataclass(frozen=True)
class Answer:
    """New token ids, including the end token. `finish` is "stop" or "length". `logprob` is the sum of the tokens'
    log-probabilities (natural logarithm) before temperature, among the tokens that the constraint allows, as in
    vLLM. `scores` maps labels to their probability; None without a scorer."""

    ids: list[int]
    finish: str
    logprob: float = 0.0
    scores: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Sampling:
    """Selection of the next token: greedy at temperature 0, else drawn. Each case has its own generator, so that its
    answer does not depend on the other cases of the batch."""

    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None

    def choose(self, logits: torch.Tensor, generators: Sequence[torch.Generator]) -> list[int]:
        """One token for each row of logits [rows, vocabulary]."""
        if self.temperature == 0:
            greedy: list[int] = logits.argmax(-1).tolist()
            return greedy
        return [
            int(ids[torch.multinomial(shares, 1, generator=generator)])
            for (shares, ids), generator in zip(self.candidates(logits), generators, strict=True)
        ]

    def candidates(self, logits: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """For each row of logits [rows, vocabulary]: probabilities [n] of tokens, up to a factor, and the ids [n] of
        these tokens, on the CPU. As in transformers and vLLM, temperature comes first, then top_k, then top_p over the
        tokens that top_k leaves. A row's result does not depend on the other rows."""
        probabilities = torch.softmax(logits.float() / self.temperature, -1)
        width = probabilities.shape[-1]
        if self.top_k is None and self.top_p is None:
            return [(row, torch.arange(width)) for row in probabilities.cpu()]
        ordered, index = probabilities.topk(min(self.top_k or _LIKELY, width), dim=-1)
        rows = list(zip(ordered.cpu(), index.cpu(), strict=True))
        if self.top_p is None:
            return rows
        if self.top_k is None:
            for at, (shares, _) in enumerate(rows):
                if float(shares.sum()) < self.top_p:
                    every, ids = probabilities[at].sort(descending=True)
                    rows[at] = every.cpu(), ids.cpu()
        else:
            rows = [(shares / shares.sum(), ids) for shares, ids in rows]
        return [(shares.masked_fill(shares.cumsum(-1) - shares >= self.top_p, 0), ids) for shares, ids in rows]


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
    scorer: LabelScorer | None = None,
) -> None:
    """Generate until every prompt is answered. `on_answer` receives each answer with the index of its prompt; with a
    scorer, when the whole batch is answered and scored. Prompts must be sorted, longest first. Finished rows are
    removed from the batch. `between` is called between forward passes and may raise. A constraint applies to every
    answer, and not to its scores."""
    rests = [prompt[prefix.length :] for prompt in prompts]
    rows = list(range(len(prompts)))
    finished: dict[int, Answer] = {}
    new: list[list[int]] = [[] for _ in prompts]
    sums = [0.0] * len(prompts)
    states = [None if constraint is None else constraint.start() for _ in prompts]
    with torch.inference_mode():
        cache, mask, logits = prefill(model, rests, prefix, max_new_tokens, between)
        prompt_mask, order = mask, list(rows)

        def finish(row: int, answer: Answer) -> None:
            if scorer is None:
                on_answer(row, answer)
            else:
                finished[row] = answer

        while True:
            if scorer is not None:
                scorer.record(rows, logits)
            constrained = logits
            if constraint is not None:
                left = max_new_tokens - len(new[rows[0]])
                constrained = _mask_disallowed(logits, [constraint.allowed(states[row], left) for row in rows], ends)
            chosen = sampling.choose(constrained, [generators[row] for row in rows])
            likely = _log_probabilities(constrained, chosen)
            kept = []
            for at, (row, token, more) in enumerate(zip(rows, chosen, likely, strict=True)):
                new[row].append(token)
                sums[row] += more
                if token in ends:
                    finish(row, Answer(new[row], "stop", sums[row]))
                elif len(new[row]) == max_new_tokens:
                    finish(row, Answer(new[row], "length", sums[row]))
                else:
                    kept.append(at)
                    if constraint is not None:
                        states[row] = constraint.advance(states[row], token)
            if not kept:
                break
            between()
            if len(kept) < len(rows):
                moved = cache.keep(kept, others=scorer is not None)
                order[: len(rows)] = [order[at] for at in moved]
                kept = moved[: len(kept)]
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
        if scorer is None:
            return
        assert isinstance(cache, BatchCache)
        cache.resize(len(prompts), cache.get_seq_length())
        ended = [finished[row] for row in range(len(prompts))]
        answered = [
            Answered(answer.ids[:-1] if answer.finish == "stop" else answer.ids, answer.finish == "stop")
            for answer in ended
        ]
        places = {row: place for place, row in enumerate(order)}
        scores = scorer.scores(model, cache, prompt_mask[order], [places[row] for row in range(len(prompts))], answered)
    for row, (answer, own) in enumerate(zip(ended, scores, strict=True)):
        on_answer(row, replace(answer, scores=own))


def _mask_disallowed(logits: torch.Tensor, allowed: Iterable[Allowed], ends: frozenset[int]) -> torch.Tensor:
    """Logits [rows, vocabulary], with minus infinity for tokens that a row does not allow."""
    masked = torch.full_like(logits, float("-inf"))
    for at, (tokens, may_end) in enumerate(allowed):
        for ids in (tokens, list(ends)) if may_end else (tokens,):
            index = torch.as_tensor(ids, dtype=torch.long, device=logits.device)
            masked[at, index] = logits[at, index]
    return masked


def _log_probabilities(logits: torch.Tensor, chosen: Sequence[int]) -> list[float]:
    """Log-probability (natural logarithm) of the chosen token of each row."""
    scores = logits.float()
    picked = scores.gather(1, torch.tensor(chosen, device=scores.device)[:, None])[:, 0]
    values: list[float] = (picked - scores.logsumexp(-1)).tolist()
    return values
