"""The tokens of a model as the bytes that they write: what constraints on an answer are made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from recipes.common.protocol import StepFailed

Place = TypeVar("Place")
_LAST = b"\xff" * 2


class Vocabulary:
    """Every token that writes text, found by the bytes that it writes. Special tokens write none and are left out."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        characters = _byte_of_character()
        found: dict[bytes, list[int]] = {}
        special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
        added = {id: token.content for id, token in tokenizer.added_tokens_decoder.items()}
        for token, id in tokenizer.get_vocab().items():
            if id in special:
                continue
            if id in added:
                written = added[id].encode()
            elif all(character in characters for character in token):
                written = bytes(characters[character] for character in token)
            else:
                raise StepFailed(
                    "constrain-tokenizer",
                    f"answers can be constrained where tokens are bytes, and this tokenizer has {token!r}",
                    "Write generate.constrain: none, or take a model with a byte-level tokenizer, such as Qwen3.",
                )
            found.setdefault(written, []).append(id)
        found.pop(b"", None)
        self._tokens = sorted(found)
        self._ids = [found[written] for written in self._tokens]

    def items(self) -> Iterator[tuple[bytes, list[int]]]:
        """Every text with the tokens that write it."""
        return zip(self._tokens, self._ids, strict=True)

    def along(
        self, start: Place, moves: Callable[[Place], Iterable[tuple[int, Place]]]
    ) -> list[tuple[tuple[int, ...], Place]]:
        """All tokens that can be written from a place, with the place that each leads to, equal tokens together.
        `moves` gives the bytes that may come next and where they lead."""
        found = []
        todo: list[tuple[bytes, Place, int, int]] = [(b"", start, 0, len(self._tokens))]
        while todo:
            written, place, low, high = todo.pop()
            for byte, there in moves(place):
                longer = written + bytes((byte,))
                first = bisect_left(self._tokens, longer, low, high)
                if first == high or not self._tokens[first].startswith(longer):
                    continue
                if self._tokens[first] == longer:
                    found.append((tuple(self._ids[first]), there))
                end = bisect_left(self._tokens, longer + _LAST, first, high)
                if end > first + (self._tokens[first] == longer):
                    todo.append((longer, there, first, end))
        return found

    def count(self, text: bytes) -> int:
        """How many tokens are enough to write a text: the longest that fits, again and again."""
        at = tokens = 0
        while at < len(text):
            end = at + 1
            low, high = 0, len(self._tokens)
            for stop in range(at + 1, len(text) + 1):
                low = bisect_left(self._tokens, text[at:stop], low, high)
                if low == high or not self._tokens[low].startswith(text[at:stop]):
                    break
                if self._tokens[low] == text[at:stop]:
                    end = stop
            at, tokens = end, tokens + 1
        return tokens


def _byte_of_character() -> Mapping[str, int]:
    """How a byte-level tokenizer spells bytes: printable ones as themselves, the others in turn from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + at): byte for at, byte in enumerate(others)}
