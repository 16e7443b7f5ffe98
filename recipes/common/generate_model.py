"""Loads a base model for generation, with an adapter merged into its weights where there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from recipes.common.protocol import StepFailed

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def load_model(folder: Path, described: dict[str, Any], precision: str, adapter: Path | None) -> PreTrainedModel:
    """The model on the first GPU, else on the CPU, in fp32, bf16 or fp16. `described` is its model.json. An adapter is
    merged before the weights are rounded: as fast as the base alone, and nearer to what was trained than the other
    order. Code that comes with a model is never run."""
    for name, file in described["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != file["size"]:
            raise StepFailed(
                "model-changed", f"{name} is not as it was when the model was fetched", "Run again with --force fetch."
            )
    # fp16 has another range than the bf16 of the file, and a T4's host cannot hold 4B parameters in fp32.
    dtype: Any = "auto" if precision == "bf16" else _DTYPES[precision]
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=dtype,
            device_map={"": "cuda:0" if torch.cuda.is_available() else "cpu"},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    except (ValueError, OSError) as error:
        raise StepFailed(
            "model-not-loadable",
            f"transformers cannot load {described['base']}: {str(error).splitlines()[0]}",
            "Choose a model of a family that transformers knows; a model's own code is never run.",
        ) from error
    if adapter is not None:
        model = _merge(model, adapter, described)
    rounded: Any = model
    loaded: PreTrainedModel = rounded.to(_DTYPES[precision]).eval()
    return loaded


def _merge(model: Any, folder: Path, described: dict[str, Any]) -> Any:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise StepFailed("adapter-missing", "the adapter has no adapter_model.safetensors", "Train again.")
    config = json.loads((folder / "adapter_config.json").read_text())
    for key, known in (("base_model_name_or_path", described["base"]), ("revision", described["revision"])):
        trained_on = config.get(key)
        if trained_on and known and trained_on != known:
            raise StepFailed(
                "adapter-base",
                f"the adapter was trained on {trained_on}, and this base is {known}",
                "Use an adapter of this base.",
            )
    try:
        with_adapter = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (RuntimeError, ValueError) as error:
        raise StepFailed(
            "adapter-shape", f"the adapter does not fit this base: {str(error).splitlines()[0]}", "Train again."
        ) from error
    with safe_open(str(weights), framework="pt") as file:
        stored = set(file.keys())
    taken = set(get_peft_model_state_dict(with_adapter))  # type: ignore[no-untyped-call]
    if stored != taken:
        odd = sorted(stored ^ taken)[0]
        raise StepFailed("adapter-keys", f"the adapter's tensors are not those of its config: {odd}", "Train again.")
    return with_adapter.merge_and_unload(safe_merge=True)
