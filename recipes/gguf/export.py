"""Step `export` for the format gguf: converts a whole model to a GGUF file, compares it with the model, quantises it.

params: {"type": f32 | f16 | bf16 | q8_0 | q6_k | q5_k_m | q4_k_m, "thinking", "generation": keys of `generate` for the
Modelfile}; inputs: "model" (model.json), "prompts" (eval.jsonl), optionally "weights" (folder of a whole model that
replaces the base); local_paths: {"model": folder of the base}. Writes exported/ with model.gguf, Modelfile and
export.json.

The conversion is that of llama.cpp. Its result is compared with transformers on prompts of the study: the tokens of the
prompts, and the logits at their ends. A difference is an error, because the file would answer otherwise than the model.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.common.encode import load_tokenizer, prompt_ids, render_prompt
from recipes.common.generation.cases import end_tokens
from recipes.common.generation.responses import read_cases
from recipes.common.models.folder import is_companion, weight_files
from recipes.common.models.tensors import read_header
from recipes.common.models.verify import verify_base, verify_trained
from recipes.common.protocol import Step, StepFailed, main, write_json
from recipes.gguf.llama import Model, free_threads
from recipes.gguf.modelfile import find_turns, modelfile, parameters, system_prompt

FILE = "model.gguf"

_FORMATS = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
"""Number format of the weights -> the type of an unquantised file with equal values."""

_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "q8_0": 1.07, "q6_k": 0.83, "q5_k_m": 0.72, "q4_k_m": 0.62}
"""Bytes of a weight, at most."""

_CANARIES = 4
"""Number of prompts for the comparison."""

_LONGEST = 256
"""Maximum number of tokens of such a prompt. Of a longer one only the start is used."""

_POSITIONS = 8
"""Number of positions at the end whose logits are compared."""

_TOLERANCE = {"f32": 0.02, "f16": 0.03, "bf16": 0.1}
"""Number format -> maximum relative difference of the logits. llama.cpp's cache has 16 bits in every format."""


def run(step: Step) -> dict[str, Any]:
    """Convert, compare, quantise."""
    torch.set_num_threads(step.cores)
    started = time.monotonic()
    kind = step.params["type"]
    base = step.local_paths["model"]
    described = json.loads(step.inputs["model"].read_text())
    weights = step.inputs.get("weights")
    if weights is None:
        verify_base(base, described["files"], step.cores)
    else:
        verify_trained(weights, described["config"])
    folder = weights or base
    stored = max((one.dtype for file in weight_files(folder) for one in read_header(file)), key=list(_FORMATS).index)
    plain = _FORMATS[stored]
    output = step.output / "exported"
    output.mkdir(parents=True)
    step.work.mkdir(parents=True, exist_ok=True)
    _check_space(described["parameters"], {plain, kind}, output)
    rows = read_cases(step.inputs["prompts"])
    tokenizer = load_tokenizer(base)
    thinking = bool(step.params["thinking"])
    prompts = [prompt_ids(tokenizer, row["messages"], thinking) for row in rows]

    from recipes.gguf.convert import convert
    from recipes.gguf.quantise import PLAIN, quantise

    step.progress(force=True, message="convert")
    # A file of the same name may be left by an interrupted run.
    faithful = step.work / "plain.gguf"
    convert(_staged(folder, base, step.work / "staged"), faithful, plain)
    step.check_interrupt()
    step.progress(force=True, message="compare")
    texts = [render_prompt(tokenizer, row["messages"], thinking) for row in rows[:_CANARIES]]
    report = compare_files(folder, faithful, texts, prompts[:_CANARIES], threads=free_threads(step.cores))
    if not report["relative"] <= _TOLERANCE[plain]:
        raise StepFailed(
            "gguf-differs",
            "the converted model differs from the model: the relative difference of the logits is "
            f"{report['relative']:.3f}, the tolerance is {_TOLERANCE[plain]}",
            "llama.cpp computes a model with this config.json otherwise than transformers. Publish the merged model.",
        )
    step.check_interrupt()
    if kind == plain:
        shutil.move(faithful, output / FILE)
    elif kind in PLAIN:
        convert(_staged(folder, base, step.work / "staged"), output / FILE, kind)
    else:
        quantise(
            faithful,
            output / FILE,
            kind,
            step.cores,
            lambda done, total: step.progress(done=done, total=total, unit="weights", message="quantise"),
        )
    faithful.unlink(missing_ok=True)
    shutil.rmtree(step.work / "staged")
    text, notes = _modelfile(step, tokenizer, rows, max(map(len, prompts), default=0))
    (output / "Modelfile").write_text(text, encoding="utf-8")
    size = (output / FILE).stat().st_size
    original = sum(file.stat().st_size for file in weight_files(folder))
    write_json(
        output / "export.json",
        {
            "type": kind,
            "size": size,
            "original_size": original,
            "original_type": plain,
            "check": report,
            "notes": notes,
        },
    )
    return {"device": "cpu", "bytes": size, "seconds": round(time.monotonic() - started, 2)}


