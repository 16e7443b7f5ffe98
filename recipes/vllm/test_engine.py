"""Loading vLLM's engine, without vLLM: variables, arguments and failures."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from recipes.common.models.folder import describe_model, select_files
from recipes.common.protocol import Step, StepFailed
from recipes.tools.tiny_models import make_tiny_model
from recipes.vllm import engine
from recipes.vllm.engine import cpu_arguments, load_engine, max_lora_rank, read_rank

VARIABLES = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_WORKER_MULTIPROC_METHOD": "spawn"}


@pytest.fixture
def step(tmp_path: Path) -> Step:
    model = make_tiny_model(tmp_path / "model", "qwen3", tied=True)
    names = select_files(path.name for path in model.iterdir())
    (tmp_path / "model.json").write_text(json.dumps(describe_model("tiny", None, model, names, lambda _: None)))
    inputs, params = {"model": tmp_path / "model.json"}, {"precision": "fp32"}
    return Step("generate", params, inputs, {"model": model}, tmp_path, tmp_path, tmp_path / "progress.jsonl", 1)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Arguments and variables of each engine that starts, in place of vLLM."""
    found: list[dict[str, Any]] = []

    def start(arguments: dict[str, Any]) -> object:
        found.append(arguments | {name: os.environ.get(name) for name in VARIABLES})
        return object()

    fake = SimpleNamespace(EngineArgs=lambda **arguments: arguments, LLMEngine=SimpleNamespace(from_engine_args=start))
    monkeypatch.setitem(sys.modules, "vllm", fake)
    for name in ("VLLM_NO_USAGE_STATS", "VLLM_DO_NOT_TRACK", *VARIABLES):
        monkeypatch.setenv(name, "before")
    return found


def test_the_engine_runs_in_the_process_of_the_step(
    step: Step, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check for a GPU initialises CUDA, so a forked engine could not use it."""
    for available in (False, True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        load_engine(step, 64, 3)
    on_cpu, on_gpu = started
    assert on_cpu.items() >= VARIABLES.items() and on_gpu.items() >= VARIABLES.items()
    assert on_cpu["dtype"] == "float32" and on_cpu["max_model_len"] == 64 and "enable_lora" not in on_cpu
    assert on_cpu["enforce_eager"] and on_cpu["max_num_seqs"] == 3
    # Only on the CPU does exp set the size of the cache. On a GPU vLLM measures it.
    assert not {"enforce_eager", "block_size", "max_num_seqs", "kv_cache_memory_bytes"} & on_gpu.keys()


def test_an_adapter_is_served_over_the_base(step: Step, started: list[dict[str, Any]], tmp_path: Path) -> None:
    step.inputs["adapter"] = tmp_path
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12, "rank_pattern": {"q_proj": 24}}))
    load_engine(step, 64, 3)
    assert started[0]["enable_lora"] and started[0]["max_lora_rank"] == 32
    assert started[0]["model"] == str(step.local_paths["model"])


def test_the_cache_on_the_cpu_fits_into_the_free_memory() -> None:
    """Two layers with two heads of 16 numbers: 512 bytes a token in fp32."""
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64}
    config = {"model_type": "llama", **sizes}
    described = {"config": config, "parameters": 1000}
    block = 32 * 512

    def cache(*, cases: int, free: float, precision: str = "fp32", config: dict[str, Any] = config) -> tuple[int, int]:
        made = cpu_arguments({**described, "config": config}, precision, 40, cases, int(free))
        return made["max_num_seqs"], made["kv_cache_memory_bytes"]

    # A case of 40 tokens takes two blocks, and vLLM keeps one.
    assert cache(cases=5, free=1e9) == (5, 11 * block)
    assert cache(cases=900, free=1e9) == (engine.CPU_ROWS, (2 * engine.CPU_ROWS + 1) * block)
    assert cache(cases=5, free=1e9, precision="bf16") == (5, 11 * block // 2)
    assert cache(
        cases=5,
        free=1e9,
        config={"model_type": "gemma3", "text_config": {**sizes, "model_type": "gemma3_text", "head_dim": 32}},
    ) == (5, 22 * block)
    assert cache(cases=900, free=(4000 + 7.5 * block) / 0.8) == (3, 7 * block)
    with pytest.raises(StepFailed, match="GiB are free") as failure:
        cache(cases=1, free=(4000 + 2.5 * block) / 0.8)
    assert failure.value.code == "out-of-memory"


def test_a_changed_model_and_a_failed_start_have_their_codes(
    step: Step, started: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def code(error: Exception) -> str:
        def start(_: object) -> None:
            raise error

        monkeypatch.setattr(engine, "_start", start)
        with pytest.raises(StepFailed) as failure:
            load_engine(step, 64, 3)
        return failure.value.code

    assert code(torch.OutOfMemoryError("CUDA out of memory")) == "out-of-memory"
    assert code(RuntimeError("DefaultCPUAllocator: can't allocate memory")) == "out-of-memory"
    assert code(ValueError("Model architectures are not supported")) == "model-not-loadable"
    with (step.local_paths["model"] / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert code(ValueError()) == "model-changed"


def test_the_rank_of_the_adapter_and_unsupported_adapters(tmp_path: Path) -> None:
    config = tmp_path / "adapter_config.json"
    base = {"base": "tiny", "revision": None}
    config.write_text(json.dumps({"r": 12, "rank_pattern": {"q_proj": 24}}))
    assert (read_rank(tmp_path, base), max_lora_rank(24), max_lora_rank(16)) == (24, 32, 16)
    config.write_text(json.dumps({"r": 12, "use_dora": True}))
    with pytest.raises(StepFailed, match="DoRA"):
        read_rank(tmp_path, base)
    config.write_text(json.dumps({"r": 12, "base_model_name_or_path": "another"}))
    with pytest.raises(StepFailed, match="was trained on another"):
        read_rank(tmp_path, base)
    with pytest.raises(StepFailed, match="rank 512"):
        max_lora_rank(1024)
