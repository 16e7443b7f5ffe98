"""Generation for all cases in batches. If memory runs out, the batch size is halved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from recipes.common.generation.cases import answer_row, end_tokens, seed_of
from recipes.common.generation.responses import Answers
from recipes.common.protocol import Step, is_out_of_memory
from recipes.transformers.constraint import Constraint
from recipes.transformers.decode import Answer, Sampling, answer_batch
from recipes.transformers.label_paths import LabelPaths
from recipes.transformers.label_scores import LabelScorer, expect_scorable
from recipes.transformers.memory import fitting_batch, out_of_memory, too_little_memory
from recipes.transformers.prefill import answers_singly, shared_prefix


def answer_all(
    step: Step,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: dict[str, list[int]],
    answers: Answers,
    constraint: Constraint | None,
    labels: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Answer the cases without an answer, longest prompts first; returns the evidence. `labels` is the content of
    answers.json if the answers get scores.

    The result of a resumed run equals that of an uninterrupted one to the last bit. Therefore a partly answered batch
    is generated again as a whole, and a finished row is not replaced by a row of the next batch.
    """
    params = step.params
    ends = end_tokens(step.local_paths["model"], tokenizer)
    sampling = Sampling(params["temperature"], params.get("top_p"), params.get("top_k"))
    order = sorted(prompts, key=lambda id: len(prompts[id]), reverse=True)
    size = params["batch_size"]
    if answers_singly(model):
        size = 1
    elif size == "auto":
        size = fitting_batch(model, len(prompts[order[0]]), params["max_new_tokens"])
    with out_of_memory("the common prefix of the prompts does not fit"):
        prefix = shared_prefix(model, list(prompts.values()), params["max_new_tokens"])
    before = len(answers)
    started = time.monotonic()
    pending = [id for id in order if id not in answers]
    work = sum(len(prompts[id]) - prefix.length for id in pending)
    done = {"new": 0, "prompt": 0, "scored": 0}
    score_seconds = 0.0
    longest = len(prompts[order[0]]) + params["max_new_tokens"]
    paths = None if labels is None else LabelPaths(tokenizer, labels, ends)
    if paths is not None:
        expect_scorable(model, longest)
    failed_sizes: list[int] = []

    def report(**more: Any) -> None:
        seconds = time.monotonic() - started
        if done["prompt"]:
            more["seconds_left"] = round(seconds * (work / done["prompt"] - 1), 1)
        step.progress(
            done=len(answers),
            total=len(prompts),
            unit="cases",
            tokens_per_second=round(done["new"] / max(seconds, 1e-9), 1),
            **more,
        )

    def add(id: str, answer: Answer) -> None:
        if id in answers:
            return
        answers.add(answer_row(id, prompts[id], answer.ids, answer.finish, answer.logprob, tokenizer, answer.scores))
        done["new"] += len(answer.ids)
        done["prompt"] += len(prompts[id]) - prefix.length

    def between() -> None:
        report()
        step.check_interrupt()

    def fits(batch: list[str]) -> bool:
        nonlocal score_seconds
        scorer = None if paths is None else LabelScorer(paths, len(batch))
        try:
            answer_batch(
                model,
                [prompts[id] for id in batch],
                prefix=prefix,
                ends=ends,
                max_new_tokens=params["max_new_tokens"],
                sampling=sampling,
                generators=[torch.Generator().manual_seed(seed_of(params.get("seed", 0), id)) for id in batch],
                on_answer=lambda row, answer: add(batch[row], answer),
                between=between,
                constraint=constraint,
                scorer=scorer,
            )
            if scorer is not None:
                done["scored"] += scorer.scored
                score_seconds += scorer.seconds
            return True
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return False

    at = 0
    while at < len(order):
        batch = order[at : at + size]
        if all(id in answers for id in batch) or fits(batch):
            at += len(batch)
        else:
            failed_sizes.append(len(batch))
            size = len(batch) // 2
            if size == 0:
                raise too_little_memory("a single case does not fit")
            if model.device.type == "cuda":
                torch.cuda.empty_cache()
        step.check_interrupt()
    report(force=True)
    seconds = time.monotonic() - started
    prompt_tokens = sum(len(prompts[id]) for id in pending)
    return {
        "device": torch.cuda.get_device_name(0) if model.device.type == "cuda" else "cpu",
        "precision": params["precision"],
        "batch_size": size,
        **({"out_of_memory_at": failed_sizes} if failed_sizes else {}),
        "shared_tokens": prefix.length,
        "prompt_tokens": prompt_tokens,
        "new_tokens": done["new"],
        **({} if paths is None else {"scored_tokens": done["scored"], "score_seconds": round(score_seconds, 2)}),
        "generate_seconds": round(seconds, 2),
        "cases_per_second": round((len(answers) - before) / seconds, 3),
        "tokens_per_second": round((done["new"] + prompt_tokens) / seconds, 1),
        **({"gpu_memory": torch.cuda.max_memory_allocated()} if model.device.type == "cuda" else {}),
    }
