"""The axolotl configuration of a training request, for `python -m axolotl.cli.train FILE`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.axolotl.keys import dotted_keys, is_known, read_keys, unknown_keys
from recipes.common.adapters.config import adapted_layers
from recipes.common.protocol import StepFailed
from recipes.common.training.request import (
    Capabilities,
    answer_settings,
    averaged_epochs,
    check_validation,
    kept_by,
    patience,
    total_steps,
)
from recipes.common.training.trackers import PROJECT, run_name

PLUGIN = "recipes.axolotl.plugin.Plugin"
PLUGIN_SECTION = "exp"
"""The one section of the configuration that is not axolotl's: the settings of our plugin."""

_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}
_SHARDED = ("fsdp", "fsdp_config", "fsdp_version", "deepspeed")
_CAPABILITIES = Capabilities(
    backend="axolotl",
    methods=("lora", "dora", "qlora", "qdora", "full"),
    precisions=("bf16", "fp16", "fp32"),
    schedules=tuple(_SCHEDULES),
    help="fp16 needs a GPU and an adapter.",
)


@dataclass(frozen=True)
class Device:
    """The hardware of a training: GPUs, with one process each, or the CPU with one process."""

    kind: str
    """"cpu" or "cuda" """
    count: int = 1
    """Processes on each node."""
    capability: tuple[int, int] | None = None
    """Compute capability of the weakest GPU."""
    name: str = "cpu"
    nodes: int = 1

    @property
    def processes(self) -> int:
        """Processes on all nodes."""
        return self.count * self.nodes


def build_config(
    params: Mapping[str, Any],
    *,
    layers: int,
    targets: Sequence[str],
    rows: int,
    device: Device,
    files: Mapping[str, Path],
    work: Path,
) -> dict[str, Any]:
    """The whole configuration of a request. `layers` is the model's number of decoder layers, `targets` are the names
    of its linear layers that get an adapter, and `rows` is the number of training rows. `files` are the model's folder
    and the encoded rows: model, train, and validation if there is one. Fails with the code of a request that is not
    supported."""
    _check_capabilities(params, device)
    steps = total_steps(params, rows)
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
        # axolotl counts all epochs as one, and would stop before the last steps of the last epoch.
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
        # All three are explicit: bf16 defaults to "auto", which selects fp16 on a machine without a GPU.
        **{"bf16": params["precision"] == "bf16", "fp16": params["precision"] == "fp16", "tf32": False},
        "attn_implementation": "sdpa",
        "gradient_checkpointing": device.kind == "cuda",
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "output_dir": str(work / "out"),
        "auto_resume_from_checkpoints": True,
        "save_strategy": "steps",
        "save_steps": params["checkpoint"]["every_steps"],
        # The trainer deletes the oldest checkpoint before the plugin has marked the newest one as complete, so it keeps
        # one more. The plugin deletes that one.
        "save_total_limit": params["checkpoint"]["keep"] + 1,
        "logging_steps": 1,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": device.kind == "cuda",
        "include_tkps": False,
        **_reporters(params.get("report_to") or [], work),
        "plugins": [PLUGIN],
    }
    if params["method"] != "full":
        config |= _adapter(params, layers, targets)
    for key, value in (params.get("overrides") or {}).items():
        _override(config, key, value, set(override_keys()))
    config[PLUGIN_SECTION] = {
        "rows": str(files["train"]),
        "validation": str(files["validation"]) if "validation" in files else None,
        "work": str(work),
        "every_steps": params["checkpoint"]["every_steps"],
        "keep": params["checkpoint"]["keep"],
        "kept_by": kept_by(params),
        "average": averaged_epochs(params),
        "patience": patience(params),
        "neftune_alpha": params.get("neftune_alpha"),
        "pause_after_epochs": params.get("pause_after_epochs"),
        "answers": answer_settings(params),
        "cpu": device.kind == "cpu",
        "trackio": "trackio" in (params.get("report_to") or []),
    }
    check_config(config)
    return config


