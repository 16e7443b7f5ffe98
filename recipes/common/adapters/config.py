"""The adapter of a training: which weights of the base it changes, and how it is written in PEFT's form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from recipes.common.adapters.files import CONFIG, WEIGHTS
from recipes.common.protocol import StepFailed, write_json


@dataclass(frozen=True)
class AdapterSettings:
    """The hyper-parameters of an adapter that its config records."""

    rank: int
    alpha: float
    dropout: float
    targets: Sequence[str]
    layers: Sequence[int] | None
    """Indices of the decoder layers that the adapter changes; None for all."""
    use_dora: bool
    use_rslora: bool
    root: str = "model."
    """Prefix of the decoder's modules in the model."""

    @property
    def modules(self) -> dict[str, Any]:
        """The keys of the adapter's config that select its modules. A model with other parts needs a pattern, because
        those parts have layers of the same names."""
        if self.root == "model.":
            return {"target_modules": list(self.targets), "layers_to_transform": self.layers}
        layers = r"\d+" if self.layers is None else f"({'|'.join(map(str, self.layers))})"
        pattern = rf"{re.escape(self.root)}layers\.{layers}\..+\.({'|'.join(self.targets)})"
        return {"target_modules": pattern, "layers_to_transform": None}


def select_targets(targets: str | Sequence[str], layers: Sequence[str]) -> list[str]:
    """The layers that `train.targets` names, in the order of `layers`. Fails with `unsupported-target` for a name that
    is not in `layers`, and without any name."""
    wanted = {targets} if isinstance(targets, str) else set(targets)
    unknown = sorted(wanted - set(layers))
    if unknown or not wanted:
        raise StepFailed(
            "unsupported-target",
            f"an adapter cannot change {', '.join(unknown)}" if unknown else "train.targets is empty",
            f"Use all-linear or some of {', '.join(layers)}.",
        )
    return [name for name in layers if name in wanted]


def adapted_layers(count: int, last: int | None) -> list[int] | None:
    """Indices of the decoder layers that get an adapter, for a model of `count` layers and `train.layers.last`. None
    means all of them. Fails with `bad-layers`."""
    if last is None or last == count:
        return None
    if not 1 <= last < count:
        raise StepFailed(
            "bad-layers", f"train.layers.last is {last}, but the model has {count} layers", f"Use 1 to {count}."
        )
    return list(range(count - last, count))


def write_adapter(
    folder: Path, tensors: Mapping[str, Tensor], settings: AdapterSettings, *, base: str, revision: str | None
) -> None:
    """Write an adapter's two files as `peft` reads them. `tensors` have PEFT's names and are stored in fp32. `base` is
    the model's public name, never a local path. Fails with `weights-not-finite`."""
    stored = {name: tensor.detach().cpu().float().contiguous() for name, tensor in tensors.items()}
    check_finite(stored)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(stored, str(folder / WEIGHTS), metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "revision": revision,
        "r": settings.rank,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "use_dora": settings.use_dora,
        "use_rslora": settings.use_rslora,
        **settings.modules,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
    write_json(folder / CONFIG, config)


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Fail with `weights-not-finite` for trained weights that hold NaN or infinity."""
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise StepFailed(
                "weights-not-finite", f"the trained weights hold NaN or infinity: {name}", "Lower train.learning_rate."
            )
