"""The tokens of a model as bytes, for constraints on answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from recipes.common.protocol import StepFailed

Place = TypeVar("Place")
_LAST = b"\xff" * 2


class Vocabulary:
    """Every token with a text, by its bytes. Special tokens are left out."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, key: str = "generate.constrain") -> None:
        """`key` is the setting that needs the bytes, for the message to the user."""
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
                    f"{key} needs a byte-level tokenizer, but this one has the token {token!r}",
                    f"Set {key.split(':')[0]}: none, or use a model with a byte-level tokenizer, such as Qwen3.",
                )
            found.setdefault(written, []).append(id)
        found.pop(b"", None)
        self._tokens = sorted(found)
        self._ids = [found[written] for written in self._tokens]

    def items(self) -> Iterator[tuple[bytes, list[int]]]:
        """(bytes, ids of the tokens with these bytes)."""
        return zip(self._tokens, self._ids, strict=True)

    def along(
        self, start: Place, moves: Callable[[Place], Iterable[tuple[int, Place]]]
    ) -> list[tuple[tuple[int, ...], Place]]:
        """All tokens that are possible from a place, with the place after each; tokens of equal bytes are grouped.
        `moves` yields (byte, place after it) for a place."""
        found = []
        todo: list[tuple[bytes, Place, int, int]] = [(b"", start, 0, len(self._tokens))]
        while todo:
            written, place, low, high = todo.pop()
            for byte, after in moves(place):
                longer = written + bytes((byte,))
                first = bisect_left(self._tokens, longer, low, high)
                if first == high or not self._tokens[first].startswith(longer):
                    continue
                if self._tokens[first] == longer:
                    found.append((tuple(self._ids[first]), after))
                end = bisect_left(self._tokens, longer + _LAST, first, high)
                if end > first + (self._tokens[first] == longer):
                    todo.append((longer, after, first, end))
        return found

    def count(self, text: bytes) -> int:
        """Number of tokens of a text by greedy longest match: an upper bound of the number that is needed."""
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
    """The characters by which a byte-level tokenizer represents bytes: printable bytes represent themselves, the others
    are U+0100 and following."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + at): byte for at, byte in enumerate(others)}
