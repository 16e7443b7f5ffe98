"""The model's files before the training, and what is handed over after it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from recipes.axolotl.config import adapted_layers, resolve_targets
from recipes.common.models import select_files
from recipes.common.protocol import StepFailed, write_json


def hand_over(out: Path, target: Path, params: Mapping[str, Any], base: Mapping[str, Any], model: Path) -> None:
    """Write adapter/ in PEFT's form, or model/ as transformers reads it, from what axolotl saved. Fails where it did
    not save: it may end with 0 all the same."""
    if params["method"] == "full":
        _model(out, target / "model", model)
    else:
        _adapter(out, target / "adapter", params, base, json.loads((model / "config.json").read_text()))


def _adapter(
    out: Path, folder: Path, params: Mapping[str, Any], base: Mapping[str, Any], shape: Mapping[str, Any]
) -> None:
    """`base` is model.json: the adapter names the model's public name, never a path of this machine."""
    saved = out / "adapter_model.safetensors"
    _present(saved)
    tensors = {name: tensor.float().contiguous() for name, tensor in load_file(saved).items()}
    _finite(tensors)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base["base"],
        "revision": base.get("revision"),
        "r": params["rank"],
        "lora_alpha": params["alpha"],
        "lora_dropout": params["dropout"],
        "use_dora": params["method"] in ("dora", "qdora"),
        "use_rslora": bool(params.get("rslora", False)),
        "target_modules": resolve_targets(params["targets"]),
        "layers_to_transform": adapted_layers(shape["num_hidden_layers"], (params.get("layers") or {}).get("last")),
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    write_json(folder / "adapter_config.json", config)


def _model(out: Path, folder: Path, model: Path) -> None:
    """Weights as the trainer saved them, and the base's own files beside them: config, tokenizer, license."""
    weights = sorted(file for file in out.glob("model*") if ".safetensors" in file.name)
    _present(*(weights or [out / "model.safetensors"]))
    folder.mkdir(parents=True)
    for file in weights:
        if file.suffix == ".safetensors":
            _finite(load_file(file))
        shutil.move(file, folder / file.name)
    for name in select_files(path.name for path in model.iterdir() if path.is_file()):
        if ".safetensors" not in name:
            shutil.copyfile(model / name, folder / name)


def _present(*files: Path) -> None:
    for file in files:
        if not file.is_file():
            raise StepFailed(
                "not-saved", f"axolotl ended without saving {file.name}", "Its log says more; run it again."
            )


def _finite(tensors: Mapping[str, torch.Tensor]) -> None:
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise StepFailed(
            "weights-not-finite", f"trained weights hold NaN or infinity: {broken[0]}", "Lower train.learning_rate."
        )
