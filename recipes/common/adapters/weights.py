"""The weights of a trained adapter as changes to weights of its base."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from recipes.common.adapters.files import CONFIG, WEIGHTS, check_base
from recipes.common.files import read_json
from recipes.common.protocol import StepFailed

_TENSOR = re.compile(r"base_model\.model\.(.+)\.(lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?")
_PARTS = {"lora_A": "a", "lora_B": "b", "lora_magnitude_vector": "magnitude"}
_MERGEABLE: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none", None),
    "fan_in_fan_out": (False, None),
    "lora_bias": (False, None),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "modules_to_save": ([], None),
}
"""Values of adapter_config.json that a merge supports."""
_TRAIN = "Train again."


@dataclass(frozen=True)
class Delta:
    """The change of one weight [out, in]: a [rank, in], b [out, rank], and DoRA's magnitude [out], all fp32."""

    a: Tensor
    b: Tensor
    magnitude: Tensor | None
    scale: float

    def merge_into(self, weight: Tensor, start: int, stop: int) -> Tensor:
        """Rows `start` to `stop` of the merged weight: W + s B A. DoRA rescales each row to its magnitude
        (https://arxiv.org/abs/2402.09353). `weight` holds these rows in fp32."""
        full = weight + self.scale * (self.b[start:stop] @ self.a)
        if self.magnitude is None:
            return full
        scaled: Tensor = full * (self.magnitude[start:stop] / full.norm(dim=1))[:, None]
        return scaled

    def multiply(self, x: Tensor, weight: Tensor, start: int, stop: int) -> Tensor:
        """The product of x [..., in] with rows `start` to `stop`, without merging: the base's product plus the scaled
        low-rank product. `weight` holds these rows of the base in fp32."""
        up = self.b[start:stop]
        out: Tensor = x @ weight.T + self.scale * ((x @ self.a.T) @ up.T)
        if self.magnitude is None:
            return out
        square = weight.square().sum(1) + 2 * self.scale * ((weight @ self.a.T) * up).sum(1)
        square = square + self.scale**2 * ((up @ (self.a @ self.a.T)) * up).sum(1)
        return out * (self.magnitude[start:stop] / square.sqrt())


def read_adapter(folder: Path, described: Mapping[str, Any]) -> dict[str, Delta]:
    """The changes of an adapter, by the name of the weight in the model of transformers. `described` is model.json of
    the base. Fails for adapters of another base, and for other kinds than LoRA, rsLoRA and DoRA on whole weights."""
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise StepFailed("adapter-missing", f"the adapter has no {WEIGHTS}", _TRAIN)
    config = read_json(folder / CONFIG)
    check_base(config, described)
    for key, allowed in _MERGEABLE.items():
        if key in config and config[key] not in allowed:
            raise StepFailed(
                "adapter-kind",
                f"cannot merge an adapter with {key}: {json.dumps(config[key])}",
                "Merge LoRA, rsLoRA or DoRA on linear layers, or generate with the adapter without merging it.",
            )
    try:
        tensors = load_file(str(weights))
    except SafetensorError as error:
        raise StepFailed("damaged-weights", f"{weights.name} is damaged: {error}", _TRAIN) from error
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _TENSOR.fullmatch(name)
        if match is None:
            raise _unexpected(name)
        parts.setdefault(f"{match[1]}.weight", {})[_PARTS[match[2]]] = tensor.float()
    rank, dora = config["r"], bool(config.get("use_dora"))
    scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
    expected = {"a", "b", "magnitude"} if dora else {"a", "b"}
    for name, found in parts.items():
        if set(found) != expected or found["a"].shape[0] != rank or found["b"].shape[1] != rank:
            raise _unexpected(name)
    return {
        name: Delta(found["a"], found["b"], found["magnitude"].reshape(-1) if dora else None, scale)
        for name, found in parts.items()
    }


def check_fit(deltas: Mapping[str, Delta], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Fail with `adapter-shape` if a delta has no weight of its shape in the base. `shapes` are those of the base."""
    for name, delta in deltas.items():
        wanted = (delta.b.shape[0], delta.a.shape[1])
        if shapes.get(name) != wanted:
            found = f"{name} has shape {list(shapes[name])}" if name in shapes else f"there is no {name}"
            raise StepFailed(
                "adapter-shape",
                f"the adapter does not fit the base: it changes {name} of shape {list(wanted)}, but {found}",
                "Use an adapter of this base.",
            )


def _unexpected(name: str) -> StepFailed:
    return StepFailed("adapter-keys", f"{WEIGHTS} and {CONFIG} do not match at {name}", _TRAIN)
