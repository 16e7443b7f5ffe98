"""The state of a training, besides its weights and history, that a resume needs: optimiser, random numbers, and a
fingerprint of the request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from recipes.torchtune import distributed


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimiser's state with whole tensors, complete on rank 0 alone. Every rank must call this."""
    state = optimizer.state_dict()
    tensors = {
        (index, name): value
        for index, each in state["state"].items()
        for name, value in each.items()
        if isinstance(value, Tensor)
    }
    collected = distributed.collect(tensors.items())
    state["state"] = {
        index: {name: collected.get((index, name)) if (index, name) in tensors else each[name] for name in each}
        for index, each in state["state"].items()
    }
    return state


def random_state(device: torch.device) -> list[dict[str, Tensor]]:
    """The states of the random number generators of every rank."""
    random = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    gathered: list[dict[str, Tensor]] = distributed.gathered(random)
    return gathered


def restore_random_state(states: list[Mapping[str, Tensor]], device: torch.device, seed: int) -> None:
    """Restore this rank's state. If the number of ranks has changed there is none, and the generators are seeded, which
    changes the dropout masks."""
    if len(states) != distributed.world_size():
        torch.manual_seed(seed + distributed.rank())
        return
    random = states[distributed.rank()]
    torch.set_rng_state(random["cpu"])
    if "cuda" in random:
        torch.cuda.set_rng_state(random["cuda"], device)


def fingerprint(cfg: DictConfig) -> str:
    """Digest of all that the weights of a checkpoint depend on: the config without local paths, the model's shape, and
    the rows."""
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
