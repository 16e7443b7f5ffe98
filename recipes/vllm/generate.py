"""Step `generate` by vLLM, on one GPU. All prompts run together, and common prefixes are computed once.

Parameters, inputs and outputs are those of `recipes.transformers.generate`, with `precision` "bf16" or "fp16". An
`adapter` is applied without merging. vLLM supports LoRA and rsLoRA; a DoRA adapter must be merged into `weights`
before. Written for vLLM 0.33.0.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import load_tokenizer
from recipes.common.generation.cases import answer_row, encode_cases, end_tokens, seed_of
from recipes.common.generation.responses import Answers, Row, write_responses
from recipes.common.protocol import Step, StepFailed, main

_ENVIRONMENT = {
    **{"VLLM_NO_USAGE_STATS": "1", "VLLM_DO_NOT_TRACK": "1"},
    # vLLM forks its engine by default. This process has a thread, and the check for a GPU initialises CUDA's driver,
    # after which a forked process cannot use CUDA.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
"""Variables that vLLM reads. They must be set before its import."""

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_MAX_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values of `max_lora_rank` that vLLM accepts."""

_BATCH = 512
"""Prompts of a call of vLLM. An interrupt can lose at most these."""


def run(step: Step) -> dict[str, Any]:
    """Answer the cases without an answer, then write all answers."""
    params = step.params
    started = time.monotonic()
    tokenizer = load_tokenizer(step.local_paths["model"])
    cases, prompts = encode_cases(step, tokenizer)
    with Answers(step.work / "partial.jsonl") as answers:
        evidence: dict[str, Any] = {"cases": len(cases), "resumed": answers.resumed}
        pending = sorted((id for id in prompts if id not in answers), key=lambda id: len(prompts[id]), reverse=True)
        if pending:
            step.progress(force=True, message="loading the model")
            longest = len(prompts[pending[0]]) + params["max_new_tokens"]
            engine = _load(step, longest)
            evidence["load_seconds"] = round(time.monotonic() - started, 2)
            evidence |= _answer(step, engine, tokenizer, prompts, pending, answers)
        write_responses(step.output / "responses.jsonl", cases, answers, params.get("samples"))
    return evidence


def _load(step: Step, longest: int) -> Any:
    os.environ |= _ENVIRONMENT
    import torch

    if not torch.cuda.is_available():
        raise StepFailed(
            "no-device", "vLLM needs an NVIDIA GPU, but there is none", "Set generate.engine: transformers."
        )
    from vllm import LLM

    adapter = step.inputs.get("adapter")
    lora: dict[str, Any] = {}
    if adapter is not None:
        lora = {"enable_lora": True, "max_loras": 1, "max_lora_rank": max_lora_rank(read_rank(adapter))}
    try:
        return LLM(
            model=str(step.inputs.get("weights", step.local_paths["model"])),
            tokenizer=str(step.local_paths["model"]),
            dtype=_DTYPES[step.params["precision"]],
            max_model_len=longest,
            enable_prefix_caching=True,
            trust_remote_code=False,
            generation_config="vllm",
            seed=step.params.get("seed", 0),
            **lora,
        )
    except torch.OutOfMemoryError as error:
        raise StepFailed(
            "out-of-memory",
            f"the model and its cache do not fit: {str(error).splitlines()[0]}",
            "Use a smaller model, or free memory that other processes use.",
        ) from error
    except ValueError as error:
        raise StepFailed(
            "model-not-loadable",
            f"vLLM cannot load the model: {str(error).splitlines()[0]}",
            "Set generate.engine: transformers.",
        ) from error


