"""A GPU without memory and without values, for checks of GPU code on any machine.

Operations on its tensors check devices, dtypes and shapes, count the bytes of the results, and compute nothing (torch's
FakeTensorMode). A training of an 8B model thus needs megabytes.

The device type is "fakegpu". torch's build for the CPU refuses gradients of tensors whose type is "cuda". Code that
must run on a GPU therefore asks whether a device is not "cpu".
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.distributed._tools.common_utils import get_untyped_storages
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend
from torch.utils.weak import WeakIdKeyDictionary
from torchao.dtypes.nf4tensor import NF4Tensor

FAKE_GPU = "fakegpu"
_AUTOCAST = "AutocastPrivateUse1"
_BLOCK = 512
"""torch's allocator rounds each request up to a multiple of this many bytes."""
_KNOWN = 64
"""Integer tensors up to this size keep their values when they are moved to the device."""


class Memory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the device that are allocated, and their peak. The workspaces of kernels are not included. torch's own
    MemTracker also reports the use of each module, and does not accept frozen parameters or several steps."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.allocated = 0
        self._peak = 0
        self._seen = WeakIdKeyDictionary()

    def take_peak(self) -> int:
        """The peak since the last call."""
        peak, self._peak = self._peak, self.allocated
        return peak

    def _free(self, size: int) -> None:
        self.allocated -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count the storages of its results."""
        if any(issubclass(each, NF4Tensor) for each in types):
            # torchao then runs the operations that this one consists of, and those are counted.
            return NotImplemented
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if not isinstance(tensor, Tensor) or tensor.device.type != FAKE_GPU:
                continue
            for storage in get_untyped_storages(tensor):
                if storage not in self._seen:
                    size = -(-storage.nbytes() // _BLOCK) * _BLOCK
                    self._seen[storage] = size
                    weakref.finalize(storage, self._free, size)
                    self.allocated += size
                    self._peak = max(self._peak, self.allocated)
        return result


@contextmanager
def fake_gpu() -> Iterator[Memory]:
    """Within this context, tensors have no values and the device "fakegpu" exists. Where Python reads a value, it gets
    1, except for small integer tensors that came from the CPU."""
    _register()
    memory = Memory()
    with (
        patch.object(FakeTensor, "tolist", lambda tensor: _value(tensor, Tensor.tolist)),
        patch.object(torch, "clear_autocast_cache", _casts.clear),
        _Mode(allow_non_fake_inputs=True),
        memory,
        _Values(),
    ):
        yield memory
    _casts.clear()


def with_values(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, run on the CPU with real tensors."""

    def run(*args: Any, **kwargs: Any) -> Any:
        with unset_fake_temporarily():
            return function(*args, **kwargs)

    return run


class _Mode(FakeTensorMode):  # type: ignore[no-untyped-call]
    avoid_device_init = True


class _Values(TorchFunctionMode):
    """Values for the calls of Python that need one."""

    _READS = (Tensor.item, Tensor.__float__, Tensor.__int__, Tensor.__bool__)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first: Any = args[0] if args else None
        if func in self._READS and isinstance(first, FakeTensor):
            return _value(first, func)
        result = func(*args, **(kwargs or {}))
        real = isinstance(first, Tensor) and not isinstance(first, FakeTensor)
        moved = func is Tensor.to and real and isinstance(result, FakeTensor)
        if moved and first.numel() <= _KNOWN and not first.is_floating_point():
            result.known_values = first
        return result


def _value(tensor: FakeTensor, read: Callable[[Tensor], Any]) -> Any:
    known = getattr(tensor, "known_values", None)
    with unset_fake_temporarily(), torch._C.DisableTorchFunction():
        return read(torch.ones(tensor.shape, dtype=tensor.dtype) if known is None else known)


class _Device:
    """The module torch.fakegpu, with the functions that torch calls."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None:
        """There is no generator."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]


_libraries: list[torch.library.Library] = []
"""Registrations end when their library is deleted."""
_casts: dict[int, tuple[Tensor, Tensor]] = {}
"""The 16-bit copies that autocast keeps of fp32 weights, with the weights: torch's own cache is not used here."""


def _register() -> None:
    """Register the device, autocast and attention, once for each process."""
    if _libraries:
        return
    _setup_privateuseone_for_python_backend(FAKE_GPU, backend_module=_Device())
    others = torch.library.Library("_", "IMPL", _AUTOCAST)  # type: ignore[no-untyped-call]
    others.fallback(torch.library.fallthrough_kernel)  # type: ignore[no-untyped-call]
    operations = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    _libraries.extend([others, operations])
    for name in ("linear", "matmul", "mm", "bmm", "addmm", "baddbmm", "scaled_dot_product_attention"):
        kernel = _in_16_bit(getattr(torch.ops.aten, name).default)
        operations.impl(name, kernel, _AUTOCAST)  # type: ignore[no-untyped-call]
    for key in ("PrivateUse1", "AutogradPrivateUse1"):
        operations.impl("scaled_dot_product_attention", _attention, key)  # type: ignore[no-untyped-call]


def _in_16_bit(operation: Callable[..., Any]) -> Callable[..., Any]:
    """An operation whose arguments autocast converts, as on CUDA."""

    def run(*args: Any, **kwargs: Any) -> Any:
        dtype = torch.get_autocast_dtype(FAKE_GPU)
        keys = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, _AUTOCAST))
        with torch._C._ExcludeDispatchKeyGuard(keys):
            return operation(
                *(_cast(each, dtype) for each in args), **{name: _cast(each, dtype) for name, each in kwargs.items()}
            )

    return run


def _cast(value: Any, dtype: torch.dtype) -> Any:
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.dtype == dtype:
        return value
    cached = torch.is_autocast_cache_enabled() and value.dtype == torch.float32
    if not (cached and value.is_leaf and value.requires_grad):
        return value.to(dtype)
    if id(value) not in _casts:
        _casts[id(value)] = value, value.to(dtype)
    return _casts[id(value)][1]


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """scaled_dot_product_attention by the kernels that torch selects on a GPU: flash attention, or with a mask the
    memory-efficient one. Neither stores the score matrix."""
    if attn_mask is None:
        out: Tensor = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, dropout_p, is_causal, scale=scale)[0]
        return out
    if attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=q.dtype).masked_fill_(~attn_mask, float("-inf"))
    bias = attn_mask.expand(q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    kept = torch.is_grad_enabled() and q.requires_grad
    efficient = torch.ops.aten._scaled_dot_product_efficient_attention
    out = efficient(q, k, v, bias, kept, dropout_p, is_causal, scale=scale)[0]
    return out
