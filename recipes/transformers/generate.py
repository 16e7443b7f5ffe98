"""Step `generate`: the model's answer to every prompt, by transformers.

params: {"max_new_tokens", "temperature", "precision": "fp32" | "bf16" | "fp16" | "4bit", "compute": what 4-bit weights
are multiplied in, "thinking", "seed", "top_p", "top_k", "constrain": "none" | "json" | "labels", "samples": answers a
case, for a vote}; hint: "batch_size": int or "auto"; inputs: "prompts" (eval.jsonl), "model" (model.json), "adapter" or
"weights" (folders, optional: an adapter of the base, or a whole model in its place), "answers" (answers.json, for a
constraint); local_paths: {"model": folder}. Writes responses.jsonl in the order of the prompts. Answers are kept in the
work folder as they come, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel

from recipes.common.encode import load_tokenizer
from recipes.common.generation.cases import encode_cases
from recipes.common.generation.responses import Answers, write_responses
from recipes.common.protocol import Step, main
from recipes.transformers.batches import answer_all
from recipes.transformers.constraint import read_constraint
from recipes.transformers.loaded_model import model_of


def run(step: Step, prepare: Callable[[PreTrainedModel], None] = lambda _: None) -> dict[str, Any]:
    """Answer what is not answered yet, then write all answers. `prepare` sees the loaded model:
    tests hang on it what a small machine cannot show, such as memory that runs out."""
    params = step.params
    torch.set_num_threads(step.cores)
    started = time.monotonic()
    described = json.loads(step.inputs["model"].read_text())
    tokenizer = load_tokenizer(step.local_paths["model"])
    cases, prompts = encode_cases(step, tokenizer)
    with Answers(step.work / "partial.jsonl") as answers:
        evidence: dict[str, Any] = {"cases": len(cases), "resumed": answers.resumed}
        if any(id not in answers for id in prompts):
            step.progress(force=True, message="loading the model")
            constraint = read_constraint(params.get("constrain", "none"), step.inputs.get("answers"), tokenizer)
            with model_of(step, described) as model:
                prepare(model)
                evidence["load_seconds"] = round(time.monotonic() - started, 2)
                step.check_interrupt()
                evidence |= answer_all(step, model, tokenizer, prompts, answers, constraint)
        write_responses(step.output / "responses.jsonl", cases, answers, params.get("samples"))
    return evidence


if __name__ == "__main__":
    main(run)