def _answer(
    step: Step,
    engine: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: dict[str, list[int]],
    pending: Sequence[str],
    answers: Answers,
) -> dict[str, Any]:
    from vllm import SamplingParams
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import StructuredOutputsParams

    params = step.params
    allowed = json.loads(step.inputs["answers"].read_text()) if "answers" in step.inputs else None
    constraint = structured_outputs(params.get("constrain", "none"), allowed)
    adapter = step.inputs.get("adapter")
    lora = None if adapter is None else LoRARequest("adapter", 1, str(adapter))
    ends = sorted(end_tokens(step.local_paths["model"], tokenizer))
    started = time.monotonic()
    new_tokens = 0
    for at in range(0, len(pending), _BATCH):
        step.check_interrupt()
        batch = pending[at : at + _BATCH]
        sampling = [
            SamplingParams(
                **sampling_of(params, id),
                stop_token_ids=ends,
                logprobs=0,
                structured_outputs=None if constraint is None else StructuredOutputsParams(**constraint),
            )
            for id in batch
        ]
        given = [{"prompt_token_ids": prompts[id]} for id in batch]
        outputs = engine.generate(given, sampling, use_tqdm=False, lora_request=lora)
        for id, output in zip(batch, outputs, strict=True):
            row = row_of(id, prompts[id], output.outputs[0], tokenizer)
            new_tokens += row["new_tokens"]
            answers.add(row)
        seconds = time.monotonic() - started
        step.progress(
            force=True,
            done=len(answers),
            total=len(prompts),
            unit="cases",
            tokens_per_second=round(new_tokens / seconds, 1),
        )
    import torch

    seconds = time.monotonic() - started
    return {
        "device": torch.cuda.get_device_name(0),
        "precision": params["precision"],
        "prompt_tokens": sum(len(prompts[id]) for id in pending),
        "new_tokens": new_tokens,
        "generate_seconds": round(seconds, 2),
        "tokens_per_second": round(new_tokens / seconds, 1),
    }


def sampling_of(params: dict[str, Any], id: str) -> dict[str, Any]:
    """Keys of SamplingParams for one case. Each case has its own seed, so that no answer depends on other cases."""
    chosen = {"temperature": params["temperature"], "max_tokens": params["max_new_tokens"]}
    if params["temperature"] == 0:
        return chosen
    chosen["seed"] = seed_of(params.get("seed", 0), id)
    return chosen | {key: params[key] for key in ("top_p", "top_k") if params.get(key) is not None}


def structured_outputs(kind: str, allowed: dict[str, Any] | None) -> dict[str, Any] | None:
    """Keys of StructuredOutputsParams for `generate.constrain`. A regular expression cannot exclude that a label occurs
    twice; the evaluation counts it once."""
    if kind == "none":
        return None
    assert allowed is not None
    if kind == "json":
        one: dict[str, Any] = {"minItems": 1, "maxItems": 1} if allowed["single"] else {}
        return {"json": {"type": "array", "items": {"type": "string"}, **one}}
    label = "(" + "|".join(map(_literal, allowed["labels"])) + ")"
    several = label if allowed["single"] else f"{label}({_literal(allowed['between'])}{label})*"
    none = allowed["none"]
    return {"regex": several if none is None or none in allowed["labels"] else f"({several}|{_literal(none)})"}


def _literal(text: str) -> str:
    """A text as a regular expression. `re.escape` escapes more than the regular expressions of other languages
    allow."""
    return "".join(f"\\{character}" if character in r".^$*+?{}[]\|()/" else character for character in text)


def max_lora_rank(rank: int) -> int:
    """The smallest `max_lora_rank` for adapters of this rank."""
    for value in _MAX_RANKS:
        if value >= rank:
            return value
    raise StepFailed(
        "engine-unsupported",
        f"vLLM supports adapters up to rank {_MAX_RANKS[-1]}",
        "Set generate.engine: transformers.",
    )


def read_rank(adapter: Path) -> int:
    """Rank of an adapter in PEFT's form. Fails with `engine-unsupported` for DoRA."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    if config.get("use_dora"):
        raise StepFailed(
            "engine-unsupported",
            "vLLM does not support DoRA adapters",
            "Merge the adapter, or set generate.engine: transformers.",
        )
    return int(max([config["r"], *(config.get("rank_pattern") or {}).values()]))


def row_of(id: str, prompt: Sequence[int], output: Any, tokenizer: PreTrainedTokenizerBase) -> Row:
    """One row of responses.jsonl from a CompletionOutput."""
    finish = "length" if output.finish_reason == "length" else "stop"
    return answer_row(id, prompt, list(output.token_ids), finish, output.cumulative_logprob, tokenizer)


if __name__ == "__main__":
    main(run)