def _check_space(parameters: int, kinds: set[str], output: Path) -> None:
    """Fail with `disk-full` before the conversion, which takes minutes."""
    needed = int(sum(_BYTES[kind] for kind in kinds) * parameters * 1.02)
    free = shutil.disk_usage(output).free
    if free < needed:
        raise StepFailed(
            "disk-full",
            f"the export needs {needed / 1e9:.1f} GB of disk space, and {free / 1e9:.1f} GB are free",
            "Free some space. `exp gc` deletes stored files that no run refers to.",
        )


def _staged(folder: Path, base: Path, target: Path) -> Path:
    """A folder with links to the weights of a model, and its config and tokenizer, for the converter. References to
    code are removed from the latter: the converter lets transformers run it for some tokenizers."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source in (base, folder):
        for file in sorted(source.iterdir()):
            if not file.is_file() or not is_companion(file.name) or file.name in ("adapter_config.json", "model.json"):
                continue
            if source == base and folder != base and file.name.endswith(".index.json"):
                continue
            copied = target / file.name
            copied.unlink(missing_ok=True)
            if file.suffix == ".json" and file.name in ("config.json", "tokenizer_config.json"):
                content = json.loads(file.read_text(encoding="utf-8"))
                content.pop("auto_map", None)
                copied.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            else:
                shutil.copyfile(file, copied)
    for file in weight_files(folder):
        (target / file.name).symlink_to(file.resolve())
    return target


def compare_files(
    folder: Path, file: Path, texts: Sequence[str], prompts: Sequence[Sequence[int]], *, threads: int
) -> dict[str, Any]:
    """Compare a GGUF file with the model of a folder on prompts, `texts` being their texts. Fails with
    `gguf-tokens-differ` if llama.cpp splits a text into other tokens."""
    if not prompts:
        return {"prompts": 0, "relative": 0.0, "same_token": 1.0}
    rows = [list(prompt[:_LONGEST]) for prompt in prompts]
    expected = _logits(folder, rows)
    model = Model(file, context=max(map(len, rows)), threads=threads)
    try:
        for text, prompt in zip(texts, prompts, strict=True):
            found = model.tokens(text)
            if found != list(prompt):
                raise StepFailed(
                    "gguf-tokens-differ",
                    f"llama.cpp splits a prompt into other tokens than the tokenizer, from token "
                    f"{_first_difference(found, prompt)} on",
                    "The tokenizer has rules that llama.cpp does not know. Publish the merged model.",
                )
        found_logits = []
        for row in rows:
            model.keep(0)
            found_logits.append(model.append(row, last=min(_POSITIONS, len(row))))
    finally:
        model.close()
    left = np.concatenate([found[:, : wanted.shape[1]] for found, wanted in zip(found_logits, expected, strict=True)])
    right = np.concatenate(expected)
    spread = np.sqrt(np.mean((right - right.mean(-1, keepdims=True)) ** 2))
    return {
        "prompts": len(rows),
        "relative": round(float(np.sqrt(np.mean((left - right) ** 2)) / spread), 6),
        "same_token": round(float(np.mean(left.argmax(-1) == right.argmax(-1))), 4),
    }


@torch.inference_mode()
def _logits(folder: Path, rows: Sequence[list[int]]) -> list[NDArray[np.float32]]:
    """The logits [positions, vocabulary] at the end of each row, by transformers, in the number format of the files."""
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        str(folder), dtype="auto", use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    return [model(torch.tensor([row])).logits[0, -_POSITIONS:].float().numpy() for row in rows]


def _first_difference(left: Sequence[int], right: Sequence[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _modelfile(step: Step, tokenizer: Any, rows: Sequence[Any], longest: int) -> tuple[str, list[str]]:
    thinking = bool(step.params["thinking"])

    def render(messages: Sequence[Any], begins: bool) -> str:
        return _without_start(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                tokenize=False,
                add_generation_prompt=begins,
                enable_thinking=thinking,
            )
        )

    start = tokenizer.bos_token if _adds_start(tokenizer) else None

    def _without_start(text: str) -> str:
        # Ollama puts the token at the start itself.
        return text.removeprefix(start) if start else text

    stops = [tokenizer.decode([token]) for token in sorted(end_tokens(step.local_paths["model"], tokenizer))]
    chosen = parameters(step.params["generation"], stops, longest)
    return modelfile(FILE, find_turns(render), system_prompt([row["messages"] for row in rows]), chosen)


def _adds_start(tokenizer: Any) -> bool:
    """Whether the tokenizer puts a token at the start of every text. The converter copies this setting to the file."""
    return bool(tokenizer.bos_token) and tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id


if __name__ == "__main__":
    main(run)
