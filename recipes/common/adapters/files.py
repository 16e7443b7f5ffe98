"""The files of an adapter in PEFT's form, and the base that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipes.common.protocol import StepFailed

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def check_base(config: Mapping[str, Any], described: Mapping[str, Any]) -> None:
    """Fail with `adapter-base` if adapter_config.json names another base or commit than model.json."""
    for key, expected in (("base_model_name_or_path", described["base"]), ("revision", described["revision"])):
        trained_on = config.get(key)
        if trained_on and expected and trained_on != expected:
            raise StepFailed(
                "adapter-base",
                f"the adapter was trained on {trained_on}, but the base is {expected}",
                "Use an adapter of this base.",
            )
