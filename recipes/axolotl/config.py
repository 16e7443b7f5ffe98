"""The request's parameters as an axolotl configuration, such as `python -m axolotl.cli.train FILE` takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.axolotl.keys import dotted, is_known, read_keys, unknown_keys
from recipes.common.protocol import StepFailed
from recipes.common.scoring import METRICS

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PLUGIN = "recipes.axolotl.plugin.Plugin"
OWN_SECTION = "exp"
"""The one key that is not axolotl's: what our plugin reads."""

_METHODS = ("lora", "dora", "qlora", "qdora", "full")
_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
_SHARDED = ("fsdp", "fsdp_config", "fsdp_version", "deepspeed")


@dataclass(frozen=True)
class Device:
    """What the training runs on. `count` processes train together on a node, one a GPU; its CPU takes one."""

    kind: str
    """"cpu" or "cuda" """
    count: int = 1
    capability: tuple[int, int] | None = None
    """Compute capability of the weakest GPU."""
    name: str = "cpu"
    nodes: int = 1

    @property
    def processes(self) -> int:
        """How many train together, on all nodes."""
        return self.count * self.nodes


def build_config(
    params: Mapping[str, Any], *, layers: int, rows: int, device: Device, files: Mapping[str, Path], work: Path
) -> dict[str, Any]:
    """The whole axolotl configuration of a request. `layers` are the model's blocks, `rows` the training rows, `files`
    the model's folder and the encoded rows: model, train, validation (or none). Fails with a code for what cannot be
    done."""
    _refuse(params, device)
    steps = total_steps(params, rows)
    adapter = params["method"] != "full"
    config: dict[str, Any] = {
        "base_model": str(files["model"]),
        "trust_remote_code": False,
        "datasets": [{"path": str(files["train"]), "ds_type": "json", "type": ""}],
        "val_set_size": 0.0,
        "dataset_prepared_path": str(work / "prepared"),
        "dataset_num_proc": 1,
        "shuffle_merged_datasets": False,
        "sequence_len": params["max_length"],
        "excess_length_strategy": "raise",
        "min_sample_len": 1,
        "sample_packing": False,
        "pad_to_sequence_len": False,
        "train_on_inputs": False,
        "micro_batch_size": params["batch_size"],
        "gradient_accumulation_steps": params["gradient_accumulation"] // device.processes,
        "num_epochs": params["epochs"],
        # Its own count takes all epochs for one long one, and ends a training before the last steps of the last epoch.
        "max_steps": steps,
        "learning_rate": params["learning_rate"],
        "optimizer": "adamw_torch_fused",
        "lr_scheduler": _SCHEDULES[params["schedule"]],
        "warmup_steps": round(params["warmup_ratio"] * steps),
        "weight_decay": params["weight_decay"],
        "adam_beta1": 0.9,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "max_grad_norm": params["clip_grad_norm"],
        "seed": params["seed"],
        **_precision(params["precision"]),
        "attn_implementation": "sdpa",
        "gradient_checkpointing": device.kind == "cuda",
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "output_dir": str(work / "out"),
        "auto_resume_from_checkpoints": True,
        "save_strategy": "steps",
        "save_steps": params["checkpoint"]["every_steps"],
        # The newest is not yet marked as whole when the trainer drops the oldest; the plugin drops the rest.
        "save_total_limit": params["checkpoint"]["keep"] + 1,
        "logging_steps": 1,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": device.kind == "cuda",
        "include_tkps": False,
        **_reporters(params.get("report_to") or [], work),
        "plugins": [PLUGIN],
    }
    if adapter:
        config |= _adapter(params, layers)
    for key, value in (params.get("overrides") or {}).items():
        _override(config, key, value, set(override_keys()))
    config[OWN_SECTION] = {
        "rows": str(files["train"]),
        "validation": str(files["validation"]) if "validation" in files else None,
        "work": str(work),
        "every_steps": params["checkpoint"]["every_steps"],
        "keep": params["checkpoint"]["keep"],
        "best": params["keep"]["best"] if isinstance(params["keep"], Mapping) else "last",
        "patience": (params.get("early_stopping") or {}).get("patience"),
        "pause_after_epochs": params.get("pause_after_epochs"),
        "answers": _answers(params),
        "cpu": device.kind == "cpu",
    }
    check_config(config)
    return config


