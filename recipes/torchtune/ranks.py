"""The processes of one training, one a GPU: who we are, and what all must agree on. Alone, all of it is free."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is; 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def join(device: str) -> None:
    """Join the others, where the environment says that there are some (as torchrun and our launcher do)."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cuda:nccl,cpu:gloo" if device == "cuda" else "gloo")


def leave() -> None:
    """Leave the others."""
    if dist.is_initialized():
        dist.destroy_process_group()


def mean(value: float, device: torch.device) -> float:
    """Mean over the processes."""
    if ranks() == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    dist.all_reduce(tensor)
    return float(tensor) / ranks()


def agreed(wish: bool) -> bool:
    """What the first process wishes: only it is told to stop."""
    if ranks() == 1:
        return wish
    tensor = torch.tensor(int(wish))
    dist.broadcast(tensor, 0)
    return bool(tensor)


def same(tensor: Tensor) -> Tensor:
    """The first process's tensor."""
    if ranks() > 1:
        dist.broadcast(tensor, 0)
    return tensor


def gathered(value: Any) -> list[Any]:
    """Everyone's value, in order."""
    if ranks() == 1:
        return [value]
    values: list[Any] = [None] * ranks()
    dist.all_gather_object(values, value)
    return values


def shard(model: nn.Module, blocks: list[nn.Module]) -> None:
    """Spread the weights over the processes (FSDP), block by block. Gradients become the mean of theirs."""
    from torch.distributed.fsdp import fully_shard

    for part in (*blocks, model):
        fully_shard(part)


def whole(tensor: Tensor) -> Tensor:
    """A spread tensor as one; every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def put(target: Tensor, value: Tensor) -> None:
    """Copy a whole value into a tensor that may be spread."""
    if isinstance(target, DTensor):
        value = distribute_tensor(value.to(target.device, target.dtype), target.device_mesh, target.placements)
    target.copy_(value)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give an optimiser a whole state; where its parameters are spread, so are its tensors then."""
    if ranks() > 1:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        spread = {}
        for index, values in state["state"].items():
            like = parameters[index]
            spread[index] = {
                name: distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
                if value.shape == like.shape
                else value
                for name, value in values.items()
            }
        state = {**state, "state": spread}
    optimizer.load_state_dict(state)
