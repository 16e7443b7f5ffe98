"""The process group of a training, with one rank for each GPU. Without a group every function is a cheap no-op."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor


def world_size() -> int:
    """Number of ranks."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The rank of this process. Rank 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def join(device: str) -> None:
    """Join the process group that the environment variables of torchrun describe, if there is one."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        if device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("cuda:nccl,cpu:gloo" if device == "cuda" else "gloo")


def leave() -> None:
    """Leave the process group."""
    if dist.is_initialized():
        dist.destroy_process_group()


def mean(value: float, device: torch.device) -> float:
    """Mean over the ranks."""
    if world_size() == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    dist.all_reduce(tensor)
    return float(tensor) / world_size()


def broadcast_flag(flag: bool) -> bool:
    """The flag of rank 0: only rank 0 receives interrupts."""
    if world_size() == 1:
        return flag
    tensor = torch.tensor(int(flag))
    dist.broadcast(tensor, 0)
    return bool(tensor)


def broadcast(tensor: Tensor) -> Tensor:
    """The tensor of rank 0."""
    if world_size() > 1:
        dist.broadcast(tensor, 0)
    return tensor


def gathered(value: Any) -> list[Any]:
    """The values of all ranks, in their order."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    dist.all_gather_object(values, value)
    return values


def shard(model: nn.Module, layers: list[nn.Module]) -> None:
    """Shard the weights over the ranks (FSDP), layer by layer. Gradients become the mean over the ranks."""
    from torch.distributed.fsdp import fully_shard

    for part in (*layers, model):
        fully_shard(part)


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor, gathered. Every rank must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def assign(target: Tensor, value: Tensor) -> None:
    """Copy a whole value into a tensor that may be sharded."""
    if isinstance(target, DTensor):
        value = distribute_tensor(value.to(target.device, target.dtype), target.device_mesh, target.placements)
    target.copy_(value)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a whole optimiser state. Its tensors are sharded as the parameters are."""
    if world_size() > 1:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        sharded = {}
        for index, values in state["state"].items():
            parameter = parameters[index]
            sharded[index] = {
                name: distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)
                if value.shape == parameter.shape
                else value
                for name, value in values.items()
            }
        state = {**state, "state": sharded}
    optimizer.load_state_dict(state)
