"""The model that a step answers with. A process that stays keeps the base for the next step's adapter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedModel

from recipes.common.protocol import Step
from recipes.transformers.memory import out_of_memory
from recipes.transformers.model import Model, load_model

_kept: dict[str, Model] = {}
"""The base of the step before, by all that loading it depends on; one at most."""


@contextmanager
def model_of(step: Step, described: dict[str, Any]) -> Iterator[PreTrainedModel]:
    """A step's model for as long as it answers: the base of model.json, with the step's adapter on it, or the weights
    that stand in its place."""
    params, folder, weights = step.params, step.local_paths["model"], step.inputs.get("weights")
    name = json.dumps([str(folder), str(weights), params["precision"], params.get("compute"), described])
    known = _kept.pop(name, None)
    _kept.clear()
    with out_of_memory("the model does not fit"):
        model = known or load_model(
            folder,
            described,
            params["precision"],
            compute=params.get("compute"),
            weights=weights,
            cores=step.cores,
        )
        keeps = step.stays and model.keep()
        ready = model.ready(step.inputs.get("adapter"), described)
    step.evidence["base"] = "loaded" if known is None else "kept"
    yield ready
    if keeps:
        model.reset()
        _kept[name] = model
