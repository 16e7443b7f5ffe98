"""The token paths by which an answer can name each label of a study: tries whose edges are tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from recipes.transformers.vocabulary import Vocabulary


@dataclass
class Node:
    """A place in a trie. `children` maps a token to a node. `endings` has, for each label that can end here, the
    columns of the tokens that end it."""

    children: dict[int, int] = field(default_factory=dict)
    endings: list[tuple[int, np.ndarray]] = field(default_factory=list)
    labels: set[int] = field(default_factory=set)
    """Labels that end here or further down."""


class Trie:
    """The paths of all labels from one kind of place. Node 0 is the root."""

    def __init__(self) -> None:
        self.nodes = [Node()]

    def add(self, label: int, path: Sequence[int], columns: np.ndarray) -> None:
        """Add a path and the columns of the tokens that end the label after it."""
        at = 0
        self.nodes[at].labels.add(label)
        for token in path:
            if token not in self.nodes[at].children:
                self.nodes[at].children[token] = len(self.nodes)
                self.nodes.append(Node())
            at = self.nodes[at].children[token]
            self.nodes[at].labels.add(label)
        self.nodes[at].endings.append((label, columns))


@dataclass(frozen=True)
class Slot:
    """A place of an answer at which a label can come next: after `at` tokens of the answer."""

    trie: Trie
    at: int


class LabelPaths:
    """Paths are the tokens that the tokenizer gives for a label, not every sequence of tokens with the same text.

    A separator can merge with the end of a label into one token (".\\n"). The path of a label that ends so branches off
    before its last tokens, and so does every label that comes after it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, answers: Mapping[str, Any], ends: frozenset[int]) -> None:
        """`answers` is the study's answers.json: {"labels", "between", "none", "single"}."""
        vocabulary = Vocabulary(tokenizer, "generate.scores: labels")
        self._tokenizer = tokenizer
        self._bytes = {id: written for written, ids in vocabulary.items() for id in ids}
        self._written: list[str] = answers["labels"]
        single: bool = answers["single"]
        self.labels = [
            written if single or not written.startswith('"') else json.loads(written) for written in self._written
        ]
        self._between: str | None = None if single else answers["between"]
        self._ends = ends
        self._columns: dict[int, int] = {}
        self._enders: dict[bytes, np.ndarray] = {}
        self._open: dict[str, bytes] = {}
        self._first = self._trie("")
        self._after: dict[bytes, Trie] = {}
        if self._between is not None:
            for text in ["", *self._written]:
                rest = self._rest(text)
                if rest not in self._after:
                    self._after[rest] = self._trie(rest.decode(errors="replace") + self._between)
        self.tracked = list(self._columns)
        """Tokens whose probability the scores need; their places are the columns of `Node.endings`."""

    def column(self, token: int) -> int:
        """The place of a token in `tracked`."""
        return self._columns[token]

    def slots(self, ids: Sequence[int], *, complete: bool) -> list[Slot]:
        """The slots of an answer, whose token ids come without the end token. `complete`: the answer was not cut off.
        A slot that begins within a token of the answer is left out."""
        found = [Slot(self._first, 0)]
        if self._between is None:
            return found
        places = {0: 0}
        written = b""
        for at, token in enumerate(ids):
            written += self._bytes.get(token, b"\xff")
            places[len(written)] = at + 1
        between = self._between.encode()
        segments = written.split(between)
        end = 0
        for segment in segments if complete else segments[:-1]:
            end += len(segment)
            rest = self._rest(segment.decode(errors="replace"))
            if segment and rest in self._after and end - len(rest) in places:
                found.append(Slot(self._after[rest], places[end - len(rest)]))
            end += len(between)
        return found

    def _trie(self, before: str) -> Trie:
        """The paths of all labels after the text `before`."""
        trie = Trie()
        for label, written in enumerate(self._written):
            path = self._ids(before + written)
            self._track([*path, *self._ends])
            ends = self._columns_of(self._ends)
            if self._between is None:
                trie.add(label, path, ends)
                continue
            rest = self._rest(before + written)
            if rest:
                trie.add(label, path, np.concatenate([ends, self._enders_of(b"")]))
                trie.add(label, path[: self._kept(path, rest)], self._enders_of(rest))
            else:
                trie.add(label, path, np.concatenate([ends, self._enders_of(b"")]))
        return trie

    def _rest(self, text: str) -> bytes:
        """The end of a text that is in another token if a separator follows; empty if the text keeps its tokens."""
        if text not in self._open:
            alone = self._ids(text)
            more = self._ids(text + (self._between or "") + (self._written or [""])[0])
            kept = next((at for at, token in enumerate(alone) if more[at : at + 1] != [token]), len(alone))
            self._open[text] = b"".join(self._bytes.get(token, b"\xff") for token in alone[kept:])
        return self._open[text]

    def _kept(self, path: Sequence[int], rest: bytes) -> int:
        kept = len(path)
        size = 0
        while size < len(rest):
            kept -= 1
            size += len(self._bytes.get(path[kept], b"\xff"))
        return kept

    def _enders_of(self, rest: bytes) -> np.ndarray:
        """Columns of the tokens that end a label by its `rest` and a separator, or the start of one."""
        if rest not in self._enders:
            whole = rest + (self._between or "").encode()
            tokens = [
                id
                for id, written in self._bytes.items()
                if written.startswith(whole) or (len(written) > len(rest) and whole.startswith(written))
            ]
            self._track(tokens)
            self._enders[rest] = self._columns_of(tokens)
        return self._enders[rest]

    def _track(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self._columns.setdefault(token, len(self._columns))

    def _columns_of(self, tokens: Iterable[int]) -> np.ndarray:
        return np.array([self._columns[token] for token in tokens], dtype=np.int64)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])
