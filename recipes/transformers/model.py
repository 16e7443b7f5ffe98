"""Loading a model for generation: a base, a base with an adapter, or a whole fine-tuned model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from recipes.common.adapters.files import check_base
from recipes.common.models.four_bit import keep_packing
from recipes.common.models.verify import verify_base, verify_trained
from recipes.common.protocol import StepFailed, is_out_of_memory
from recipes.transformers.memory import free_memory

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Model:
    """A loaded base or fine-tuned model, to which adapters can be applied one after the other.

    An adapter is merged into the stored weights in fp32, and each merged weight is rounded once. Generation is then as
    fast as without an adapter. An adapter of a 4-bit base is not merged, because
    it was trained unmerged.
    """

    def __init__(self, loaded: PreTrainedModel, precision: str) -> None:
        self._loaded = loaded
        self._precision = precision
        self._files: dict[str, torch.Tensor] = {}
        self._with_adapter: Any = None

    def keep(self) -> bool:
        """Keep a copy of the loaded weights, so that `reset` can restore them. Returns whether there is enough
        memory."""
        if self._precision != "4bit":
            size = sum(each.nbytes for each in self._loaded.parameters())
            if 2 * size > free_memory(self._loaded.device.type):
                return False
            self._files = {name: each.data for name, each in self._loaded.named_parameters()}
        return True

    def ready(self, adapter: Path | None, described: dict[str, Any]) -> PreTrainedModel:
        """The model to generate with, with an adapter or without."""
        model: Any = self._loaded
        if adapter is not None:
            model = _attach(model, adapter, described)
        if self._precision == "4bit":
            self._with_adapter = None if adapter is None else model
        elif adapter is not None:
            model = _merge(model)
        if self._precision != "4bit":
            # Only the parameters: .to() would also round the frequencies of the rotary embedding.
            for each in model.parameters():
                each.data = each.data.to(_DTYPES[self._precision])
        ready: PreTrainedModel = model.eval()
        return ready

    def reset(self) -> None:
        """Remove the adapter. The weights then equal those of the files to the last bit."""
        if self._with_adapter is not None:
            self._loaded, self._with_adapter = self._with_adapter.unload(), None
        for name, each in self._loaded.named_parameters():
            each.data = self._files.get(name, each.data)


def load_model(
    folder: Path,
    described: dict[str, Any],
    precision: str,
    *,
    compute: str | None = None,
    weights: Path | None = None,
    cores: int = 1,
) -> Model:
    """Load a model to the first GPU, or to the CPU without one. `precision` is fp32, bf16, fp16, or 4bit: NF4 with
    products in `compute`. `folder` holds the base, and `described` is its model.json. `weights` is a whole model of the
    base's shape that replaces it. Code of a model is never run."""
    if weights is None:
        verify_base(folder, described["files"], cores)
    else:
        verify_trained(weights, described["config"])
    quantised = precision == "4bit"
    # bf16 keeps the dtype of the file. fp16 cannot, because bf16 has another range, and it is not loaded as fp32,
    # because the host of a T4 cannot hold 4B parameters in fp32.
    dtype: Any = _DTYPES[compute or "fp32"] if quantised else "auto" if precision == "bf16" else _DTYPES[precision]
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            str(weights or folder),
            dtype=dtype,
            device_map={"": "cuda:0" if torch.cuda.is_available() else "cpu"},
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            **({"quantization_config": _four_bit_config(dtype)} if quantised else {}),
        )
    except SafetensorError as error:
        raise _damaged(described["base"], error) from error
    except (ValueError, OSError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        raise StepFailed(
            "model-not-loadable",
            f"transformers cannot load {described['base']}: {str(error).splitlines()[0]}",
            "Choose a model of a family that transformers supports without code of the model.",
        ) from error
    keep_packing(loaded)
    return Model(loaded, precision)


def _four_bit_config(compute: torch.dtype) -> BitsAndBytesConfig:
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=compute
    )


def _damaged(base: str, error: Exception) -> StepFailed:
    return StepFailed(
        "damaged-weights", f"a weights file of {base} is damaged: {error}", "Fetch the model again, or train again."
    )


def _merge(model: Any) -> Any:
    """Merge an adapter in fp32, one layer at a time, and round each merged weight once. For a 16-bit base, peft
    alone would also round the low-rank product."""
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if isinstance(module, LoraLayer):
            weight: Any = module.get_base_layer().weight
            dtype, weight.data = weight.dtype, weight.data.float()
            module.merge(safe_merge=True)
            weight.data = weight.data.to(dtype)
    return model.unload()


def _attach(model: Any, folder: Path, described: dict[str, Any]) -> Any:
    """Apply an adapter in PEFT's form: LoRA, rsLoRA or DoRA."""
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    weights = folder / "adapter_model.safetensors"
    if not weights.is_file() or not (folder / "adapter_config.json").is_file():
        raise StepFailed("adapter-missing", "the adapter has no adapter_model.safetensors", "Train again.")
    config = json.loads((folder / "adapter_config.json").read_text())
    check_base(config, described)
    try:
        with safe_open(str(weights), framework="pt") as file:
            stored = set(file.keys())
        with_adapter = PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except SafetensorError as error:
        raise _damaged("the adapter", error) from error
    except (RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        raise StepFailed(
            "adapter-shape", f"the adapter does not fit this base: {str(error).splitlines()[0]}", "Train again."
        ) from error
    loaded = set(get_peft_model_state_dict(with_adapter))  # type: ignore[no-untyped-call]
    if stored != loaded:
        odd = sorted(stored ^ loaded)[0]
        raise StepFailed(
            "adapter-keys", f"adapter_model.safetensors and adapter_config.json do not match at {odd}", "Train again."
        )
    return with_adapter
