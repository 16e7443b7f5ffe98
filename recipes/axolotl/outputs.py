"""The output of a training step from the files that axolotl saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from recipes.common.adapters.config import AdapterSettings, adapted_layers, check_finite, write_adapter
from recipes.common.adapters.files import WEIGHTS
from recipes.common.files import read_json
from recipes.common.models.folder import INDEX, copy_companions
from recipes.common.models.folder import WEIGHTS as MODEL_WEIGHTS
from recipes.common.protocol import StepFailed, write_json
from recipes.common.training.request import TrainingInputs, decoder_layers

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def write_outputs(
    saved: Path, output: Path, params: Mapping[str, Any], inputs: TrainingInputs, targets: Sequence[str]
) -> None:
    """Write adapter/ in PEFT's form, or model/ as transformers reads it, from the folder `saved`. `targets` are the
    names of the adapted layers. Fails with `not-saved` if axolotl saved nothing, which can happen with exit code 0."""
    if params["method"] == "full":
        _write_model(saved, output / "model", inputs.model, _DTYPES[params["precision"]])
    else:
        _write_adapter(saved, output / "adapter", params, inputs, targets)


def _write_adapter(
    saved: Path, folder: Path, params: Mapping[str, Any], inputs: TrainingInputs, targets: Sequence[str]
) -> None:
    _require(saved / WEIGHTS)
    tensors = load_file(saved / WEIGHTS)
    trained = {name.split(".lora_")[0].rpartition(".")[2] for name in tensors}
    if absent := sorted(set(targets) - trained):
        raise StepFailed("unsupported-target", f"axolotl trained no adapter on {', '.join(absent)}", "Remove them.")
    settings = AdapterSettings(
        rank=params["rank"],
        alpha=params["alpha"],
        dropout=params["dropout"],
        targets=targets,
        layers=adapted_layers(decoder_layers(inputs.config), (params.get("layers") or {}).get("last")),
        use_dora=params["method"] in ("dora", "qdora"),
        use_rslora=bool(params.get("rslora", False)),
    )
    write_adapter(folder, tensors, settings, base=inputs.base, revision=inputs.revision)


def _write_model(saved: Path, folder: Path, base: Path, dtype: torch.dtype) -> None:
    """Write the weights, which axolotl saved in fp32, in `dtype`. The index of several files names the same tensors."""
    weights = sorted(file for file in saved.glob("model*") if ".safetensors" in file.name)
    _require(*(weights or [saved / MODEL_WEIGHTS]))
    folder.mkdir(parents=True)
    copy_companions(base, folder)
    total = 0
    for file in weights:
        if file.suffix == ".safetensors":
            tensors = {name: tensor.to(dtype) for name, tensor in load_file(file).items()}
            check_finite(tensors)
            save_file(tensors, folder / file.name, metadata={"format": "pt"})
            total += sum(tensor.nbytes for tensor in tensors.values())
    if (saved / INDEX).is_file():
        index = read_json(saved / INDEX)
        write_json(folder / INDEX, index | {"metadata": {"total_size": total}})
    config = read_json(base / "config.json")
    config.pop("torch_dtype", None)
    write_json(folder / "config.json", config | {"dtype": str(dtype).removeprefix("torch.")})


def _require(*files: Path) -> None:
    for file in files:
        if not file.is_file():
            raise StepFailed("not-saved", f"axolotl ended without saving {file.name}", "See its log, and run again.")
