"""What the next step of a training depends on beside its weights and its record: optimiser, random numbers, request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from recipes.torchtune import ranks


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimiser's state, its tensors whole."""
    state = optimizer.state_dict()
    state["state"] = {
        index: {name: ranks.whole(value) if isinstance(value, Tensor) else value for name, value in values.items()}
        for index, values in state["state"].items()
    }
    return state


def random_state(device: torch.device) -> list[dict[str, Tensor]]:
    """The random number generators' states of every process."""
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    gathered: list[dict[str, Tensor]] = ranks.gathered(random)
    return gathered


def put_random_state(states: list[Mapping[str, Tensor]], device: torch.device, seed: int) -> None:
    """Take up this process's state. On another number of GPUs than before there is none: the dropout is drawn anew."""
    if len(states) != ranks.ranks():
        torch.manual_seed(seed + ranks.rank())
        return
    random = states[ranks.rank()]
    torch.set_rng_state(random["cpu"])
    if "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], device)


def fingerprint(cfg: DictConfig) -> str:
    """Digest of what a checkpoint depends on: the config without this machine's paths, the model's shape, the rows."""
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    paths = [plain["model"].pop("hf_config"), plain["dataset"].pop("file")]
    if plain["dataset_val"]:
        paths.append(plain["dataset_val"].pop("file"))
    plain["checkpointer"].pop("checkpoint_dir")
    plain["tokenizer"].pop("model_dir")
    for key in ("output_dir", "checkpoints", "metric_logger", "pause_after_epochs"):
        plain.pop(key)
    digests = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    return hashlib.sha256(json.dumps([plain, digests], sort_keys=True).encode()).hexdigest()
