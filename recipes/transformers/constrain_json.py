"""Answers that are a JSON array of strings: `["first", "second"]`, with one space after a comma and no other."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import torch

from recipes.transformers.vocabulary import Vocabulary

_QUOTE, _BACKSLASH = b'"\\'
_BLANK = ord(" ")
_IN_STRINGS = bytes(byte for byte in range(0x20, 0x100) if byte not in (_QUOTE, _BACKSLASH, 0x7F))
_ESCAPED = b'"\\/'


class _At(Enum):
    """Where in the array an answer is."""

    START = "before the array"
    OPEN = "after its bracket"
    EMPTY = "in a string without a letter yet"
    STRING = "in a string"
    ESCAPE = "after a backslash"
    AFTER = "after a string"
    COMMA = "after a comma"
    NEXT = "before the next string"
    DONE = "after the array"


_NEED = {
    _At.START: 2,
    _At.OPEN: 1,
    _At.EMPTY: 3,
    _At.STRING: 2,
    _At.ESCAPE: 3,
    _At.AFTER: 1,
    _At.COMMA: 5,
    _At.NEXT: 4,
    _At.DONE: 0,
}
"""Tokens that are enough to finish the array, each writing one character."""

_STRUCTURE = {
    (_At.START, ord("[")): _At.OPEN,
    (_At.OPEN, _QUOTE): _At.EMPTY,
    (_At.AFTER, ord("]")): _At.DONE,
    (_At.COMMA, _BLANK): _At.NEXT,
    (_At.NEXT, _QUOTE): _At.EMPTY,
}
"""Bytes outside of strings, and where they lead."""


class JsonConstraint:
    """`single` allows one string, no more and no fewer."""

    def __init__(self, vocabulary: Vocabulary, *, single: bool) -> None:
        self._vocabulary = vocabulary
        more = {} if single else {(_At.OPEN, ord("]")): _At.DONE, (_At.AFTER, ord(",")): _At.COMMA}
        self._structure = _STRUCTURE | more
        self._need = {**_NEED, _At.START: 5, _At.OPEN: 4} if single else _NEED
        self._tokens: dict[_At, dict[int, _At]] = {}
        self._all: dict[_At, torch.Tensor] = {}

    def start(self) -> _At:
        """Before the array."""
        return _At.START

    def allowed(self, state: _At, left: int) -> tuple[Sequence[int] | torch.Tensor, bool]:
        """Every token that keeps the array well-formed; near the last token, those alone that can still close it."""
        edges = self._edges(state)
        if left <= max(self._need.values()) + 2:
            closing = [token for token, there in edges.items() if self._need[there] + 1 <= left - 1]
            if closing:
                return closing, False
        return self._all[state], state is _At.DONE

    def advance(self, state: _At, token: int) -> _At:
        """Where a token leads."""
        return self._edges(state)[token]

    def _edges(self, state: _At) -> dict[int, _At]:
        if state not in self._tokens:
            edges: dict[int, _At] = {}
            for written, ids in self._vocabulary.items():
                there = self._after(state, written)
                if there is not None:
                    edges |= dict.fromkeys(ids, there)
            self._tokens[state] = edges
            self._all[state] = torch.tensor(list(edges), dtype=torch.long)
        return self._tokens[state]

    def _after(self, at: _At, written: bytes) -> _At | None:
        """Where the bytes of a token lead, if anywhere. Most are letters in a string, and are told at once."""
        if at in (_At.EMPTY, _At.STRING) and not written.translate(None, _IN_STRINGS):
            return _At.STRING if at is _At.STRING or written[0] != _BLANK else None
        for byte in written:
            there = self._next(at, byte)
            if there is None:
                return None
            at = there
        return at

    def _next(self, at: _At, byte: int) -> _At | None:
        if at in (_At.EMPTY, _At.STRING):
            if byte == _BACKSLASH:
                return _At.ESCAPE
            if byte == _QUOTE:
                return _At.AFTER if at is _At.STRING else None
            return _At.STRING if byte in _IN_STRINGS and (at is _At.STRING or byte != _BLANK) else None
        if at is _At.ESCAPE:
            return _At.STRING if byte in _ESCAPED else None
        return self._structure.get((at, byte))
