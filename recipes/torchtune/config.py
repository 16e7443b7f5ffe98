"""The request's parameters as a torchtune config, such as `tune run` takes.

PYTHONPATH=. tune run recipes/torchtune/recipe.py --config FILE
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torchtune.modules.loss import CEWithChunkedOutputLoss
from torchtune.training.lr_schedulers import get_cosine_schedule_with_warmup

from recipes.common.protocol import StepFailed
from recipes.common.scoring import METRICS
from recipes.torchtune.data import steps_per_epoch
from recipes.torchtune.model import Shape, adapted_layers, resolve_targets

_SCHEDULES = {
    "cosine": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
    "constant": "recipes.torchtune.schedules.constant",
    "linear": "recipes.torchtune.schedules.linear",
}
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
    *("gradient_accumulation_steps", "clip_grad_norm", "compile", "resume_from_checkpoint", "shuffle", "keep"),
    *(
        "patience",
        "answers",
        "checkpoints",
        "model",
        "checkpointer",
        "tokenizer",
        "dataset",
        "dataset_val",
        "optimizer",
    ),
    *("lr_scheduler", "loss", "metric_logger"),
}
_OWN = {
    "checkpoints": {"every_steps", "keep"},
    "checkpointer": {"checkpoint_dir", "model_type", "base_model", "revision"},
    "answers": {"max_new_tokens", "separator", "task", "samples"},
}
_SET_BY_EXP = ("lr", "weight_decay", "params", "optimizer", "num_warmup_steps", "num_training_steps", "last_epoch")


def override_keys() -> list[str]:
    """Every dotted key of the torchtune config that `overrides` may set: those that no key of an experiment decides.
    keys.json beside this file is this list."""
    components: dict[str, Any] = {
        "optimizer": torch.optim.AdamW,
        "lr_scheduler": get_cosine_schedule_with_warmup,
        "loss": CEWithChunkedOutputLoss,
    }
    keys = list(_RECIPE_KEYS)
    for name, component in components.items():
        keys += [f"{name}.{key}" for key in inspect.signature(component).parameters if key not in _SET_BY_EXP]
    keys.remove("loss.ignore_index")
    return sorted(keys)


def build_config(
    params: Mapping[str, Any],
    *,
    shape: Shape,
    base: Mapping[str, Any],
    rows: int,
    places: Mapping[str, Path],
    ranks: int = 1,
) -> dict[str, Any]:
    """The whole torchtune config of a request. `base` is model.json, `places` are model, train, validation (or none)
    and work; `ranks` processes train together. Fails with a code for what this backend cannot do."""
    _refuse(params, ranks)
    steps = params["epochs"] * steps_per_epoch(rows, params["batch_size"], params["gradient_accumulation"], ranks)
    if params.get("max_steps") is not None:
        steps = min(steps, params["max_steps"])
    if steps < 1 or rows < ranks:
        raise StepFailed(
            "no-step",
            f"no optimiser step: {rows} rows, {params['epochs']} epochs, max_steps {params.get('max_steps')}",
            "Give it at least one row, one epoch and one step.",
        )
    layers = adapted_layers(shape.layers, (params.get("layers") or {}).get("last"))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    config: dict[str, Any] = {
        "output_dir": str(places["work"]),
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
        "keep": params["keep"]["best"] if isinstance(params["keep"], Mapping) else "last",
        "patience": (params.get("early_stopping") or {}).get("patience"),
        "answers": _answers(params),
        "checkpoints": {"every_steps": params["checkpoint"]["every_steps"], "keep": params["checkpoint"]["keep"]},
        "model": _model(params, shape, places["model"], len(layers)),
        "checkpointer": {
            "checkpoint_dir": str(places["model"]),
            "model_type": shape.family,
            "base_model": base["base"],
            "revision": base.get("revision"),
        },
        "tokenizer": {"_component_": "recipes.torchtune.data.open_tokenizer", "model_dir": str(places["model"])},
        "dataset": _dataset(places["train"], params),
        "dataset_val": _dataset(places["validation"], params) if "validation" in places else None,
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
            "_component_": "recipes.torchtune.reporters.Reporters",
            "report_to": list(params.get("report_to", [])),
            "folder": str(places["work"] / "reports"),
        },
    }
    for key, value in _flat(params.get("overrides") or {}).items():
        _override(config, key, value)
    check_config(config)
    return config


def check_config(config: Mapping[str, Any]) -> None:
    """Fail for what torchtune would let pass and do otherwise: a key that nothing reads, a device or precision that
    this machine lacks, a choice of checkpoint without the rows to choose by."""
    unknown = sorted(set(config) - _KEYS) + sorted(
        f"{name}.{key}" for name, keys in _OWN.items() for key in set(config[name] or {}) - keys
    )
    if unknown:
        raise StepFailed("unknown-key", f"the torchtune recipe reads no {', '.join(unknown)}", "Remove it.")
    chosen = config["keep"] != "last" or config["patience"] is not None or config["answers"] is not None
    if chosen and not config["dataset_val"]:
        raise StepFailed(
            "no-validation",
            "keep: {best: ...}, early_stopping and samples look at the validation rows, and there are none",
            "Give data.validation a fraction or a file, or set train.keep: last and leave the others out.",
        )
    device = torch.device(config["device"])
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise StepFailed("no-device", "the config asks for CUDA, but this machine has no usable CUDA device")
        if config["dtype"] == "bf16" and torch.cuda.get_device_capability(device) < (8, 0):
            raise StepFailed(
                "capability",
                f"{torch.cuda.get_device_name(device)} has no bf16",
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


def _answers(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """How validation rows are answered; none where no answer is asked for."""
    samples = (params.get("samples") or {}).get("rows", 0)
    scored = isinstance(params["keep"], Mapping) and params["keep"]["best"] in METRICS
    if not samples and not scored:
        return None
    asked = params["answers"]
    return {
        "max_new_tokens": asked["max_new_tokens"],
        "separator": asked["separator"],
        "task": asked["task"],
        "samples": samples,
    }


def _model(params: Mapping[str, Any], shape: Shape, folder: Path, layers: int) -> dict[str, Any]:
    """The model's component: with adapters, or for training all weights."""
    model = {"hf_config": str(folder / "config.json"), "max_seq_len": params["max_length"]}
    method = params["method"]
    if method == "full":
        return {"_component_": "recipes.torchtune.model.build", **model}
    return {
        "_component_": "recipes.torchtune.model.build_adapted",
        **model,
        "targets": list(resolve_targets(params["targets"])),
        "last_layers": layers if layers < shape.layers else None,
        "lora_rank": params["rank"],
        "lora_alpha": params["alpha"],
        "use_rslora": params.get("rslora", False),
        "lora_dropout": params["dropout"],
        "use_dora": method in ("dora", "qdora"),
        "quantize_base": method in ("qlora", "qdora"),
    }


