"""The parts of a training request that every backend reads in the same way: its files, the selection of a checkpoint,
the answers to validation rows, and the checks of what a backend supports."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.common.files import count_rows, read_json
from recipes.common.models.folder import decoder_section
from recipes.common.protocol import Step, StepFailed
from recipes.common.training.best_checkpoint import is_selected
from recipes.common.training.scoring import METRICS

BEST_BY = ("loss", *METRICS)
"""What `keep: {best: ...}` can name."""


@dataclass(frozen=True)
class TrainingInputs:
    """The files of a training step."""

    model: Path
    """Folder of the base model."""
    config: Mapping[str, Any]
    """config.json of the base model."""
    base: str
    """Public name of the base model, as model.json has it."""
    revision: str | None
    train: Path
    validation: Path | None
    """None if there are no validation rows."""
    rows: int
    """Number of training rows."""


def read_inputs(step: Step) -> TrainingInputs:
    """The files of a training step."""
    model = step.local_paths["model"]
    described = read_json(step.inputs["model"])
    validation = step.inputs.get("validation")
    return TrainingInputs(
        model=model,
        config=read_json(model / "config.json"),
        base=described["base"],
        revision=described.get("revision"),
        train=step.inputs["train"],
        validation=validation if validation is not None and count_rows(validation) else None,
        rows=count_rows(step.inputs["train"]),
    )


def decoder_layers(config: Mapping[str, Any]) -> int:
    """Number of layers of the text decoder. Fails with `unsupported-model` if config.json describes none."""
    layers = decoder_section(config).get("num_hidden_layers")
    if not isinstance(layers, int):
        raise StepFailed(
            "unsupported-model",
            f"the model of type {config.get('model_type')!r} is not a text decoder: its config.json has no "
            "num_hidden_layers",
            "Use a model of text.",
        )
    return layers


def kept_by(params: Mapping[str, Any]) -> str:
    """Which weights the training keeps: "last", "average", or those that are best by "loss" or by a metric of
    METRICS."""
    keep = params["keep"]
    if not isinstance(keep, Mapping):
        return "last"
    return "average" if "average" in keep else str(keep["best"])


def averaged_epochs(params: Mapping[str, Any]) -> int | None:
    """Number of the last epochs whose weights are averaged; None if they are not."""
    keep = params["keep"]
    return keep.get("average") if isinstance(keep, Mapping) else None


def patience(params: Mapping[str, Any]) -> int | None:
    """Number of validations without improvement after which the training stops; None to never stop early."""
    stopping = params.get("early_stopping") or {}
    value: int | None = stopping.get("patience")
    return value


def answer_settings(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """{"max_new_tokens", "separator", "task", "samples"} of the answers that the model generates to validation rows;
    None if it generates none. `samples` is the number of answers that train.json keeps."""
    samples = (params.get("samples") or {}).get("rows", 0)
    if not samples and kept_by(params) not in METRICS:
        return None
    answers = params["answers"]
    return {**{key: answers[key] for key in ("max_new_tokens", "separator", "task")}, "samples": samples}


def steps_per_epoch(params: Mapping[str, Any], rows: int) -> int:
    """Optimiser steps of one epoch, which uses every row once. The last step has the rows that remain."""
    batch: int = params["batch_size"] * params["gradient_accumulation"]
    return math.ceil(rows / batch)


def total_steps(params: Mapping[str, Any], rows: int) -> int:
    """Optimiser steps of the whole training. Fails with `no-step` if there is none."""
    steps: int = params["epochs"] * steps_per_epoch(params, rows)
    if params.get("max_steps") is not None:
        steps = min(steps, params["max_steps"])
    if steps < 1:
        raise StepFailed(
            "no-step",
            f"the training has no optimiser step: {rows} rows, {params['epochs']} epochs, max_steps "
            f"{params.get('max_steps')}",
            "Train on at least one row for one epoch and one step.",
        )
    return steps


def check_max_length(max_length: int, positions: int) -> None:
    """Fail with `max-length` if rows may be longer than the model's context, in tokens."""
    if max_length > positions:
        raise StepFailed(
            "max-length",
            f"train.max_length is {max_length}, but the model has {positions} positions",
            "Lower train.max_length.",
        )


def check_validation(keep: str, stops_early: bool, answers: bool, has_rows: bool) -> None:
    """Fail with `no-validation` if the training needs validation rows and has none."""
    if (is_selected(keep) or stops_early or answers) and not has_rows:
        raise StepFailed(
            "no-validation",
            "keep: {best: ...}, early_stopping and samples need validation rows, and there are none",
            "Add data.validation with a fraction or a file, or set train.keep: last and remove the others.",
        )


@dataclass(frozen=True)
class Capabilities:
    """What a backend supports."""

    backend: str
    methods: Sequence[str]
    precisions: Sequence[str]
    schedules: Sequence[str]
    help: str
    """Sentences that follow the list of supported values in an error's help."""

    def check(self, params: Mapping[str, Any], processes: int, unsupported: Mapping[str, bool]) -> None:
        """Fail with `capability` for the first request that the backend does not support. `unsupported` holds further
        requests of this backend, and whether the parameters make them."""
        keep = params["keep"]
        accumulation = params["gradient_accumulation"]
        requests = {
            f"method {params['method']}": params["method"] not in self.methods,
            f"precision {params['precision']}": params["precision"] not in self.precisions,
            f"optimizer {params['optimizer']}": params["optimizer"] != "adamw",
            f"schedule {params['schedule']}": params["schedule"] not in self.schedules,
            f"keep {json.dumps(keep)}": kept_by(params) not in ("last", "average", *BEST_BY),
            f"gradient_accumulation {accumulation} shared by {processes} GPUs": accumulation % processes != 0,
            **unsupported,
        }
        for request, made in requests.items():
            if made:
                raise StepFailed(
                    "capability",
                    f"the {self.backend} backend does not support {request}",
                    f"It supports methods {', '.join(self.methods)}; precisions {', '.join(self.precisions)}; adamw; "
                    f"schedules {', '.join(self.schedules)}; keep last, average or best {', '.join(BEST_BY)}. "
                    f"{self.help}",
                )
