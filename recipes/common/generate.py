"""Step `generate`: the model's answer to every prompt, by transformers.

params: {"max_new_tokens", "temperature", "precision": "fp32" | "bf16" | "fp16" | "4bit", "compute": what 4-bit weights
are multiplied in, "thinking", "seed", "top_p", "top_k", "constrain": "none" | "json" | "labels", "samples": answers a
case, for a vote}; hint: "batch_size": int or "auto"; inputs: "prompts" (eval.jsonl), "model" (model.json), "adapter" or
"weights" (folders, optional: an adapter of the base, or a whole model in its place), "answers" (answers.json, for a
constraint); places: {"model": folder}. Writes responses.jsonl in the order of the prompts. Answers are kept in the work
folder as they come, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.generate_batch import Answer, Sampling, answer_batch, shared_prefix
from recipes.common.generate_constraint import Constraint, read_constraint
from recipes.common.generate_memory import is_out_of_memory, out_of_memory, too_little_memory
from recipes.common.generate_model import load_model
from recipes.common.generate_rows import Answers, read_cases, sample_ids, write_responses
from recipes.common.machine import available_memory
from recipes.common.protocol import Step, main

_CPU_BATCH = 16
_GPU_BATCH = 64


def run(step: Step, prepare: Callable[[PreTrainedModel], None] = lambda _: None) -> dict[str, Any]:
    """Answer what is not answered yet, longest prompts first, then write all answers. `prepare` sees the loaded model:
    tests hang on it what a small machine cannot show, such as memory that runs out."""
    params = step.params
    torch.set_num_threads(step.cores)
    started = time.monotonic()
    cases = read_cases(step.inputs["prompts"])
    described = json.loads(step.inputs["model"].read_text())
    tokenizer = load_tokenizer(step.places["model"])
    samples = params.get("samples")
    prompts = {
        one: ids
        for case in cases
        for ids in [prompt_ids(tokenizer, case["messages"], bool(params["thinking"]))]
        for one in sample_ids(case["id"], samples)
    }
    with Answers(step.work / "partial.jsonl") as answers:
        evidence: dict[str, Any] = {"cases": len(cases), "resumed": answers.resumed}
        if any(id not in answers for id in prompts):
            step.progress(force=True, message="loading the model")
            constraint = read_constraint(params.get("constrain", "none"), step.inputs.get("answers"), tokenizer)
            with out_of_memory("the model does not fit"):
                model = load_model(
                    step.places["model"],
                    described,
                    params["precision"],
                    compute=params.get("compute"),
                    adapter=step.inputs.get("adapter"),
                    weights=step.inputs.get("weights"),
                    cores=step.cores,
                )
            prepare(model)
            evidence["load_seconds"] = round(time.monotonic() - started, 2)
            step.check_interrupt()
            evidence |= _answer_all(step, model, tokenizer, prompts, answers, constraint)
        write_responses(step.output / "responses.jsonl", [case["id"] for case in cases], answers, samples)
    return evidence


def _answer_all(
    step: Step,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: dict[str, list[int]],
    answers: Answers,
    constraint: Constraint | None,
) -> dict[str, Any]:
    """Answers batch by batch, and half a batch at a time once memory ran out. A batch of which an interrupted run left
    a part is answered again as a whole, so that numbers come out to the last bit as they would have."""
    params = step.params
    ends = end_tokens(model, tokenizer)
    sampling = Sampling(params["temperature"], params.get("top_p"), params.get("top_k"))
    order = sorted(prompts, key=lambda id: len(prompts[id]), reverse=True)
    longest = len(prompts[order[0]]) + params["max_new_tokens"]
    size = params["batch_size"] if params["batch_size"] != "auto" else _batch_size(model, longest)
    with out_of_memory("the beginning that all prompts share does not fit"):
        prefix = shared_prefix(model, list(prompts.values()))
    before = len(answers)
    started = time.monotonic()
    pending = [id for id in order if id not in answers]
    work = sum(len(prompts[id]) - prefix.length for id in pending)
    done = {"new": 0, "prompt": 0}
    refused: list[int] = []

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

    def keep(id: str, answer: Answer) -> None:
        if id in answers:
            return
        ids = answer.ids[:-1] if answer.finish == "stop" else answer.ids
        answers.keep(
            {
                "id": id,
                "text": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False),
                "prompt_tokens": len(prompts[id]),
                "new_tokens": len(answer.ids),
                "finish": answer.finish,
                "logprob": round(answer.logprob, 4),
            }
        )
        done["new"] += len(answer.ids)
        done["prompt"] += len(prompts[id]) - prefix.length

    def between() -> None:
        report()
        step.check_interrupt()

    def fits(batch: list[str]) -> bool:
        try:
            answer_batch(
                model,
                [prompts[id] for id in batch],
                prefix=prefix,
                ends=ends,
                max_new_tokens=params["max_new_tokens"],
                sampling=sampling,
                generators=[_generator(params.get("seed", 0), id) for id in batch],
                on_answer=lambda row, answer: keep(batch[row], answer),
                on_token=between,
                constraint=constraint,
            )
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
            refused.append(len(batch))
            size = len(batch) // 2
            if size == 0:
                raise too_little_memory("one case does not fit")
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
        **({"out_of_memory_at": refused} if refused else {}),
        "shared_tokens": prefix.length,
        "prompt_tokens": prompt_tokens,
        "new_tokens": done["new"],
        "generate_seconds": round(seconds, 2),
        "cases_per_second": round((len(answers) - before) / seconds, 3),
        "tokens_per_second": round((done["new"] + prompt_tokens) / seconds, 1),
        **({"gpu_memory": torch.cuda.max_memory_allocated()} if model.device.type == "cuda" else {}),
    }


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """All tokens that end an answer: the template's, the tokenizer's and those that the model declares."""
    declared = getattr(model.generation_config, "eos_token_id", None)
    listed = declared if isinstance(declared, list) else [declared]
    found = [end_token(tokenizer), tokenizer.eos_token_id, *listed]
    return frozenset(token for token in found if isinstance(token, int))


def _batch_size(model: PreTrainedModel, longest: int) -> int:
    """How many cases of the longest length fit into the free memory, within a bound beyond which more gains nothing.
    Keys and values count twice, since a step writes them anew."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_token = 2 * 2 * config.num_hidden_layers * heads * head_dim * model.dtype.itemsize
    activations = 8 * config.hidden_size * 4 + 4 * getattr(config, "intermediate_size", config.hidden_size * 4)
    on_gpu = model.device.type == "cuda"
    free = torch.cuda.mem_get_info()[0] if on_gpu else available_memory()
    fitting = int(0.8 * free / (longest * (per_token + activations) + 3 * 4 * config.vocab_size))
    return max(1, min(_GPU_BATCH if on_gpu else _CPU_BATCH, fitting))


def _generator(seed: int, id: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


if __name__ == "__main__":
    main(run)
