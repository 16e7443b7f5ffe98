"""The constraint to a JSON array of strings: `["first", "second"]`, with one space after each comma and no others."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import torch

from recipes.transformers.vocabulary import Vocabulary

_QUOTE, _BACKSLASH = b'"\\'
_BLANK = ord(" ")
IN_STRINGS = bytes(byte for byte in range(0x20, 0x7F) if byte not in (_QUOTE, _BACKSLASH))
"""ASCII characters that a string holds without a backslash. Other characters are UTF-8 sequences."""
_ESCAPED = b'"\\/'


class At(Enum):
    """A position in the array."""

    START = "before the array"
    OPEN = "after its bracket"
    EMPTY = "at the start of a string"
    STRING = "in a string"
    ESCAPE = "after a backslash"
    TAIL_1 = "before the last byte of a character"
    TAIL_2 = "before the last two bytes of a character"
    TAIL_3 = "before the last three bytes of a character"
    AFTER_E0 = "after 0xE0, whose next byte excludes overlong sequences"
    AFTER_ED = "after 0xED, whose next byte excludes surrogates"
    AFTER_F0 = "after 0xF0, whose next byte excludes overlong sequences"
    AFTER_F4 = "after 0xF4, whose next byte excludes code points above U+10FFFF"
    AFTER = "after a string"
    COMMA = "after a comma"
    NEXT = "before the next string"
    DONE = "after the array"


_NEED = {
    At.START: 2,
    At.OPEN: 1,
    At.EMPTY: 3,
    At.STRING: 2,
    At.ESCAPE: 3,
    At.TAIL_1: 3,
    At.TAIL_2: 4,
    At.TAIL_3: 5,
    At.AFTER_E0: 4,
    At.AFTER_ED: 4,
    At.AFTER_F0: 5,
    At.AFTER_F4: 5,
    At.AFTER: 1,
    At.COMMA: 5,
    At.NEXT: 4,
    At.DONE: 0,
}
"""Number of bytes that complete the array. Each needs at most one token."""

LEADS = (
    (0xC2, 0xDF, At.TAIL_1),
    (0xE0, 0xE0, At.AFTER_E0),
    (0xE1, 0xEC, At.TAIL_2),
    (0xED, 0xED, At.AFTER_ED),
    (0xEE, 0xEF, At.TAIL_2),
    (0xF0, 0xF0, At.AFTER_F0),
    (0xF1, 0xF3, At.TAIL_3),
    (0xF4, 0xF4, At.AFTER_F4),
)
"""First bytes of characters outside ASCII (from, to), and the position after them: table 3-7 of the Unicode
standard."""

TAILS = {
    At.TAIL_1: (0x80, 0xBF, At.STRING),
    At.TAIL_2: (0x80, 0xBF, At.TAIL_1),
    At.TAIL_3: (0x80, 0xBF, At.TAIL_2),
    At.AFTER_E0: (0xA0, 0xBF, At.TAIL_1),
    At.AFTER_ED: (0x80, 0x9F, At.TAIL_1),
    At.AFTER_F0: (0x90, 0xBF, At.TAIL_2),
    At.AFTER_F4: (0x80, 0x8F, At.TAIL_2),
}
"""Within a character: the bytes that continue it (from, to), and the position after them."""

_STRUCTURE = {
    (At.START, ord("[")): At.OPEN,
    (At.OPEN, _QUOTE): At.EMPTY,
    (At.AFTER, ord("]")): At.DONE,
    (At.COMMA, _BLANK): At.NEXT,
    (At.NEXT, _QUOTE): At.EMPTY,
}
"""Transitions by bytes outside strings."""


class JsonConstraint:
    """With `single`, the array has exactly one string."""

    def __init__(self, vocabulary: Vocabulary, *, single: bool) -> None:
        self._vocabulary = vocabulary
        several = {} if single else {(At.OPEN, ord("]")): At.DONE, (At.AFTER, ord(",")): At.COMMA}
        self._structure = _STRUCTURE | several
        self._need = {**_NEED, At.START: 5, At.OPEN: 4} if single else _NEED
        self._tokens: dict[At, dict[int, At]] = {}
        self._all: dict[At, torch.Tensor] = {}

    def start(self) -> At:
        """The state before the array."""
        return At.START

    def allowed(self, state: At, left: int) -> tuple[Sequence[int] | torch.Tensor, bool]:
        """Every token that keeps the array well-formed. Near the limit only those that still allow to close it."""
        edges = self._transitions(state)
        if left <= max(self._need.values()) + 2:
            closing = [token for token, after in edges.items() if self._need[after] + 1 <= left - 1]
            if closing:
                return closing, False
        return self._all[state], state is At.DONE

    def advance(self, state: At, token: int) -> At:
        """The state after a token."""
        return self._transitions(state)[token]

    def _transitions(self, state: At) -> dict[int, At]:
        if state not in self._tokens:
            edges: dict[int, At] = {}
            for written, ids in self._vocabulary.items():
                after = self._after(state, written)
                if after is not None:
                    edges |= dict.fromkeys(ids, after)
            self._tokens[state] = edges
            self._all[state] = torch.tensor(list(edges), dtype=torch.long)
        return self._tokens[state]

    def _after(self, at: At, written: bytes) -> At | None:
        """The state after the bytes of a token, or None. The first test is a fast path: most tokens are text in a
        string."""
        if at in (At.EMPTY, At.STRING) and not written.translate(None, IN_STRINGS):
            return At.STRING if at is At.STRING or written[0] != _BLANK else None
        for byte in written:
            after = self._next(at, byte)
            if after is None:
                return None
            at = after
        return at

    def _next(self, at: At, byte: int) -> At | None:
        if at in (At.EMPTY, At.STRING):
            if byte == _BACKSLASH:
                return At.ESCAPE
            if byte == _QUOTE:
                return At.AFTER if at is At.STRING else None
            if byte < 0x80:
                return At.STRING if byte in IN_STRINGS and (at is At.STRING or byte != _BLANK) else None
            return next((after for low, high, after in LEADS if low <= byte <= high), None)
        if at in TAILS:
            low, high, after = TAILS[at]
            return after if low <= byte <= high else None
        if at is At.ESCAPE:
            return At.STRING if byte in _ESCAPED else None
        return self._structure.get((at, byte))