def check_config(config: Mapping[str, Any]) -> None:
    """Fail for what axolotl would let pass and do otherwise: a key that it does not know, a choice of checkpoint
    without the rows to choose by."""
    unknown = unknown_keys({key: value for key, value in config.items() if key != OWN_SECTION}, read_keys())
    if unknown:
        raise StepFailed("unknown-key", f"axolotl has no key {', '.join(unknown)}; it would ignore it", "Remove it.")
    own = config[OWN_SECTION]
    chosen = own["best"] != "last" or own["patience"] is not None or own["answers"] is not None
    if chosen and own["validation"] is None:
        raise StepFailed(
            "no-validation",
            "keep: {best: ...}, early_stopping and samples look at the validation rows, and there are none",
            "Give data.validation a fraction or a file, or set train.keep: last and leave the others out.",
        )
    if chosen and any(config.get(key) for key in _SHARDED):
        raise StepFailed(
            "capability",
            "with sharded weights (fsdp, deepspeed) no checkpoint is chosen during the training",
            "Set train.keep: last, without early_stopping and samples, or leave the sharding out of train.overrides.",
        )


def steps_per_epoch(params: Mapping[str, Any], rows: int) -> int:
    """Optimiser steps of one pass over the rows."""
    batches = math.ceil(rows / params["batch_size"])
    steps: int = math.ceil(batches / params["gradient_accumulation"])
    return steps


def total_steps(params: Mapping[str, Any], rows: int) -> int:
    """Optimiser steps of the whole training, by the trainer's own rule: the last batch and the last step of an epoch
    may be smaller. Fails where it makes none."""
    steps: int = steps_per_epoch(params, rows) * params["epochs"]
    if params.get("max_steps") is not None:
        steps = min(steps, params["max_steps"])
    if steps < 1:
        raise StepFailed(
            "no-step",
            f"no optimiser step: {rows} rows, {params['epochs']} epochs, max_steps {params.get('max_steps')}",
            "Give it at least one row, one epoch and one step.",
        )
    return steps


def override_keys() -> list[str]:
    """Every key of the locked axolotl that `overrides` may set: those that no key of an experiment decides."""
    decided = read_decided()
    return [key for key in read_keys() if not any(key == name or key.startswith(f"{name}.") for name in decided)]


def read_decided() -> dict[str, str]:
    """axolotl's keys that an experiment decides -> the key that decides, as the runner has it."""
    decided: dict[str, str] = json.loads(Path(__file__).with_name("decided.json").read_text())
    return decided


def resolve_targets(targets: str | list[str]) -> list[str]:
    """Projections that get an adapter. The output layer is none of them."""
    names = list(PROJECTIONS) if targets == "all-linear" else list(targets)
    unknown = [name for name in names if name not in PROJECTIONS]
    if unknown or not names:
        raise StepFailed(
            "unsupported-target",
            f"no adapter can be put on {', '.join(unknown) or 'nothing'}",
            f"Choose from {', '.join(PROJECTIONS)}.",
        )
    return [name for name in PROJECTIONS if name in names]


def adapted_layers(layers: int, last: int | None) -> list[int] | None:
    """Indices of the blocks that get an adapter; none where all do."""
    if last is None or last == layers:
        return None
    if not 1 <= last < layers:
        raise StepFailed("bad-layers", f"layers: last {last}, but the model has {layers} blocks", "Ask for fewer.")
    return list(range(layers - last, layers))


