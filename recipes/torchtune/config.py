"""The torchtune config of a training request, such as `tune run` takes.

PYTHONPATH=. tune run recipes/torchtune/recipe.py --config FILE
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torchtune.modules.loss import CEWithChunkedOutputLoss
from torchtune.training.lr_schedulers import get_cosine_schedule_with_warmup

from recipes.common.adapters.config import adapted_layers
from recipes.common.adapters.targets import model_targets
from recipes.common.protocol import StepFailed
from recipes.common.training.request import (
    Capabilities,
    TrainingInputs,
    answer_settings,
    averaged_epochs,
    check_validation,
    kept_by,
    patience,
    total_steps,
)
from recipes.common.training.trackers import link_of, run_name
from recipes.torchtune.shape import Shape, read_shape

_SCHEDULES = {
    "cosine": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
    "constant": "recipes.torchtune.schedules.constant",
    "linear": "recipes.torchtune.schedules.linear",
}
_CAPABILITIES = Capabilities(
    backend="torchtune",
    methods=("lora", "dora", "qlora", "qdora", "full"),
    precisions=("bf16", "fp32"),
    schedules=tuple(_SCHEDULES),
    help="qlora and qdora run on one GPU. Use backend: axolotl for fp16 or for qlora on several GPUs.",
)
_RECIPE_KEYS = (
    "cudnn_deterministic_mode",
    "device",
    "enable_activation_checkpointing",
    "enable_activation_offloading",
    "log_peak_memory_stats",
)
_KEYS = {
    *_RECIPE_KEYS,
    *("output_dir", "dtype", "seed", "epochs", "pause_after_epochs", "max_steps", "max_steps_per_epoch", "batch_size"),
    *("gradient_accumulation_steps", "clip_grad_norm", "compile", "resume_from_checkpoint", "shuffle", "kept_by"),
    *("patience", "answers", "checkpoints", "model", "checkpointer", "tokenizer", "dataset", "dataset_val"),
    *("optimizer", "lr_scheduler", "loss", "metric_logger", "neftune_alpha", "average"),
}
_SECTION_KEYS = {
    "checkpoints": {"every_steps", "keep"},
    "checkpointer": {"checkpoint_dir", "model_type", "base_model", "revision"},
    "answers": {"max_new_tokens", "separator", "task", "samples"},
}
_SET_BY_EXPERIMENT = (
    *("lr", "weight_decay", "params", "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch"),
)


def override_keys() -> list[str]:
    """Every dotted key of the torchtune config that `train.overrides` may set: those that no key of an experiment sets.
    keys.json holds this list."""
    components: dict[str, Any] = {
        "optimizer": torch.optim.AdamW,
        "lr_scheduler": get_cosine_schedule_with_warmup,
        "loss": CEWithChunkedOutputLoss,
    }
    keys = list(_RECIPE_KEYS)
    for name, component in components.items():
        keys += [f"{name}.{key}" for key in inspect.signature(component).parameters if key not in _SET_BY_EXPERIMENT]
    keys.remove("loss.ignore_index")
    return sorted(keys)


def build_config(
    params: Mapping[str, Any], *, inputs: TrainingInputs, work: Path, processes: int = 1
) -> dict[str, Any]:
    """The whole config of a request, for a training of `processes` ranks that writes to the folder `work`. Fails with
    the code of a request that is not supported."""
    _check_capabilities(params, processes)
    shape = read_shape(inputs.config)
    steps = total_steps(params, inputs.rows)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config: dict[str, Any] = {
        "output_dir": str(work),
        "device": device,
        "dtype": params["precision"],
        "seed": params["seed"],
        "epochs": params["epochs"],
        "pause_after_epochs": params.get("pause_after_epochs"),
        "max_steps": params.get("max_steps"),
        "max_steps_per_epoch": None,
        "batch_size": params["batch_size"],
        "gradient_accumulation_steps": params["gradient_accumulation"],
        "clip_grad_norm": params["clip_grad_norm"],
        "compile": False,
        "enable_activation_checkpointing": device == "cuda",
        "enable_activation_offloading": False,
        "resume_from_checkpoint": False,
        "log_peak_memory_stats": False,
        "shuffle": True,
        "neftune_alpha": params.get("neftune_alpha"),
        "kept_by": kept_by(params),
        "average": averaged_epochs(params),
        "patience": patience(params),
        "answers": answer_settings(params),
        "checkpoints": {"every_steps": params["checkpoint"]["every_steps"], "keep": params["checkpoint"]["keep"]},
        "model": _model(params, shape, inputs.model),
        "checkpointer": {
            "checkpoint_dir": str(inputs.model),
            "model_type": shape.family,
            "base_model": inputs.base,
            "revision": inputs.revision,
        },
        "tokenizer": {"_component_": "recipes.torchtune.data.open_tokenizer", "model_dir": str(inputs.model)},
        "dataset": _dataset(inputs.train, params),
        "dataset_val": _dataset(inputs.validation, params) if inputs.validation else None,
        "optimizer": {
            "_component_": "torch.optim.AdamW",
            "lr": params["learning_rate"],
            "weight_decay": params["weight_decay"],
            "betas": [0.9, 0.999],
            "eps": 1e-8,
            "fused": True,
        },
        "lr_scheduler": {
            "_component_": _SCHEDULES[params["schedule"]],
            "num_warmup_steps": round(params["warmup_ratio"] * steps),
        },
        "loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"},
        "metric_logger": {
            "_component_": "recipes.torchtune.loggers.Loggers",
            "report_to": list(params.get("report_to", [])),
            "folder": str(work / "reports"),
            "run": run_name(work),
            "link": link_of(work),
        },
    }
    for key, value in _flatten(params.get("overrides") or {}).items():
        _override(config, key, value)
    _check_arguments(config)
    check_config(config)
    return config


def check_config(config: Mapping[str, Any]) -> None:
    """Fail for a config that torchtune would accept and not follow: an unknown key, a device or precision that this
    machine lacks, or the selection of a checkpoint without validation rows."""
    unknown = sorted(set(config) - _KEYS) + sorted(
        f"{name}.{key}" for name, keys in _SECTION_KEYS.items() for key in set(config[name] or {}) - keys
    )
    if unknown:
        raise StepFailed("unknown-key", f"the torchtune recipe has no key {', '.join(unknown)}", "Remove it.")
    stops_early, answers = config["patience"] is not None, config["answers"] is not None
    check_validation(config["kept_by"], stops_early, answers, bool(config["dataset_val"]))
    device = torch.device(config["device"])
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise StepFailed(
                "no-device", "device is cuda, but this machine has no usable CUDA device", "Remove the override."
            )
        if config["dtype"] == "bf16" and torch.cuda.get_device_capability(device) < (8, 0):
            raise StepFailed(
                "capability",
                f"{torch.cuda.get_device_name(device)} does not support bf16",
                "Set train.precision: fp32, or use backend: axolotl with fp16.",
            )


def read_keys() -> list[str]:
    """The committed list of override keys."""
    keys: list[str] = json.loads(Path(__file__).with_name("keys.json").read_text())
    return keys


def _dataset(file: Path, params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_component_": "recipes.torchtune.data.load_examples",
        "file": str(file),
        "max_length": params["max_length"],
        "thinking": bool(params.get("thinking", False)),
    }


def _model(params: Mapping[str, Any], shape: Shape, folder: Path) -> dict[str, Any]:
    """The model component: with an adapter, or for full fine-tuning."""
    model = {"hf_config": str(folder / "config.json"), "max_seq_len": params["max_length"]}
    method = params["method"]
    if method == "full":
        return {"_component_": "recipes.torchtune.model.build", **model}
    layers = adapted_layers(shape.layers, (params.get("layers") or {}).get("last"))
    return {
        "_component_": "recipes.torchtune.model.build_adapted",
        **model,
        "targets": model_targets(folder, params["targets"]),
        "last_layers": None if layers is None else len(layers),
        "lora_rank": params["rank"],
        "lora_alpha": params["alpha"],
        "use_rslora": params.get("rslora", False),
        "lora_dropout": params["dropout"],
        "use_dora": method in ("dora", "qdora"),
        "quantize_base": method in ("qlora", "qdora"),
    }


def _check_capabilities(params: Mapping[str, Any], processes: int) -> None:
    """Fail for what torchtune does not support."""
    method = params["method"]
    sharded_4bit = {f"method {method} on {processes} GPUs": processes > 1 and method in ("qlora", "qdora")}
    _CAPABILITIES.check(params, processes, sharded_4bit)


def _override(config: dict[str, Any], key: str, value: Any) -> None:
    if key not in read_keys():
        raise StepFailed(
            "unknown-override",
            f"train.overrides.{key} is not a key of the torchtune recipe that an experiment can override",
            f"Use one of {', '.join(read_keys())}.",
        )
    *parents, last = key.split(".")
    for parent in parents:
        config = config[parent]
    config[last] = value


def _check_arguments(config: Mapping[str, Any]) -> None:
    """Fail for an override that the section's component does not take. keys.json lists the keys of the default
    components; `train.schedule` can select another one."""
    for section in ("optimizer", "lr_scheduler", "loss"):
        module, _, name = config[section]["_component_"].rpartition(".")
        known = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        unknown = sorted(config[section].keys() - known.keys() - {"_component_"})
        if unknown:
            raise StepFailed(
                "unknown-override",
                f"train.overrides.{section}.{unknown[0]} is not an argument of {name}",
                f"Remove it{', or use schedule: cosine' if section == 'lr_scheduler' else ''}.",
            )


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optimizer": {"eps": 1}} or {"optimizer.eps": 1} -> {"optimizer.eps": 1}"""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
