"""The process group of a training, with one rank for each GPU. Without a group every function is a cheap no-op."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

Name = TypeVar("Name")


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


def broadcast_object(value: Any) -> Any:
    """The value of rank 0, for decisions that all ranks must take alike."""
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, 0)
    return values[0]


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
    """A small tensor that may be sharded, gathered on every rank. Every rank must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def collect(tensors: Iterable[tuple[Name, Tensor]], *, copy: bool = False) -> dict[Name, Tensor]:
    """The whole tensors, on the CPU of rank 0; the other ranks get an empty dict. Every rank must call this. Sharded
    tensors are gathered one after the other, so that a rank never holds more than one whole tensor. With a single rank
    the tensors themselves are returned or, with `copy`, copies on the CPU."""
    found = {}
    for name, tensor in tensors:
        sharded = isinstance(tensor, DTensor)
        full = whole(tensor)
        if rank() == 0:
            found[name] = full.to("cpu", copy=True) if sharded or copy else full
        del full
    return found


@torch.no_grad()
def assign(target: Tensor, value: Tensor | None) -> None:
    """Copy a whole value into a tensor that may be sharded. Every rank must call this for a sharded one; the value of
    rank 0 counts, and the others may pass None."""
    if isinstance(target, DTensor):
        if value is None:
            value = torch.empty(target.shape, dtype=target.dtype, device=target.device)
        value = distribute_tensor(value.to(target.device, target.dtype), target.device_mesh, target.placements)
    assert value is not None
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