def _adapter(params: Mapping[str, Any], layers: int) -> dict[str, Any]:
    four_bit = params["method"] in ("qlora", "qdora")
    chosen = adapted_layers(layers, (params.get("layers") or {}).get("last"))
    return {
        "adapter": "qlora" if four_bit else "lora",
        "load_in_4bit": four_bit,
        "lora_r": params["rank"],
        "lora_alpha": params["alpha"],
        "lora_dropout": params["dropout"],
        "lora_target_modules": resolve_targets(params["targets"]),
        "peft_use_dora": params["method"] in ("dora", "qdora"),
        "peft_use_rslora": bool(params.get("rslora", False)),
        **({} if chosen is None else {"peft_layers_to_transform": chosen}),
        # On by default, and Triton on every machine; `overrides` may turn them on again on a GPU.
        **dict.fromkeys(("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel"), False),
    }


def _precision(precision: str) -> dict[str, Any]:
    """Each said outright: left out, bf16 is "auto", which means fp16 on a machine without a GPU."""
    return {"bf16": precision == "bf16", "fp16": precision == "fp16", "tf32": False}


def _reporters(report_to: list[str], work: Path) -> dict[str, Any]:
    """The trainer's own reporters, all of them into local files."""
    keys: dict[str, Any] = {"use_tensorboard": "tensorboard" in report_to}
    if "wandb" in report_to:
        keys |= {"use_wandb": True, "wandb_mode": "offline", "wandb_project": "exp"}
    if "mlflow" in report_to:
        keys |= {"use_mlflow": True, "mlflow_experiment_name": "exp", "hf_mlflow_log_artifacts": False}
        keys["mlflow_tracking_uri"] = (work / "reports" / "mlflow").absolute().as_uri()
    return keys


def _answers(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """How validation rows are answered; none where no answer is asked for."""
    samples = (params.get("samples") or {}).get("rows", 0)
    scored = isinstance(params["keep"], Mapping) and params["keep"]["best"] in METRICS
    if not samples and not scored:
        return None
    asked = params["answers"]
    return {**{key: asked[key] for key in ("max_new_tokens", "separator", "task")}, "samples": samples}


def _refuse(params: Mapping[str, Any], device: Device) -> None:
    """Fail for what axolotl cannot do, or not on this device."""
    keep, method, precision = params["keep"], params["method"], params["precision"]
    passes = params["gradient_accumulation"]
    best = ("loss", *METRICS)
    refused = {
        f"method {method}": method not in _METHODS,
        f"precision {precision}": precision not in ("bf16", "fp16", "fp32"),
        "precision fp16 on the CPU": precision == "fp16" and device.kind == "cpu",
        "method full in fp16": precision == "fp16" and method == "full",
        f"optimizer {params['optimizer']}": params["optimizer"] != "adamw",
        f"schedule {params['schedule']}": params["schedule"] not in _SCHEDULES,
        f"keep {json.dumps(keep)}": keep != "last" and keep.get("best") not in best,
        f"{device.nodes} nodes without a GPU": device.kind == "cpu" and device.nodes > 1,
        f"gradient_accumulation {passes} on {device.processes} GPUs or nodes, which share it": (
            passes % device.processes != 0
        ),
    }
    for what, wrong in refused.items():
        if wrong:
            raise StepFailed(
                "capability",
                f"the axolotl backend cannot do {what}",
                f"It does {', '.join(_METHODS)}; bf16 and fp32, on a GPU fp16 but for full; adamw; cosine, linear and "
                f"constant; keep last or best {', '.join(best)}.",
            )
    if precision == "bf16" and device.capability is not None and device.capability < (8, 0):
        raise StepFailed(
            "capability",
            f"{device.name} has no bf16 (compute capability {'.'.join(map(str, device.capability))})",
            "Set train.precision: fp16, or fp32 for method full.",
        )


def _override(config: dict[str, Any], key: str, value: Any, known: set[str]) -> None:
    for name in dotted({key: value}):
        if not is_known(name, known):
            raise StepFailed(
                "unknown-override",
                f"overrides.{name} is not a key of the locked axolotl that an experiment may override",
                "`axolotl config-schema` lists its keys; those that an experiment decides have a key in train.",
            )
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value
