"""vLLM's engine for a generate step: environment variables, arguments, and failures while it loads.

The engine runs in the step's own process, on a GPU and on the CPU. Its errors, its memory and an interrupt are then
those of the step, and no other process has to end with it. Written for vLLM 0.32.0.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from recipes.common.adapters.files import CONFIG, check_base
from recipes.common.machine import available_memory
from recipes.common.models.text_decoder import read_text_config
from recipes.common.models.verify import verify_base, verify_trained
from recipes.common.protocol import Step, StepFailed, is_out_of_memory

_ENVIRONMENT = {
    **{"VLLM_NO_USAGE_STATS": "1", "VLLM_DO_NOT_TRACK": "1"},
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # For processes that vLLM starts all the same: it forks by default. This process has a thread, and the check for a
    # GPU initialises CUDA's driver, after which a forked process cannot use CUDA.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
"""Variables that vLLM reads. They must be set before its import."""

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
_MAX_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values of `max_lora_rank` that vLLM accepts."""

CPU_ROWS = 32
"""Cases that are answered at once on the CPU. Larger batches are not faster."""

_CPU_BLOCK = 32
"""Tokens of a cache block on the CPU. Prompts share whole blocks, and vLLM's own default there is 128."""

_CPU_SHARE = 0.8
"""Share of the free memory for the weights and the cache."""


def load_engine(step: Step, longest: int, cases: int) -> Any:
    """A `vllm.LLMEngine` for the base of a step, with support for its adapter, or for its `weights` instead of the
    base. `longest` is the most tokens of a prompt and its answer."""
    described = json.loads(step.inputs["model"].read_text())
    weights, adapter = step.inputs.get("weights"), step.inputs.get("adapter")
    if weights is None:
        verify_base(step.local_paths["model"], described["files"], step.cores)
    else:
        verify_trained(weights, described["config"])
    rank = None if adapter is None else read_rank(adapter, described)
    os.environ |= _ENVIRONMENT
    import torch

    on_gpu = torch.cuda.is_available()
    arguments = {
        "model": str(weights or step.local_paths["model"]),
        "tokenizer": str(step.local_paths["model"]),
        "dtype": _DTYPES[step.params["precision"]],
        "max_model_len": longest,
        "enable_prefix_caching": True,
        "trust_remote_code": False,
        "generation_config": "vllm",
        "seed": step.params.get("seed", 0),
        **({} if rank is None else {"enable_lora": True, "max_loras": 1, "max_lora_rank": max_lora_rank(rank)}),
    }
    try:
        if not on_gpu:
            precision = step.params["precision"]
            arguments |= cpu_arguments(described, precision, longest, cases, available_memory())
        return _start(arguments)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise _too_little_memory(str(error).splitlines()[0]) from error
    except ValueError as error:
        raise StepFailed(
            "model-not-loadable",
            f"vLLM cannot load the model: {str(error).splitlines()[0]}",
            "Set generate.engine: transformers.",
        ) from error


def _start(arguments: dict[str, Any]) -> Any:
    import torch

    if arguments.get("enforce_eager"):
        # vLLM compiles some functions of its sampler all the same, which needs a C++ compiler.
        torch.compiler.set_stance("force_eager")
    from vllm import EngineArgs, LLMEngine

    return LLMEngine.from_engine_args(EngineArgs(**arguments))


def cpu_arguments(described: dict[str, Any], precision: str, longest: int, cases: int, free: int) -> dict[str, Any]:
    """Arguments for a machine without a GPU. `described` is model.json, `longest` the most tokens of a prompt and its
    answer, `free` the free memory in bytes.

    Compilation takes minutes on few cores, so vLLM runs without it. The cache has room for all cases that are answered
    at once, or for as many as fit. Fails with `out-of-memory` if one case does not fit.
    """
    text = read_text_config(described["config"])
    weights = described["parameters"] * _BYTES[precision]
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    block = 2 * text.num_hidden_layers * heads * head * _BYTES[precision] * _CPU_BLOCK
    case = math.ceil(longest / _CPU_BLOCK) * block
    # vLLM keeps one block for itself.
    rows = min(cases, CPU_ROWS, (int(_CPU_SHARE * free) - weights - block) // case)
    if rows < 1:
        needed = (weights + case + block) / _CPU_SHARE / 2**30
        raise _too_little_memory(f"one case needs {needed:.1f} GiB, and {free / 2**30:.1f} GiB are free")
    return {
        "enforce_eager": True,
        "block_size": _CPU_BLOCK,
        "max_num_seqs": rows,
        "kv_cache_memory_bytes": rows * case + block,
    }


def _too_little_memory(why: str) -> StepFailed:
    return StepFailed(
        "out-of-memory",
        f"the model and its cache do not fit: {why}",
        "Use a smaller model, or free memory that other processes use.",
    )


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


def read_rank(adapter: Path, described: dict[str, Any]) -> int:
    """Rank of an adapter in PEFT's form. Fails with `engine-unsupported` for DoRA, and if the adapter has another
    base."""
    config = json.loads((adapter / CONFIG).read_text())
    check_base(config, described)
    if config.get("use_dora"):
        raise StepFailed(
            "engine-unsupported",
            "vLLM does not support DoRA adapters",
            "Merge the adapter, or set generate.engine: transformers.",
        )
    return int(max([config["r"], *(config.get("rank_pattern") or {}).values()]))