def check_config(config: Mapping[str, Any]) -> None:
    """Fail for a configuration that axolotl would accept and not follow: an unknown key, or the selection of a
    checkpoint without validation rows or with sharded weights."""
    unknown = unknown_keys({key: value for key, value in config.items() if key != PLUGIN_SECTION}, read_keys())
    if unknown:
        raise unknown_key(unknown)
    plugin = config[PLUGIN_SECTION]
    stops_early, answers = plugin["patience"] is not None, plugin["answers"] is not None
    check_validation(plugin["kept_by"], stops_early, answers, plugin["validation"] is not None)
    if (plugin["kept_by"] != "last" or stops_early or answers) and any(config.get(key) for key in _SHARDED):
        raise StepFailed(
            "capability",
            "the axolotl backend cannot validate or average sharded weights (fsdp, deepspeed) during training",
            "Set train.keep: last and remove early_stopping and samples, or remove the sharding from train.overrides.",
        )


def unknown_key(keys: list[str]) -> StepFailed:
    """The failure for keys that axolotl does not have. axolotl itself would ignore them."""
    return StepFailed("unknown-key", f"axolotl has no key {', '.join(keys)}", "Remove it.")


def override_keys() -> list[str]:
    """Every key of the locked axolotl that `train.overrides` may set: those that no key of an experiment sets."""
    reserved = read_reserved_keys()
    return [key for key in read_keys() if not any(key == name or key.startswith(f"{name}.") for name in reserved)]


def read_reserved_keys() -> dict[str, str]:
    """axolotl's keys that a key of an experiment sets -> that key. The runner reads the same file."""
    reserved: dict[str, str] = json.loads(Path(__file__).with_name("reserved_keys.json").read_text())
    return reserved


def _adapter(params: Mapping[str, Any], layers: int, targets: Sequence[str]) -> dict[str, Any]:
    four_bit = params["method"] in ("qlora", "qdora")
    indices = adapted_layers(layers, (params.get("layers") or {}).get("last"))
    return {
        "adapter": "qlora" if four_bit else "lora",
        "load_in_4bit": four_bit,
        "lora_r": params["rank"],
        "lora_alpha": params["alpha"],
        "lora_dropout": params["dropout"],
        "lora_target_modules": list(targets),
        "peft_use_dora": params["method"] in ("dora", "qdora"),
        "peft_use_rslora": bool(params.get("rslora", False)),
        **({} if indices is None else {"peft_layers_to_transform": indices}),
        # axolotl enables these Triton kernels by default, also without a GPU. `overrides` may enable them again.
        **dict.fromkeys(("lora_mlp_kernel", "lora_qkv_kernel", "lora_o_kernel", "lora_embedding_kernel"), False),
    }


def _reporters(report_to: list[str], work: Path) -> dict[str, Any]:
    """The trainer's own reporters, which write local files only. Trackio's callback is the plugin's: transformers' own
    passes arguments that the locked Trackio lacks."""
    name = run_name(work.parent)
    keys: dict[str, Any] = {"use_tensorboard": "tensorboard" in report_to}
    if "wandb" in report_to:
        keys |= {"use_wandb": True, "wandb_mode": "offline", "wandb_project": PROJECT}
        keys |= {"wandb_name": name, "wandb_run_id": name}
    if "mlflow" in report_to:
        keys |= {"use_mlflow": True, "mlflow_experiment_name": PROJECT, "hf_mlflow_log_artifacts": False}
        keys["mlflow_run_name"] = name
    return keys


def _check_capabilities(params: Mapping[str, Any], device: Device) -> None:
    """Fail for what axolotl does not support, in general or on this device."""
    method, precision = params["method"], params["precision"]
    unsupported = {
        "precision fp16 on the CPU": precision == "fp16" and device.kind == "cpu",
        "method full in fp16": precision == "fp16" and method == "full",
        f"{device.nodes} nodes without a GPU": device.kind == "cpu" and device.nodes > 1,
    }
    _CAPABILITIES.check(params, device.processes, unsupported)
    if precision == "bf16" and device.capability is not None and device.capability < (8, 0):
        raise StepFailed(
            "capability",
            f"{device.name} does not support bf16 (compute capability {'.'.join(map(str, device.capability))})",
            "Set train.precision: fp16, or fp32 for method full.",
        )


def _override(config: dict[str, Any], key: str, value: Any, known: set[str]) -> None:
    for name in dotted_keys({key: value}):
        if not is_known(name, known):
            raise StepFailed(
                "unknown-override",
                f"train.overrides.{name} is not a key of the locked axolotl that an experiment can override",
                "`axolotl config-schema` lists its keys. Keys that an experiment sets have a key in train.",
            )
    *parents, last = key.split(".")
    for parent in parents:
        config = config.setdefault(parent, {})
    config[last] = value
