"""Step `generate`: the model's answers to all prompts, by transformers.

params: {"max_new_tokens", "temperature", "precision": "fp32" | "bf16" | "fp16" | "4bit", "compute": dtype of products
with 4-bit weights, "thinking", "seed", "top_p", "top_k", "constrain": "none" | "json" | "labels" | "schema", "samples":
answers to each case, for a vote, "scores": "none" | "labels"}; hint: "batch_size": int or "auto"; inputs: "prompts"
(eval.jsonl), "model" (model.json), optionally "adapter" (folder) or "weights" (folder of a whole model that replaces
the base), "answers" (answers.json, for a constraint or scores); local_paths: {"model": folder}. Writes responses.jsonl
in the order of the prompts, and with scores margins.jsonl.
Answers are stored in the work folder immediately, so that an interrupted run resumes.
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
from recipes.transformers.loaded_model import model_for


def run(step: Step, prepare: Callable[[PreTrainedModel], None] = lambda _: None) -> dict[str, Any]:
    """Answer the cases without an answer, then write all answers. `prepare` receives the loaded model, so that a test
    can simulate, for example, that memory runs out."""
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
            with model_for(step, described) as model:
                prepare(model)
                evidence["load_seconds"] = round(time.monotonic() - started, 2)
                step.check_interrupt()
                scored = params.get("scores", "none") == "labels"
                labels = json.loads(step.inputs["answers"].read_text(encoding="utf-8")) if scored else None
                evidence |= answer_all(step, model, tokenizer, prompts, answers, constraint, labels)
        write_responses(step.output / "responses.jsonl", cases, answers, params.get("samples"))
    return evidence


if __name__ == "__main__":
    main(run)
