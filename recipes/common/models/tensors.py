"""Reading and writing of safetensors files in pieces, for models that are larger than the memory.

The format is the length of the header (8 bytes, little-endian), a JSON header {name: {"dtype", "shape",
"data_offsets"}}, and the tensors without gaps (https://huggingface.co/docs/safetensors). Files are read and not mapped,
because mapped pages count as memory of the process.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from recipes.common.models.folder import INDEX, weight_files
from recipes.common.protocol import StepFailed, write_json

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Number formats that computations support, by their names in a header."""

_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FETCH = "Fetch the model again."


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: bytes `begin` to `end`."""

    name: str
    file: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row. The rows of a vector are its values."""
        return (self.end - self.begin) // max(1, self.shape[0] if self.shape else 1)

    def rows(self, file: BinaryIO, start: int, stop: int) -> bytearray:
        """The bytes of rows `start` to `stop`. Fails with `damaged-weights` if the file is too short."""
        size = (stop - start) * self.row_bytes
        file.seek(self.begin + start * self.row_bytes)
        data = bytearray(file.read(size))
        if len(data) != size:
            raise _damaged(self.file, f"it ends in the middle of {self.name}")
        return data

    def tensor(self, data: bytearray) -> Tensor:
        """The bytes of some rows as a tensor [rows, ...]."""
        return torch.frombuffer(data, dtype=DTYPES[self.dtype]).view(-1, *self.shape[1:])

    def read(self) -> Tensor:
        """The whole tensor."""
        with self.file.open("rb") as file:
            return self.tensor(self.rows(file, 0, self.shape[0]))

    def chunks(self, limit: int) -> Iterator[tuple[int, int]]:
        """Row ranges of at most `limit` bytes, but of at least one row."""
        count = self.shape[0] if self.shape else 1
        step = max(1, limit // max(1, self.row_bytes))
        for start in range(0, count, step):
            yield start, min(start + step, count)


def read_header(path: Path) -> list[Stored]:
    """The tensors of a file in file order. Fails with `damaged-weights` for a file that is truncated or not
    safetensors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, 100_000_000):
                raise _damaged(path, "it has no header")
            header = json.loads(file.read(length))
    except FileNotFoundError as error:
        raise StepFailed("no-weights", f"the model's folder has no {path.name}", _FETCH) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _damaged(path, "its header cannot be read") from error
    start = 8 + length
    found = []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (start + offset for offset in entry["data_offsets"])
        shape = tuple(int(size) for size in entry["shape"])
        if entry["dtype"] not in _SIZES or end - begin != math.prod(shape) * _SIZES[entry["dtype"]]:
            raise _damaged(path, f"the size of {name} does not match its shape")
        if end > size:
            raise _damaged(path, f"it ends in the middle of {name}")
        found.append(Stored(name, path, entry["dtype"], shape, begin, end))
    return sorted(found, key=lambda one: one.begin)


def read_headers(folder: Path) -> dict[str, Stored]:
    """Every tensor of a model's folder, by name."""
    return {one.name: one for file in weight_files(folder) for one in read_header(file)}


class Digest:
    """SHA-256 of a file, computed from its tensors while they are read in file order, so that the file is read once."""

    def __init__(self, path: Path, first: int) -> None:
        self._sha256 = hashlib.sha256()
        with path.open("rb") as file:
            self._sha256.update(file.read(first))
        self._path = path

    def update(self, data: bytes | bytearray) -> None:
        """Add the next bytes of the file."""
        self._sha256.update(data)

    def check(self, expected: str) -> None:
        """Fail with `damaged-weights` unless the digest is `expected`."""
        if self._sha256.hexdigest() != expected:
            raise _damaged(self._path, "its bytes differ from those that were fetched")


class ShardWriter:
    """Writes tensors of known shapes into shards of at most `limit` bytes or one tensor, and then their index. Tensors
    must be written in the order of `tensors`."""

    def __init__(self, folder: Path, tensors: Sequence[Stored], limit: int) -> None:
        self._folder = folder
        shards: list[list[Stored]] = []
        size = 0
        for one in tensors:
            bytes_ = one.end - one.begin
            if not shards or (size + bytes_ > limit and size > 0):
                shards.append([])
                size = 0
            shards[-1].append(one)
            size += bytes_
        count = len(shards)
        self.names = (
            ["model.safetensors"]
            if count == 1
            else [f"model-{at + 1:05d}-of-{count:05d}.safetensors" for at in range(count)]
        )
        self._shard_of = {one.name: at for at, shard in enumerate(shards) for one in shard}
        self._shards = shards
        self._open: tuple[int, BinaryIO] | None = None
        self._total = sum(one.end - one.begin for one in tensors)

    def write(self, name: str, data: bytes | bytearray) -> None:
        """Append bytes of a tensor."""
        at = self._shard_of[name]
        if self._open is None or self._open[0] != at:
            self._close()
            file = (self._folder / self.names[at]).open("wb")
            file.write(_header(self._shards[at]))
            self._open = (at, file)
        self._open[1].write(data)

    def finish(self) -> None:
        """Close the last shard, and write the index if there are several."""
        self._close()
        if len(self.names) > 1:
            weight_map = {name: self.names[at] for name, at in self._shard_of.items()}
            write_json(self._folder / INDEX, {"metadata": {"total_size": self._total}, "weight_map": weight_map})

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None


def to_bytes(tensor: Tensor) -> bytes:
    """The values of a tensor as bytes."""
    values: bytes = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    return values


def _header(tensors: Sequence[Stored]) -> bytes:
    """Header of a file with these tensors, padded so that the data start at a multiple of eight bytes."""
    entries: dict[str, Mapping[str, Any]] = {"__metadata__": {"format": "pt"}}
    at = 0
    for one in tensors:
        end = at + one.end - one.begin
        entries[one.name] = {"dtype": one.dtype, "shape": list(one.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _damaged(path: Path, what: str) -> StepFailed:
    return StepFailed("damaged-weights", f"{path.name} is damaged: {what}", _FETCH)
