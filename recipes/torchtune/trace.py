"""A whole training on a fake GPU: it fails for a wrong device, dtype or shape, and reports the peaks of memory.

    python -m recipes.torchtune.trace '{"config": {...}, "methods": ["lora"], "length": 1024, "batch": 1}'

`config` has the keys of config.json that give a dense Qwen3 its size. The training has two optimiser steps of two
micro-batches, a validation by loss and by answers, a checkpoint, and a resume from it. It runs the recipe as a training
does; replaced are the files that hold weights: the base's and those of the checkpoint. Prints for each method {"setup",
"step", "validation", "answers", "resume"}, the peak of each phase in bytes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from omegaconf import OmegaConf
from torch import Tensor
from torch.utils._pytree import tree_map_only
from torchtune import config as components

from recipes.common.training.request import TrainingInputs
from recipes.tools.fake_gpu import FAKE_GPU, Memory, fake_gpu, with_values
from recipes.tools.tiny_models import make_tiny_model
from recipes.torchtune import data, model, recipe
from recipes.torchtune.checkpoints import Checkpoints
from recipes.torchtune.config import build_config
from recipes.torchtune.data import Batches, Example
from recipes.torchtune.recipe import Recipe
from recipes.torchtune.validation import Validation
from recipes.torchtune.weights import is_adapter

_ANSWER = 64
"""Trained tokens of a row."""
_CONFIG = {"max_position_embeddings": 40960, "rms_norm_eps": 1e-6}
_PARAMS: dict[str, Any] = {
    **{"backend": "torchtune", "rank": 16, "alpha": 32, "dropout": 0.0, "targets": "all-linear", "layers": None},
    **{"epochs": 1, "max_steps": None, "gradient_accumulation": 2, "learning_rate": 1e-4, "schedule": "cosine"},
    **{"warmup_ratio": 0.1, "optimizer": "adamw", "weight_decay": 0.01, "clip_grad_norm": 1.0, "precision": "bf16"},
    **{"seed": 1, "keep": {"best": "micro_f1"}, "checkpoint": {"every_steps": 1, "keep": 1}, "report_to": []},
    **{"answers": {"max_new_tokens": 2, "separator": " ", "task": "label_set"}, "overrides": {}},
}


def load_rows(_tokenizer: Any, file: str, count: int, length: int) -> list[Example]:
    """Rows of `length` tokens without a common prefix (a torchtune component)."""
    assert Path(file).exists()
    return [Example([row + 1] + [5] * (length - 1), length - _ANSWER, f"case {row}", "a") for row in range(count)]


def trace(config: dict[str, Any], *, method: str, length: int, batch: int) -> dict[str, int]:
    """The peak of each phase, in bytes."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        cfg = _config(Path(folder), config, length, batch, _PARAMS | {"method": method})
        with fake_gpu() as memory, _files(cfg):
            peaks = _run(cfg, memory)
            gc.collect()
            memory.take_peak()
            resumed = Recipe(OmegaConf.create(cfg))
            resumed.setup(resumed._cfg)
            assert resumed.resumed_from == 1
        return peaks | {"resume": memory.take_peak()}


def _config(folder: Path, config: dict[str, Any], length: int, batch: int, params: dict[str, Any]) -> dict[str, Any]:
    """The recipe's config, as `build_config` makes it on a machine with a GPU, over rows that are not in files."""
    rows = 2 * params["gradient_accumulation"] * batch
    base = make_tiny_model(folder / "model", "qwen3", tied=bool(config.get("tie_word_embeddings")))
    shape = json.loads((base / "config.json").read_text()) | _CONFIG | config
    shape.pop("layer_types", None)
    (base / "config.json").write_text(json.dumps(shape))
    (folder / "rows.jsonl").write_text("{}\n" * rows)
    file = folder / "rows.jsonl"
    inputs = TrainingInputs(base, shape, "trace/model", None, file, file, rows)
    request = params | {"batch_size": batch, "max_length": length}
    cfg = build_config(request, inputs=inputs, work=folder / "work")
    dataset = {"_component_": f"{__name__}.load_rows", "file": str(file), "count": rows, "length": length}
    return cfg | {
        "device": FAKE_GPU,
        "enable_activation_checkpointing": True,
        "dataset": dataset,
        "dataset_val": dataset | {"count": batch},
    }


@contextlib.contextmanager
def _files(cfg: dict[str, Any]) -> Iterator[None]:
    """Weights without values in place of the base's files, and a checkpoint in memory. Batches and meta tensors are
    real."""
    stored: dict[str, Any] = {}

    def load_base(_folder: Path, _shape: Any, dtype: torch.dtype) -> dict[str, Tensor]:
        with torch.device("meta"):
            empty = components.instantiate(OmegaConf.create(cfg["model"]))
        return {
            name: torch.empty(tensor.shape, dtype=torch.float32 if name.endswith("scale") else dtype)
            for name, tensor in empty.state_dict().items()
            if not is_adapter(name)
        }

    def save(_checkpoints: Any, step: int, state: dict[str, Any]) -> None:
        stored.update(tree_map_only(Tensor, lambda tensor: tensor.to("cpu"), state), step=step)

    with contextlib.ExitStack() as stack:
        for owner, name, new in (
            (recipe, "load_base", load_base),
            (Checkpoints, "save", save),
            (Checkpoints, "latest", lambda _: dict(stored) or None),
            (model, "build", with_values(model.build)),
            (model, "build_adapted", with_values(model.build_adapted)),
            (data, "collate", with_values(data.collate)),
            (Batches, "order", with_values(Batches.order)),
        ):
            stack.enter_context(patch.object(owner, name, new))
        stack.enter_context(patch("torchtune.training.precision.verify_bf16_support", lambda: True))
        yield


def _run(cfg: dict[str, Any], memory: Memory) -> dict[str, int]:
    """Train. The phases are measured between the calls that begin and end them."""
    peaks: dict[str, int] = {}

    def took(phase: str) -> None:
        peaks[phase] = max(peaks.get(phase, 0), memory.take_peak())

    loss, answer = Validation.loss, Validation.answer

    def measured_loss(self: Validation, loss_of: Any) -> float:
        took("step")
        value = loss(self, loss_of)
        took("validation")
        return value

    def measured_answer(self: Validation, *args: Any, **kwargs: Any) -> Any:
        value = answer(self, *args, **kwargs)
        took("answers")
        return value

    with patch.object(Validation, "loss", measured_loss), patch.object(Validation, "answer", measured_answer):
        training = Recipe(OmegaConf.create(cfg))
        training.setup(training._cfg)
        took("setup")
        training.train()
    assert training.global_step == 2 and peaks.keys() == {"setup", "step", "validation", "answers"}
    return peaks


def main() -> None:
    """Command line: one JSON object."""
    request = json.loads(sys.argv[1])
    methods = request.pop("methods")
    print(json.dumps({method: trace(**request, method=method) for method in methods}))


if __name__ == "__main__":
    main()
