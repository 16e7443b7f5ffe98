"""Answers of an exported GGUF file, by llama.cpp on the CPU.

params: {"max_new_tokens", "temperature", "thinking", "seed", "top_p", "top_k", "constrain", "samples"} as in
`recipes.transformers.generate`; inputs: "prompts" (eval.jsonl), "export" (folder with model.gguf), optionally
"answers"; local_paths: {"model": folder of the base, for the tokenizer}. Prompt tokens, constraint and choice of tokens
are those of the transformers engine. Writes responses.jsonl in the order of the prompts. Answers are stored in the work
folder immediately, so that an interrupted run resumes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from recipes.common.encode import load_tokenizer
from recipes.common.generation.cases import answer_row, encode_cases, end_tokens, seed_of
from recipes.common.generation.responses import Answers, write_responses
from recipes.common.protocol import Step, main
from recipes.gguf.llama import Model, free_threads
from recipes.transformers.constraint import Constraint, read_constraint
from recipes.transformers.decode import Answer, Sampling


def run(step: Step) -> dict[str, Any]:
    """Answer the cases without an answer, then write all answers."""
    params, started = step.params, time.monotonic()
    tokenizer = load_tokenizer(step.local_paths["model"])
    cases, prompts = encode_cases(step, tokenizer)
    with Answers(step.work / "partial.jsonl") as answers:
        evidence: dict[str, Any] = {"cases": len(cases), "resumed": answers.resumed}
        pending = [id for id in prompts if id not in answers]
        if pending:
            step.progress(force=True, message="loading the model")
            constraint = read_constraint(params.get("constrain", "none"), step.inputs.get("answers"), tokenizer)
            context = max(map(len, prompts.values())) + params["max_new_tokens"]
            threads = free_threads(step.cores)
            model = Model(step.inputs["export"] / "model.gguf", context=context, threads=threads)
            evidence["load_seconds"] = round(time.monotonic() - started, 2)
            ends = end_tokens(step.local_paths["model"], tokenizer)
            sampling = Sampling(params["temperature"], params.get("top_p"), params.get("top_k"))
            prefix = common_prefix(prompts.values())
            new = 0
            began = time.monotonic()
            for id in pending:
                step.check_interrupt()
                generator = torch.Generator().manual_seed(seed_of(params.get("seed", 0), id))
                answer = answer_one(
                    model,
                    prompts[id],
                    kept=prefix,
                    ends=ends,
                    max_new_tokens=params["max_new_tokens"],
                    sampling=sampling,
                    generator=generator,
                    constraint=constraint,
                )
                new += len(answer.ids)
                answers.add(answer_row(id, prompts[id], answer.ids, answer.finish, answer.logprob, tokenizer))
                speed = round(new / (time.monotonic() - began), 1)
                step.progress(done=len(answers), total=len(prompts), unit="cases", tokens_per_second=speed)
            seconds = time.monotonic() - began
            model.close()
            evidence |= {
                "device": "cpu",
                "threads": threads,
                "prompt_tokens": sum(len(prompts[id]) for id in pending),
                "new_tokens": new,
                "generate_seconds": round(seconds, 2),
                "cases_per_second": round(len(pending) / seconds, 3),
                "tokens_per_second": round(new / seconds, 1),
            }
        write_responses(step.output / "responses.jsonl", cases, answers, params.get("samples"))
    return evidence


def common_prefix(prompts: Iterable[Sequence[int]]) -> int:
    """Number of tokens that all prompts begin with, at least one less than the shortest prompt has."""
    first, *others = prompts
    length = min(map(len, [first, *others])) - 1
    for other in others:
        length = next((at for at in range(length) if first[at] != other[at]), length)
    return length


def answer_one(
    model: Model,
    prompt: Sequence[int],
    *,
    kept: int,
    ends: frozenset[int],
    max_new_tokens: int,
    sampling: Sampling,
    generator: torch.Generator,
    constraint: Constraint | None = None,
) -> Answer:
    """Generate the answer to one prompt. All prompts share their first `kept` tokens, which are computed alone, so that
    an answer does not depend on the prompt before it."""
    if not model.keep(kept):
        model.append(prompt[:kept])
    logits = model.append(prompt[kept:])
    new: list[int] = []
    logprob = 0.0
    state = None if constraint is None else constraint.start()
    while True:
        scores = torch.from_numpy(logits)
        if constraint is not None:
            scores = _masked(scores, constraint, state, max_new_tokens - len(new), ends)
        (token,) = sampling.choose(scores, [generator])
        logprob += float(torch.log_softmax(scores[0], -1)[token])
        new.append(token)
        if token in ends:
            return Answer(new, "stop", logprob)
        if len(new) == max_new_tokens:
            return Answer(new, "length", logprob)
        if constraint is not None:
            state = constraint.advance(state, token)
        logits = model.append([token])


def _masked(logits: torch.Tensor, constraint: Constraint, state: Any, left: int, ends: frozenset[int]) -> torch.Tensor:
    """Logits [1, vocabulary], with minus infinity for tokens that the constraint does not allow."""
    tokens, may_end = constraint.allowed(state, left)
    masked = torch.full_like(logits, -np.inf)
    for ids in (tokens, sorted(ends)) if may_end else (tokens,):
        index = torch.as_tensor(ids, dtype=torch.long)
        masked[0, index] = logits[0, index]
    return masked


if __name__ == "__main__":
    main(run)
