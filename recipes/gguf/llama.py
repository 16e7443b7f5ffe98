"""llama.cpp, as far as an export needs it: logits of the next token, tokenisation, and quantisation of rows.

xllamacpp is a build of llama.cpp with a wheel for many machines. Its Python interface has neither logits nor
quantisation, so this module calls the C interface that its library exports. Written for the version of gguf.in.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes.common.protocol import StepFailed

_REST = 480
"""Bytes for the later fields of a structure, more than it has. They keep the values of llama.cpp's defaults."""

_CONTEXT_FIELDS = (
    "n_ctx",
    "n_batch",
    "n_ubatch",
    "n_seq_max",
    "n_rs_seq",
    "n_outputs_max",
    "n_outputs_max_per_seq",
    "n_threads",
    "n_threads_batch",
)

_UBATCH = 512
"""Tokens that llama.cpp computes at once."""


class _ModelParams(ctypes.Structure):
    _fields_ = [("rest", ctypes.c_byte * _REST)]


class _ContextParams(ctypes.Structure):
    _fields_ = [*((name, ctypes.c_uint32) for name in _CONTEXT_FIELDS), ("rest", ctypes.c_byte * _REST)]


class _Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


_Log = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_SHOWN = 3
"""Lowest level of a message that goes to the step's log: a warning."""


def _print(level: int, text: bytes, _user: object) -> None:
    if _SHOWN <= level <= _SHOWN + 1:
        print(text.decode(errors="replace"), end="")


_log = _Log(_print)
"""The library keeps a reference to it."""


@cache
def _library() -> Any:
    import xllamacpp

    library: Any = ctypes.CDLL(xllamacpp.xllamacpp.__file__)
    pointer, number, text = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    declared: dict[str, tuple[Any, list[Any]]] = {
        "llama_backend_init": (None, []),
        "llama_log_set": (None, [_Log, pointer]),
        "llama_model_default_params": (_ModelParams, []),
        "llama_context_default_params": (_ContextParams, []),
        "llama_model_load_from_file": (pointer, [text, _ModelParams]),
        "llama_init_from_model": (pointer, [pointer, _ContextParams]),
        "llama_model_free": (None, [pointer]),
        "llama_free": (None, [pointer]),
        "llama_model_get_vocab": (pointer, [pointer]),
        "llama_vocab_n_tokens": (number, [pointer]),
        "llama_vocab_get_add_bos": (ctypes.c_bool, [pointer]),
        "llama_tokenize": (
            number,
            [pointer, text, number, ctypes.POINTER(number), number, ctypes.c_bool, ctypes.c_bool],
        ),
        "llama_batch_init": (_Batch, [number, number, number]),
        "llama_batch_free": (None, [_Batch]),
        "llama_decode": (number, [pointer, _Batch]),
        "llama_get_logits_ith": (ctypes.POINTER(ctypes.c_float), [pointer, number]),
        "llama_get_memory": (pointer, [pointer]),
        "llama_memory_seq_rm": (ctypes.c_bool, [pointer, number, number, number]),
        "llama_memory_clear": (None, [pointer, ctypes.c_bool]),
        "ggml_quantize_chunk": (
            ctypes.c_size_t,
            [number, pointer, pointer, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, pointer],
        ),
    }
    for name, (result, arguments) in declared.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.llama_log_set(_log, None)
    library.llama_backend_init()
    return library


def free_threads(cores: int, *, pause: float = 0.3, stat: Path = Path("/proc/stat")) -> int:
    """The threads to compute with: `cores`, but no more than there are idle ones on the machine, measured for `pause`
    seconds. llama.cpp's threads wait for one another without sleeping, so that a thread without a core makes it many
    times slower. Without `stat`, a file of Linux: `cores`."""

    def times() -> tuple[int, int, int]:
        lines = [line.split() for line in stat.read_text().splitlines() if line.startswith("cpu")]
        values = [int(value) for value in lines[0][1:9]]
        return sum(values), values[3] + values[4], len(lines) - 1

    if not stat.is_file():
        return cores
    total, idle, count = times()
    time.sleep(pause)
    later, still_idle, _ = times()
    return max(1, min(cores, round(count * (still_idle - idle) / max(1, later - total))))


