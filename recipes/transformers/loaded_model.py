"""The model of a generate step. A reusable process keeps the base for the adapter of the next step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel

from recipes.common.protocol import Step
from recipes.transformers.memory import out_of_memory
from recipes.transformers.model import Model, load_model

_cache: dict[str, Model] = {}
"""The base of the previous step, by all that loading depends on. At most one."""


@contextmanager
def model_for(step: Step, described: dict[str, Any]) -> Iterator[PreTrainedModel]:
    """The model of a step: the base of model.json with the step's adapter, or the step's `weights` instead of the
    base."""
    params, folder, weights = step.params, step.local_paths["model"], step.inputs.get("weights")
    name = json.dumps([str(folder), str(weights), params["precision"], params.get("compute"), described])
    cached = _cache.pop(name, None)
    _cache.clear()
    with out_of_memory("the model does not fit"):
        model = cached or load_model(
            folder,
            described,
            params["precision"],
            compute=params.get("compute"),
            weights=weights,
            cores=step.cores,
        )
        keeps = step.reusable and model.keep()
        ready = model.ready(step.inputs.get("adapter"), described)
    step.evidence["base"] = "loaded" if cached is None else "kept"
    yield ready
    if keeps:
        model.reset()
        _cache[name] = model
