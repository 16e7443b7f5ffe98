"""Quantisation of a GGUF file. The types of the weights are those that llama.cpp's own quantiser chooses; their values
are computed by llama.cpp. Checked against llama.cpp at build 10605 (`llama-quant.cpp`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import LlamaFileType
from numpy.typing import NDArray

from recipes.gguf.llama import quantise_rows

PLAIN = {"f32": LlamaFileType.ALL_F32, "f16": LlamaFileType.MOSTLY_F16, "bf16": LlamaFileType.MOSTLY_BF16}
"""Types that are no quantisation."""

_MIXTURES: dict[str, tuple[LlamaFileType, Type]] = {
    "q8_0": (LlamaFileType.MOSTLY_Q8_0, Type.Q8_0),
    "q6_k": (LlamaFileType.MOSTLY_Q6_K, Type.Q6_K),
    "q5_k_m": (LlamaFileType.MOSTLY_Q5_K_M, Type.Q5_K),
    "q4_k_m": (LlamaFileType.MOSTLY_Q4_K_M, Type.Q4_K),
}
"""Name of a quantisation -> its number in the file, and the type of most weights."""

_NARROW = {Type.Q4_K: Type.Q5_0, Type.Q5_K: Type.Q5_1, Type.Q6_K: Type.Q8_0, Type.Q8_0: Type.F16}
"""Type -> the one for weights whose rows are not a multiple of its block."""

_PIECE = 4_000_000
"""Number of weights that a thread quantises at once."""

_LARGEST = 80
"""Layers of the 70B and 72B models, whose values of attention have more bits."""


def type_of(name: str, columns: int, kind: str, *, layers: int, tied: bool) -> Type:
    """The type of a weight [rows, columns] of a file with `layers` layers. `tied`: the embedding is the output too."""
    usual = _MIXTURES[kind][1]
    found = usual
    layer = int(match[1]) if (match := re.match(r"blk\.(\d+)\.", name)) else 0
    more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    if name == "output.weight" or (tied and name == "token_embd.weight"):
        if columns % _block(usual):
            found = Type.Q8_0
        elif usual != Type.Q8_0:
            found = Type.Q6_K
    elif kind in ("q4_k_m", "q5_k_m"):
        is_value = name.endswith(("attn_v.weight", "attn_qkv.weight"))
        if more and (is_value or "ffn_down" in name):
            found = Type.Q6_K
        elif is_value and layers == _LARGEST and found == Type.Q4_K:
            found = Type.Q5_K
    while columns % _block(found):
        found = _NARROW[found]
    return found


def _block(kind: Type) -> int:
    return int(gguf.GGML_QUANT_SIZES[kind][0])


def is_quantised(name: str, dimensions: int) -> bool:
    """Whether a quantisation changes a weight: not norms, biases, and the choice of experts."""
    kept = name.endswith("_norm.weight") or any(part in name for part in ("ffn_gate_inp.weight", "ssm_conv1d"))
    return dimensions > 1 and name.endswith("weight") and not kept


def quantise(source: Path, target: Path, kind: str, threads: int, on_weight: Callable[[int, int], None]) -> None:
    """Write a quantised copy of a GGUF file with weights in 16 or 32 bit. `on_weight` receives the number of weights
    that are done, and of all."""
    reader: Any = gguf.GGUFReader(source)
    names = {tensor.name for tensor in reader.tensors}
    layers = 1 + max((int(match[1]) for name in names if (match := re.match(r"blk\.(\d+)\.", name))), default=-1)
    tied = "output.weight" not in names
    writer: Any = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
            within = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], within)
    writer.add_file_type(_MIXTURES[kind][0])
    if "general.quantization_version" not in reader.fields:
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    types = {}
    for tensor in reader.tensors:
        columns = int(tensor.shape[0])
        chosen = tensor.tensor_type
        if is_quantised(tensor.name, len(tensor.shape)):
            chosen = type_of(tensor.name, columns, kind, layers=layers, tied=tied)
        types[tensor.name] = chosen
        block, size = gguf.GGML_QUANT_SIZES[chosen]
        count = int(np.prod(tensor.shape))
        shape = [int(length) for length in reversed(tensor.shape)]
        if chosen in (Type.F32, Type.F16):
            dtype: Any = np.dtype(np.float32 if chosen == Type.F32 else np.float16)
            writer.add_tensor_info(tensor.name, shape, dtype, count * dtype.itemsize)
        else:
            stored = [*shape[:-1], columns // block * size]
            writer.add_tensor_info(tensor.name, stored, np.dtype(np.uint8), count // block * size, chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    with ThreadPoolExecutor(threads) as pool:
        for done, tensor in enumerate(reader.tensors):
            chosen = types[tensor.name]
            data = tensor.data if chosen == tensor.tensor_type else _converted(tensor, chosen, pool.map)
            writer.write_tensor_data(data)
            on_weight(done + 1, len(reader.tensors))
    writer.close()


def _converted(tensor: Any, kind: Type, run: Callable[..., Iterable[NDArray[Any]]]) -> NDArray[Any]:
    """The values of a tensor in another type."""
    rows = tensor.data.reshape(-1, tensor.data.shape[-1])
    columns = int(tensor.shape[0])
    step = max(1, _PIECE // columns)
    block, size = gguf.GGML_QUANT_SIZES[kind]

    def piece(start: int) -> NDArray[Any]:
        values = gguf.quants.dequantize(rows[start : start + step], tensor.tensor_type)
        if kind == Type.F16:
            return values.astype(np.float16)
        return quantise_rows(values, int(kind), columns // block * size)

    return np.concatenate(list(run(piece, range(0, len(rows), step))))
