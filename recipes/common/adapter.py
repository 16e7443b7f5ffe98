"""A trained adapter in PEFT's form: what its folder says, checked against the base that it is put on."""

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

from recipes.common.protocol import StepFailed

_TENSOR = re.compile(r"base_model\.model\.(.+)\.(lora_A|lora_B|lora_magnitude_vector)(?:\.weight)?")
_PARTS = {"lora_A": "a", "lora_B": "b", "lora_magnitude_vector": "magnitude"}
_PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none", None),
    "fan_in_fan_out": (False, None),
    "lora_bias": (False, None),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "modules_to_save": ([], None),
}
_AGAIN = "Train again."


@dataclass(frozen=True)
class Delta:
    """What is added to one weight [out, in]: a [rank, in], b [out, rank], and DoRA's magnitude [out]; all fp32."""

    a: Tensor
    b: Tensor
    magnitude: Tensor | None
    scale: float

    def merged(self, weight: Tensor, start: int, stop: int) -> Tensor:
        """Rows `start` to `stop` of the weight, which are given in fp32, with the adapter in them: W + s B A, and for
        DoRA each row brought to its magnitude (https://arxiv.org/abs/2402.09353)."""
        full = weight + self.scale * (self.b[start:stop] @ self.a)
        if self.magnitude is None:
            return full
        scaled: Tensor = full * (self.magnitude[start:stop] / full.norm(dim=1))[:, None]
        return scaled

    def applied(self, x: Tensor, weight: Tensor, start: int, stop: int) -> Tensor:
        """Those rows' product with x [..., in] as it is computed where the adapter stays apart: the base's product and
        the low-rank one, scaled afterwards."""
        up = self.b[start:stop]
        out: Tensor = x @ weight.T + self.scale * ((x @ self.a.T) @ up.T)
        if self.magnitude is None:
            return out
        square = weight.square().sum(1) + 2 * self.scale * ((weight @ self.a.T) * up).sum(1)
        square = square + self.scale**2 * ((up @ (self.a @ self.a.T)) * up).sum(1)
        return out * (self.magnitude[start:stop] / square.sqrt())


def check_base(config: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    """Fail for an adapter that says it was trained on another base or commit than model.json describes."""
    for key, known in (("base_model_name_or_path", described["base"]), ("revision", described["revision"])):
        trained_on = config.get(key)
        if trained_on and known and trained_on != known:
            raise StepFailed(
                "adapter-base",
                f"the adapter was trained on {trained_on}, and this base is {known}",
                "Use an adapter of this base.",
            )


def read_adapter(folder: Path, described: Mapping[str, Any]) -> dict[str, Delta]:
    """What an adapter adds, by the name of the base's weight. Fails for another kind of adapter than LoRA, rsLoRA and
    DoRA on whole weights, and for one of another base."""
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise StepFailed("adapter-missing", "the adapter has no adapter_model.safetensors", _AGAIN)
    config = json.loads((folder / "adapter_config.json").read_text())
    check_base(config, described)
    for key, allowed in _PLAIN.items():
        if key in config and config[key] not in allowed:
            raise StepFailed(
                "adapter-kind",
                f"the adapter has {key}: {json.dumps(config[key])}, which cannot be merged here",
                "Merge LoRA, rsLoRA or DoRA on linear layers; generate with the adapter as it is.",
            )
    try:
        tensors = load_file(str(weights))
    except SafetensorError as error:
        raise StepFailed("damaged-weights", f"{weights.name} is damaged: {error}", _AGAIN) from error
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        match = _TENSOR.fullmatch(name)
        if match is None:
            raise StepFailed("adapter-keys", f"the adapter's tensors are not those of its config: {name}", _AGAIN)
        parts.setdefault(f"{match[1]}.weight", {})[_PARTS[match[2]]] = tensor.float()
    rank, dora = config["r"], bool(config.get("use_dora"))
    scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
    expected = {"a", "b", "magnitude"} if dora else {"a", "b"}
    for name, found in parts.items():
        if set(found) != expected or found["a"].shape[0] != rank or found["b"].shape[1] != rank:
            raise StepFailed("adapter-keys", f"the adapter's tensors are not those of its config: {name}", _AGAIN)
    return {
        name: Delta(found["a"], found["b"], found["magnitude"].reshape(-1) if dora else None, scale)
        for name, found in parts.items()
    }


def check_fit(deltas: Mapping[str, Delta], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Fail where an adapter does not fit weights of these shapes: it belongs to another model."""
    for name, delta in deltas.items():
        wanted = (delta.b.shape[0], delta.a.shape[1])
        if shapes.get(name) != wanted:
            has = f"{name} of shape {list(shapes[name])}" if name in shapes else f"no {name}"
            raise StepFailed(
                "adapter-shape",
                f"the adapter does not fit this base: it changes a {list(wanted)}, and the base has {has}",
                "Use an adapter of this base.",
            )
