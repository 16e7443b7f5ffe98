"""Step `generate` by vLLM, on one GPU or on the CPU. All prompts are scheduled together, and common prefixes are
computed once.

Parameters, inputs and outputs are those of `recipes.transformers.generate`, without 4-bit weights. An `adapter` is
applied without merging. vLLM supports LoRA and rsLoRA; a DoRA adapter must be merged into `weights` before. Answers are
stored in the work folder as they end, so that an interrupted run resumes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import load_tokenizer
from recipes.common.generation.cases import answer_row, encode_cases, end_tokens, seed_of
from recipes.common.generation.responses import Answers, Row, write_responses
from recipes.common.protocol import Step, main
from recipes.vllm.engine import load_engine


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
            engine = load_engine(step, longest, len(pending))
            evidence["load_seconds"] = round(time.monotonic() - started, 2)
            evidence |= answer_all(step, engine, tokenizer, prompts, pending, answers)
        write_responses(step.output / "responses.jsonl", cases, answers, params.get("samples"))
    return evidence


def answer_all(
    step: Step,
    engine: Any,
    tokenizer: PreTrainedTokenizerBase,
    prompts: dict[str, list[int]],
    pending: Sequence[str],
    answers: Answers,
) -> dict[str, Any]:
    """Answer the pending cases with a loaded engine. Returns the evidence."""
    import torch
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
    for id in pending:
        sampling = SamplingParams(
            **sampling_of(params, id),
            stop_token_ids=ends,
            logprobs=0,
            detokenize=False,
            structured_outputs=None if constraint is None else StructuredOutputsParams(**constraint),
        )
        engine.add_request(id, {"prompt_token_ids": prompts[id]}, sampling, lora_request=lora)
    new_tokens = 0
    while engine.has_unfinished_requests():
        step.check_interrupt()
        for output in engine.step():
            if not output.finished:
                continue
            id = output.request_id
            row = row_of(id, prompts[id], output.outputs[0], tokenizer)
            new_tokens += row["new_tokens"]
            answers.add(row)
            step.progress(
                done=len(answers),
                total=len(prompts),
                unit="cases",
                tokens_per_second=round(new_tokens / (time.monotonic() - started), 1),
            )
    seconds = time.monotonic() - started
    on_gpu = torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name(0) if on_gpu else "cpu",
        "precision": params["precision"],
        "prompt_tokens": sum(len(prompts[id]) for id in pending),
        "new_tokens": new_tokens,
        "generate_seconds": round(seconds, 2),
        "cases_per_second": round(len(pending) / seconds, 3),
        "tokens_per_second": round(new_tokens / seconds, 1),
        **({"gpu_memory": torch.cuda.max_memory_allocated()} if on_gpu else {}),
    }


def sampling_of(params: dict[str, Any], id: str) -> dict[str, Any]:
    """Keys of SamplingParams for one case. Each case has its own seed, so that no answer depends on other cases."""
    chosen = {"temperature": params["temperature"], "max_tokens": params["max_new_tokens"]}
    if params["temperature"] == 0:
        return chosen
    chosen["seed"] = seed_of(params.get("seed", 0), id)
    return chosen | {key: params[key] for key in ("top_p", "top_k") if params.get(key) is not None}


_CHARACTER = r'([^"\\\x00-\x1F\x7F]|\\["\\/])'
_FIRST_CHARACTER = r'([^ "\\\x00-\x1F\x7F]|\\["\\/])'
_STRING = f'"{_FIRST_CHARACTER}{_CHARACTER}*"'
"""A string of a JSON array, as recipes.transformers.constrain_json defines it."""


def structured_outputs(kind: str, allowed: dict[str, Any] | None) -> dict[str, Any] | None:
    """Keys of StructuredOutputsParams for `generate.constrain`: the JSON Schema of the study, or a regular expression
    for the answers that the transformers engine allows. It cannot exclude that a label occurs twice; the evaluation
    counts it once. Nor does it close an answer that reaches `max_new_tokens`."""
    if kind == "none":
        return None
    assert allowed is not None
    if kind == "schema":
        return {"json": {key: value for key, value in allowed["schema"].items() if key not in ("$schema", "$id")}}
    if kind == "json":
        strings = _STRING if allowed["single"] else f"({_STRING}(, {_STRING})*)?"
        return {"regex": rf"\[{strings}\]"}
    label = "(" + "|".join(map(_literal, allowed["labels"])) + ")"
    several = label if allowed["single"] else f"{label}({_literal(allowed['between'])}{label})*"
    none = allowed["none"]
    return {"regex": several if none is None or none in allowed["labels"] else f"({several}|{_literal(none)})"}


def _literal(text: str) -> str:
    """A text as a regular expression. `re.escape` escapes more than the regular expressions of other languages
    allow."""
    return "".join(f"\\{character}" if character in r".^$*+?{}[]\|()/" else character for character in text)


def row_of(id: str, prompt: Sequence[int], output: Any, tokenizer: PreTrainedTokenizerBase) -> Row:
    """One row of responses.jsonl from a CompletionOutput."""
    finish = "length" if output.finish_reason == "length" else "stop"
    return answer_row(id, prompt, list(output.token_ids), finish, output.cumulative_logprob, tokenizer)


if __name__ == "__main__":
    main(run)