def _refuse(params: Mapping[str, Any], ranks: int) -> None:
    """Fail for what torchtune cannot do."""
    keep, method = params["keep"], params["method"]
    best = ("loss", *METRICS)
    refused = {
        f"method {method}": method not in ("lora", "dora", "qlora", "qdora", "full"),
        f"method {method} on {ranks} GPUs or nodes": ranks > 1 and method in ("qlora", "qdora"),
        f"gradient_accumulation {params['gradient_accumulation']} on {ranks} GPUs or nodes, which share it": (
            params["gradient_accumulation"] % ranks != 0
        ),
        f"precision {params['precision']}": params["precision"] not in ("bf16", "fp32"),
        f"optimizer {params['optimizer']}": params["optimizer"] != "adamw",
        f"schedule {params['schedule']}": params["schedule"] not in _SCHEDULES,
        f"keep {json.dumps(keep)}": keep != "last" and keep.get("best") not in best,
    }
    for what, wrong in refused.items():
        if wrong:
            raise StepFailed(
                "capability",
                f"the torchtune backend cannot do {what}",
                "It does lora, dora and full, on one GPU qlora and qdora; bf16 and fp32; adamw; cosine, linear and "
                f"constant; keep last or best {', '.join(best)}. For the rest use backend: axolotl.",
            )


def _override(config: dict[str, Any], key: str, value: Any) -> None:
    if key not in read_keys():
        raise StepFailed(
            "unknown-override",
            f"overrides.{key} is not a key of the torchtune recipe that an experiment may override",
            f"Known: {', '.join(read_keys())}.",
        )
    *parents, last = key.split(".")
    for parent in parents:
        config = config[parent]
    config[last] = value


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optimizer": {"eps": 1}} and {"optimizer.eps": 1} alike -> {"optimizer.eps": 1}"""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