class Model:
    """A GGUF file in memory with one sequence of at most `context` tokens."""

    def __init__(self, path: Path, *, context: int, threads: int) -> None:
        self._lib = _library()
        self._context = self._batch = None
        self._model = self._lib.llama_model_load_from_file(str(path).encode(), self._lib.llama_model_default_params())
        if not self._model:
            raise StepFailed(
                "gguf-not-loadable",
                f"llama.cpp cannot load {path.name}; the log has its message",
                "Free memory that other processes use; if that does not help, report this.",
            )
        params = self._lib.llama_context_default_params()
        params.n_ctx = params.n_batch = context
        params.n_ubatch = min(_UBATCH, context)
        params.n_threads = params.n_threads_batch = threads
        self._context = self._lib.llama_init_from_model(self._model, params)
        if not self._context:
            raise StepFailed(
                "out-of-memory",
                f"the cache for {context} tokens does not fit",
                "Lower generate.max_new_tokens, or free memory that other processes use.",
            )
        self._batch = self._lib.llama_batch_init(context, 0, 1)
        self._vocab = self._lib.llama_model_get_vocab(self._model)
        self._width = self._lib.llama_vocab_n_tokens(self._vocab)
        self._length = 0

    def close(self) -> None:
        """Free the memory."""
        if self._batch is not None:
            self._lib.llama_batch_free(self._batch)
        if self._context:
            self._lib.llama_free(self._context)
        if self._model:
            self._lib.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def append(self, tokens: Sequence[int], *, last: int = 1) -> NDArray[np.float32]:
        """Append tokens to the sequence. Returns the logits [last, vocabulary] after the last tokens."""
        batch, count = self._batch, len(tokens)
        assert batch is not None
        batch.n_tokens = count
        for at, token in enumerate(tokens):
            batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, self._length + at, 1
            batch.seq_id[at][0] = 0
            batch.logits[at] = at >= count - last
        status = self._lib.llama_decode(self._context, batch)
        if status != 0:
            raise StepFailed("gguf-not-computable", f"llama_decode ended with {status}", "Report this with the log.")
        self._length += count
        rows = [self._lib.llama_get_logits_ith(self._context, at) for at in range(count - last, count)]
        return np.stack([np.ctypeslib.as_array(row, (self._width,)).copy() for row in rows])

    def keep(self, length: int) -> bool:
        """Shorten the sequence to its first tokens. Returns False if it is shorter, or if the model's cache cannot: it
        is then empty."""
        memory = self._lib.llama_get_memory(self._context)
        if 0 < length <= self._length and self._lib.llama_memory_seq_rm(memory, 0, length, -1):
            self._length = length
            return True
        self._lib.llama_memory_clear(memory, True)
        self._length = 0
        return length == 0

    def tokens(self, text: str) -> list[int]:
        """The tokens of a text in which names of special tokens are special tokens. None is added at its start."""
        written = text.encode()
        room = len(written) + 8
        found = (ctypes.c_int32 * room)()
        count = self._lib.llama_tokenize(self._vocab, written, len(written), found, room, False, True)
        return list(found[:count])

    @property
    def adds_start(self) -> bool:
        """Whether llama.cpp puts the token of a text's start before every prompt."""
        return bool(self._lib.llama_vocab_get_add_bos(self._vocab))


def quantise_rows(rows: NDArray[np.float32], kind: int, size: int) -> NDArray[np.uint8]:
    """Rows [n, columns] as blocks of a GGML type: [n, size] bytes, `size` being the bytes of a row."""
    rows = np.ascontiguousarray(rows, np.float32)
    out = np.empty((len(rows), size), np.uint8)
    written = _library().ggml_quantize_chunk(kind, rows.ctypes.data, out.ctypes.data, 0, *rows.shape, None)
    assert written == out.nbytes, (written, out.nbytes)
    return out
