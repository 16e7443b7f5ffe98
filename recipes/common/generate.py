"""Step `generate`: the model's answer to every prompt, by transformers.

params: {"max_new_tokens", "temperature", "precision": "fp32" | "bf16" | "fp16", "batch_size": int or "auto",
"thinking", "seed", "top_p", "top_k"}; inputs: "prompts" (eval.jsonl), "model" (model.json), "adapter" (folder,
optional); places: {"model": folder}. Writes responses.jsonl in the order of the prompts. Answers are kept in the work
folder as they come, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from recipes.common.encode import end_token, load_tokenizer, prompt_ids
from recipes.common.generate_batch import Answer, Sampling, answer_batch, shared_prefix
from recipes.common.generate_model import load_model
from recipes.common.protocol import Step, StepFailed, main

_CPU_BATCH = 16
_GPU_BATCH = 64


def run(step: Step) -> dict[str, Any]:
    """Answer what is not answered yet, longest prompts first, then write all answers."""
    params = step.params
    for key, plain in (("constrain", "none"), ("vote", None)):
        if params.get(key, plain) != plain:
            raise StepFailed(
                "not-supported", f"engine transformers cannot do generate.{key}", f"Remove generate.{key}."
            )
    torch.set_num_threads(step.cores)
    started = time.monotonic()
    cases = _read_rows(step.inputs["prompts"])
    described = json.loads(step.inputs["model"].read_text())
    tokenizer = load_tokenizer(step.places["model"])
    prompts = {case["id"]: prompt_ids(tokenizer, case["messages"], bool(params["thinking"])) for case in cases}
    partial = step.work / "partial.jsonl"
    answered = _read_partial(partial)
    pending = sorted((id for id in prompts if id not in answered), key=lambda id: len(prompts[id]), reverse=True)
    evidence: dict[str, Any] = {"cases": len(cases), "resumed": len(answered)}
    if pending:
        step.progress(force=True, message="loading the model")
        model = load_model(step.places["model"], described, params["precision"], step.inputs.get("adapter"))
        evidence["load_seconds"] = round(time.monotonic() - started, 2)
        step.check_interrupt()
        evidence |= _answer_all(step, model, tokenizer, prompts, pending, answered, partial)
    with (step.output / "responses.jsonl").open("w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps(answered[case["id"]], ensure_ascii=False) + "\n")
    return evidence


def _answer_all(
    step: Step,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: dict[str, list[int]],
    pending: list[str],
    answered: dict[str, dict[str, Any]],
    partial: Path,
) -> dict[str, Any]:
    """Fill `answered` batch by batch; a GPU that runs out of memory gets half the batch."""
    params = step.params
    ends = _end_tokens(model, tokenizer)
    sampling = Sampling(params["temperature"], params.get("top_p"), params.get("top_k"))
    longest = len(prompts[pending[0]]) + params["max_new_tokens"]
    size = params["batch_size"] if params["batch_size"] != "auto" else _batch_size(model, longest)
    prefix = shared_prefix(model, [prompts[id] for id in pending])
    before = len(answered)
    started = time.monotonic()
    work = sum(len(prompts[id]) - prefix.length for id in pending)
    done = {"new": 0, "prompt": 0}
    with partial.open("a", encoding="utf-8") as kept:

        def report(**more: Any) -> None:
            seconds = time.monotonic() - started
            if done["prompt"]:
                more["seconds_left"] = round(seconds * (work / done["prompt"] - 1), 1)
            step.progress(
                done=len(answered),
                total=len(prompts),
                unit="cases",
                tokens_per_second=round(done["new"] / max(seconds, 1e-9), 1),
                **more,
            )

        def keep(id: str, answer: Answer) -> None:
            ids = answer.ids[:-1] if answer.finish == "stop" else answer.ids
            answered[id] = {
                "id": id,
                "text": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False),
                "prompt_tokens": len(prompts[id]),
                "new_tokens": len(answer.ids),
                "finish": answer.finish,
            }
            kept.write(json.dumps(answered[id], ensure_ascii=False) + "\n")
            kept.flush()
            done["new"] += len(answer.ids)
            done["prompt"] += len(prompts[id]) - prefix.length

        def between() -> None:
            report()
            step.check_interrupt()

        while todo := [id for id in pending if id not in answered][:size]:
            try:
                answer_batch(
                    model,
                    [prompts[id] for id in todo],
                    prefix=prefix,
                    ends=ends,
                    max_new_tokens=params["max_new_tokens"],
                    sampling=sampling,
                    generators=[_generator(params.get("seed", 0), id) for id in todo],
                    on_answer=lambda row, answer, todo=todo: keep(todo[row], answer),  # type: ignore[misc]
                    on_token=between,
                )
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = max(1, min(size, len(todo)) // 2)
                torch.cuda.empty_cache()
            step.check_interrupt()
        report(force=True)
    seconds = time.monotonic() - started
    prompt_tokens = sum(len(prompts[id]) for id in pending)
    return {
        "device": torch.cuda.get_device_name(0) if model.device.type == "cuda" else "cpu",
        "precision": params["precision"],
        "batch_size": size,
        "shared_tokens": prefix.length,
        "prompt_tokens": prompt_tokens,
        "new_tokens": done["new"],
        "generate_seconds": round(seconds, 2),
        "cases_per_second": round((len(answered) - before) / seconds, 3),
        "tokens_per_second": round((done["new"] + prompt_tokens) / seconds, 1),
        **({"gpu_memory": torch.cuda.max_memory_allocated()} if model.device.type == "cuda" else {}),
    }


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """All tokens that end an answer: the template's, the tokenizer's and those that the model declares."""
    declared = getattr(model.generation_config, "eos_token_id", None)
    listed = declared if isinstance(declared, list) else [declared]
    found = [end_token(tokenizer), tokenizer.eos_token_id, *listed]
    return frozenset(token for token in found if isinstance(token, int))


def _batch_size(model: PreTrainedModel, longest: int) -> int:
    """How many cases of the longest length fit: a fixed number on a CPU, by the free memory on a GPU. Keys and values
    count twice, since a step writes them anew."""
    if model.device.type != "cuda":
        return _CPU_BATCH
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    per_token = 2 * 2 * config.num_hidden_layers * heads * head_dim * model.dtype.itemsize
    activations = 8 * config.hidden_size * 4 + 4 * getattr(config, "intermediate_size", config.hidden_size * 4)
    free = 0.8 * torch.cuda.mem_get_info()[0]
    return max(1, min(_GPU_BATCH, int(free / (longest * (per_token + activations)))))


def _generator(seed: int, id: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed}:{id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _read_partial(path: Path) -> dict[str, dict[str, Any]]:
    """Answers of an interrupted run. A last line that was cut off is taken out of the file."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return {}
    whole = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    path.write_text("".join(whole), encoding="utf-8")
    return {row["id"]: row for row in map(json.loads, whole)}


if __name__ == "__main__":
    main(run)
