"""Answers that are labels of the study, none of them twice: a label, a separator, another label, …, or the one answer
that says that there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from recipes.transformers.vocabulary import Vocabulary


@dataclass
class _Node:
    """A place in an answer: so far into the labels that begin alike, or into a separator."""

    next: dict[int, int] = field(default_factory=dict)
    label: int | None = None
    """The label that is whole here."""
    below: int = 0
    """Labels that can still be finished from here, as bits."""
    rest: bytes = b""
    """In a separator: what is left of it."""


@dataclass(frozen=True)
class _Thread:
    """One way of reading the answer so far: a node, and the labels before it as bits."""

    node: int
    used: int


@dataclass(frozen=True)
class _Edge:
    """A token and where it leads; `done` are the labels that it leaves behind, as bits."""

    token: int
    node: int
    done: int


class LabelConstraint:
    """Made of bytes, so that a token may end one label and begin the next, as the tokenizer has it. An answer that can
    be read in two ways (a label may hold the separator) is followed in both."""

    def __init__(
        self, vocabulary: Vocabulary, labels: Sequence[str], between: str, none: str | None, *, single: bool
    ) -> None:
        self._vocabulary = vocabulary
        self._nodes = [_Node()]
        alone = none is not None and none not in labels
        written = [*labels, none] if alone else [*labels]
        self._labels = [str(label).encode() for label in written]
        self._all = (1 << len(labels)) - 1
        self._none = 1 << len(labels) if alone else 0
        for index, label in enumerate(self._labels):
            self._add(index, label)
        self._separator = None if single else self._add_separator(between.encode())
        self._edges: dict[int, list[_Edge]] = {}
        self._count = cache(vocabulary.count)
        longest = max((self._count(between.encode() + label) for label in self._labels), default=0)
        self._careful = longest + 2
        """With so many tokens left it is asked whether a label can still be finished."""

    def start(self) -> frozenset[_Thread]:
        """Before the first label."""
        return frozenset((_Thread(0, 0),))

    def allowed(self, state: frozenset[_Thread], left: int) -> tuple[Sequence[int], bool]:
        """Tokens towards a label that the answer does not have yet, and whether it may end: after a whole one."""
        may_end = any(self._is_whole(thread) for thread in state)
        steps = [(edge.token, there) for thread in state for edge, there in self._steps(thread)]
        if left <= self._careful:
            in_time = [step for step in steps if self._need(step[1]) + 1 <= left - 1]
            steps = in_time if in_time or may_end else steps
        return [token for token, _ in steps], may_end

    def advance(self, state: frozenset[_Thread], token: int) -> frozenset[_Thread]:
        """Every reading that the token leaves."""
        return frozenset(there for thread in state for edge, there in self._steps(thread) if edge.token == token)

    def _add(self, index: int, label: bytes) -> None:
        at = 0
        self._nodes[at].below |= 1 << index
        for byte in label:
            if byte not in self._nodes[at].next:
                self._nodes[at].next[byte] = len(self._nodes)
                self._nodes.append(_Node())
            at = self._nodes[at].next[byte]
            self._nodes[at].below |= 1 << index
        self._nodes[at].label = index

    def _add_separator(self, between: bytes) -> int:
        """The node before the separator; its last byte leads back to the labels."""
        first = len(self._nodes)
        for at, byte in enumerate(between):
            leads = 0 if at == len(between) - 1 else len(self._nodes) + 1
            self._nodes.append(_Node({byte: leads}, None, self._all, between[at:]))
        return first

    def _is_whole(self, thread: _Thread) -> bool:
        label = self._nodes[thread.node].label
        return label is not None and not thread.used >> label & 1

    def _steps(self, thread: _Thread) -> Iterator[tuple[_Edge, _Thread]]:
        for edge in self._edges_of(thread.node):
            if edge.done & thread.used:
                continue
            used = thread.used | edge.done
            if used:
                used |= self._none
            if self._nodes[edge.node].below & ~used:
                yield edge, _Thread(edge.node, used)

    def _edges_of(self, node: int) -> list[_Edge]:
        if node not in self._edges:
            along = self._vocabulary.along((node, 0), self._moves)
            self._edges[node] = [_Edge(token, there, done) for tokens, (there, done) in along for token in tokens]
        return self._edges[node]

    def _moves(self, place: tuple[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
        """`place` is a node and the labels that the token has left behind; no token writes one label twice."""
        at, done = place
        node = self._nodes[at]
        for byte, there in node.next.items():
            yield byte, (there, done)
        if node.label is None or self._separator is None:
            return
        label = 1 << node.label
        if label == self._none or label & done:
            return
        for byte, there in self._nodes[self._separator].next.items():
            yield byte, (there, done | label)

    def _need(self, thread: _Thread) -> int:
        """Tokens that are enough to finish a label from here."""
        node = self._nodes[thread.node]
        open = node.below & ~thread.used
        candidates = [index for index in range(len(self._labels)) if open >> index & 1]
        if node.rest:
            return min(self._count(node.rest + self._labels[index]) for index in candidates)
        depth = self._depth(thread.node)
        return min(self._count(self._labels[index][depth:]) for index in candidates)

    def _depth(self, node: int) -> int:
        """Bytes between the root and a node inside a label: every label below has as many."""
        below = self._nodes[node].below
        label = self._labels[(below & -below).bit_length() - 1]
        at = depth = 0
        while at != node:
            at = self._nodes[at].next[label[depth]]
            depth += 1
        return depth
