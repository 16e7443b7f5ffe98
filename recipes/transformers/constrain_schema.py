"""The constraint to a JSON object of a schema: one line, one space after each comma and colon, keys in the order of the
schema. That is the form in which targets are taught.

It enforces types, enum, const, properties, required, the numbers of list items, and the format `date`. It does not
enforce other limits of values: length, range, pattern, other formats, uniqueness.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import torch

from recipes.common.protocol import StepFailed
from recipes.transformers.constrain_json import IN_STRINGS, LEADS, TAILS, At
from recipes.transformers.vocabulary import Vocabulary

_ESCAPED = b'"\\/bfnrt'
_QUOTE, _BACKSLASH = b'"\\'
_MOST_BYTES = 10_000
"""Bytes of the shortest value of a subschema."""
_MOST_DIGITS = 15
"""Digits of a number that every JSON reader keeps."""
_DIGITS = range(ord("0"), ord("9") + 1)

Symbol = tuple[Any, ...]
Stack = tuple[Symbol, ...]
"""What an answer still has to contain, the next first. Symbols: ("text", bytes), ("value", node), ("one", bytes of
which one follows), ("choice", texts of which one follows), ("string", position), ("number", is integer, part, digits),
("keys", node, next property, whether one was written), ("items", node, count)."""
State = frozenset[Stack]


@dataclass
class _Node:
    """A subschema. Exactly one of the first four fields is set."""

    texts: tuple[bytes, ...] = ()
    """All values, written as JSON."""
    choices: tuple[int, ...] = ()
    """Nodes of the alternatives."""
    properties: tuple[tuple[bytes, int, bool], ...] | None = None
    """(key with quotes and colon, node, whether it is required) of an object."""
    items: int | None = None
    least: int = 0
    most: int | None = None
    scalar: str = ""
    """"string", "text" (a string that is not empty), "integer" or "number"."""
    shortest: bytes | None = None


@dataclass
class _Edges:
    """The tokens that are possible from a stack, as groups with equal states after them."""

    groups: list[tuple[torch.Tensor, State]] = field(default_factory=list)
    ids: torch.Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))


class SchemaConstraint:
    """Follows all readings of the answer, as keys and enum values may share a start."""

    def __init__(self, vocabulary: Vocabulary, schema: dict[str, Any]) -> None:
        self._vocabulary = vocabulary
        self._bytes = {id: written for written, ids in vocabulary.items() for id in ids}
        self._document = schema
        self._nodes: list[_Node] = []
        self._known: dict[int, tuple[int, dict[str, Any]]] = {}
        root = self._compile(schema)
        self._find_shortest()
        if self._nodes[root].shortest is None:
            raise StepFailed(
                "constrain-schema",
                f"generate.constrain: schema needs an object of at most {_MOST_BYTES} bytes that meets the schema",
                "Make a key of the subschema that refers to itself optional, or lower minItems.",
            )
        self._start: State = frozenset((((("value", root)),),))
        self._edges: dict[Stack, _Edges] = {}
        self._needs: dict[Stack, int] = {}
        self._in_string: dict[At, tuple[dict[At, torch.Tensor], dict[bytes, list[int]]]] = {}
        self._margin = 2 * max(vocabulary.count(text) for text in self._pieces()) + 4
        """With this many tokens more than the object needs, or fewer, `allowed` checks that it can be completed."""

    def start(self) -> State:
        """The state before the object."""
        return self._start

    def allowed(self, state: State, left: int) -> tuple[Sequence[int] | torch.Tensor, bool]:
        """Every token that keeps the answer a start of an object of the schema. Near the limit only those after which
        the object can still be completed."""
        may_end = () in state
        edges = [self._edges_of(stack) for stack in state if stack]
        if not edges:
            return [], may_end
        if left > self._need(state) + self._margin:
            return (edges[0].ids if len(edges) == 1 else torch.cat([one.ids for one in edges])), may_end
        groups = [group for one in edges for group in one.groups]
        closing = [ids for ids, after in groups if self._need(after) + 1 <= left - 1]
        chosen = closing or ([] if may_end else [ids for ids, _ in groups])
        return (torch.cat(chosen) if chosen else []), may_end

    def advance(self, state: State, token: int) -> State:
        """The state after a token."""
        return self._run(state, self._bytes[token])

    # The schema as nodes.

    def _compile(self, schema: dict[str, Any]) -> int:
        if id(schema) in self._known:
            return self._known[id(schema)][0]
        number = len(self._nodes)
        self._known[id(schema)] = (number, schema)
        node = _Node()
        self._nodes.append(node)
        if "enum" in schema or "const" in schema:
            values = schema.get("enum", [schema.get("const")])
            node.texts = tuple(_written(value) for value in values)
        elif "$ref" in schema:
            node.choices = (self._compile(_target(self._document, schema["$ref"])),)
        elif "anyOf" in schema or "oneOf" in schema:
            node.choices = tuple(self._compile(one) for one in schema.get("anyOf") or schema["oneOf"])
        elif isinstance(schema["type"], list):
            node.choices = tuple(self._compile({**schema, "type": one}) for one in schema["type"])
        else:
            self._compile_type(node, schema["type"], schema)
        return number

    def _compile_type(self, node: _Node, name: str, schema: dict[str, Any]) -> None:
        if name == "object":
            required = set(schema.get("required", []))
            node.properties = tuple(
                (_written(key) + b": ", self._compile(one), key in required)
                for key, one in schema.get("properties", {}).items()
            )
        elif name == "array":
            node.items = self._compile(schema["items"])
            node.least, node.most = schema.get("minItems", 0), schema.get("maxItems")
        elif name == "boolean":
            node.texts = (b"true", b"false")
        elif name == "null":
            node.texts = (b"null",)
        elif name == "string" and schema.get("format") == "date":
            node.scalar = "date"
        elif name == "string":
            node.scalar = "text" if schema.get("minLength", 0) > 0 else "string"
        else:
            node.scalar = name

    def _find_shortest(self) -> None:
        """The shortest value of each node; None for a node without a finite value."""
        changed = True
        while changed:
            changed = False
            for node in self._nodes:
                found = self._shortest_of(node)
                if (
                    found is not None
                    and len(found) <= _MOST_BYTES
                    and (node.shortest is None or len(found) < len(node.shortest))
                ):
                    node.shortest = found
                    changed = True

    def _pieces(self) -> Iterator[bytes]:
        """What a byte of an answer may start: values, and keys with a value."""
        for node in self._nodes:
            yield node.shortest or b""
            yield from node.texts
            for key, value, _ in node.properties or ():
                yield b", " + key + (self._nodes[value].shortest or b"")

    def _shortest_of(self, node: _Node) -> bytes | None:
        if node.scalar:
            return {"string": b'""', "text": b'"a"', "date": b'"2000-01-01"'}.get(node.scalar, b"0")
        if node.properties is not None:
            parts = [(key, self._nodes[one].shortest) for key, one, required in node.properties if required]
            written = [key + one for key, one in parts if one is not None]
            return b"{" + b", ".join(written) + b"}" if len(written) == len(parts) else None
        if node.items is not None:
            item = self._nodes[node.items].shortest
            if node.least == 0:
                return b"[]"
            return None if node.least > _MOST_BYTES or item is None else b"[" + b", ".join([item] * node.least) + b"]"
        others = (self._nodes[one].shortest for one in node.choices)
        return min((*node.texts, *(one for one in others if one is not None)), key=len, default=None)

    # Stacks.

    def _expanded(self, stack: Stack) -> Iterator[Stack]:
        """The stacks that a stack can be, each of which starts with a symbol that takes a byte."""
        todo = [stack]
        while todo:
            first = todo.pop()
            if not first:
                yield first
                continue
            (kind, *rest), after = first[0], first[1:]
            if kind == "value":
                todo.extend(self._values(rest[0], after))
            elif kind == "keys":
                todo.extend(self._keys(rest[0], rest[1], rest[2], after))
            elif kind == "items":
                todo.extend(self._items(rest[0], rest[1], after))
            else:
                if kind == "number" and rest[1] in ("zero", "whole", "fraction"):
                    todo.append(after)
                yield first

    def _values(self, number: int, after: Stack) -> Iterator[Stack]:
        node = self._nodes[number]
        for text in node.texts:
            yield (("text", text), *after)
        for choice in node.choices:
            yield (("value", choice), *after)
        if node.properties is not None:
            yield (("text", b"{"), ("keys", number, 0, False), *after)
        if node.items is not None:
            yield (("text", b"["), ("items", number, 0), *after)
        if node.scalar == "date":
            yield (("text", b'"'), *_DATE, ("text", b'"'), *after)
        elif node.scalar in ("string", "text"):
            at = At.STRING if node.scalar == "string" else At.EMPTY
            yield (("text", b'"'), ("string", at), *after)
        elif node.scalar:
            yield (("number", node.scalar == "integer", "start", 0), *after)

    def _keys(self, number: int, first: int, written: bool, after: Stack) -> Iterator[Stack]:
        properties = self._nodes[number].properties or ()
        for at in range(first, len(properties)):
            key, value, required = properties[at]
            if self._nodes[value].shortest is not None:
                before = b", " if written else b""
                yield (("text", before + key), ("value", value), ("keys", number, at + 1, True), *after)
            if required:
                return
        yield (("text", b"}"), *after)

    def _items(self, number: int, count: int, after: Stack) -> Iterator[Stack]:
        node = self._nodes[number]
        assert node.items is not None
        if count >= node.least:
            yield (("text", b"]"), *after)
        if (node.most is None or count < node.most) and self._nodes[node.items].shortest is not None:
            counted = min(count + 1, node.most or node.least or 1)
            item = (("value", node.items), ("items", number, max(counted, 1)), *after)
            yield (("text", b", "), *item) if count > 0 else item

    def _moves(self, stack: Stack) -> Iterator[tuple[int, Stack]]:
        """(byte, stack after it)."""
        for first in self._expanded(stack):
            if not first:
                continue
            (kind, *rest), after = first[0], first[1:]
            if kind == "text":
                text: bytes = rest[0]
                yield text[0], after if len(text) == 1 else (("text", text[1:]), *after)
            elif kind == "one":
                for byte in rest[0]:
                    yield byte, after
            elif kind == "choice":
                for byte in sorted({text[0] for text in rest[0]}):
                    tails = tuple(text[1:] for text in rest[0] if text[0] == byte)
                    yield byte, after if tails == (b"",) else (("choice", tails), *after)
            elif kind == "number":
                for byte, part, digits in _number_moves(*rest):
                    yield byte, (("number", rest[0], part, digits), *after)
            else:
                for byte, at in _string_moves(rest[0]):
                    yield byte, after if at is At.AFTER else (("string", at), *after)

    def _run(self, state: State, written: bytes) -> State:
        for byte in written:
            state = frozenset(after for stack in state for found, after in self._moves(stack) if found == byte)
        return state

    def _edges_of(self, stack: Stack) -> _Edges:
        if stack not in self._edges:
            found: dict[State, list[int]] = {}
            edges = _Edges()
            head = stack[0]
            if head[0] == "string":
                inside, closing = self._string_tokens(head[1])
                for at, ids in inside.items():
                    edges.groups.append((ids, frozenset(((("string", at), *stack[1:]),))))
                for rest, closers in closing.items():
                    after = self._run(frozenset((stack[1:],)), rest)
                    if after:
                        found.setdefault(after, []).extend(closers)
            else:
                ways: dict[tuple[int, ...], set[Stack]] = {}
                for tokens, place in self._vocabulary.along(stack, self._moves):
                    ways.setdefault(tokens, set()).add(place)
                for tokens, places in ways.items():
                    found.setdefault(frozenset(places), []).extend(tokens)
            edges.groups.extend((torch.tensor(ids, dtype=torch.long), after) for after, ids in found.items())
            if edges.groups:
                edges.ids = torch.cat([ids for ids, _ in edges.groups])
            self._edges[stack] = edges
        return self._edges[stack]

    def _string_tokens(self, start: At) -> tuple[dict[At, torch.Tensor], dict[bytes, list[int]]]:
        """The tokens that stay in a string, by the position after them, and those that end it, by the bytes after its
        quote."""
        if start not in self._in_string:
            inside: dict[At, list[int]] = {}
            closing: dict[bytes, list[int]] = {}
            for written, ids in self._vocabulary.items():
                if start is At.STRING and not written.translate(None, IN_STRINGS):
                    inside.setdefault(At.STRING, []).extend(ids)
                    continue
                at = start
                for index, byte in enumerate(written):
                    after = next((after for found, after in _string_moves(at) if found == byte), None)
                    if after is At.AFTER:
                        closing.setdefault(written[index + 1 :], []).extend(ids)
                    if after is None or after is At.AFTER:
                        break
                    at = after
                else:
                    inside.setdefault(at, []).extend(ids)
            tensors = {at: torch.tensor(ids, dtype=torch.long) for at, ids in inside.items()}
            self._in_string[start] = (tensors, closing)
        return self._in_string[start]

    def _need(self, state: State) -> int:
        """Upper bound of the number of tokens that complete the object."""
        return min(self._need_of(stack) for stack in state)

    def _need_of(self, stack: Stack) -> int:
        if stack not in self._needs:
            self._needs[stack] = self._vocabulary.count(b"".join(self._ending(symbol) for symbol in stack))
        return self._needs[stack]

    def _ending(self, symbol: Symbol) -> bytes:
        """The shortest text of a symbol."""
        kind, *rest = symbol
        if kind == "text":
            text: bytes = rest[0]
            return text
        if kind == "value":
            return self._nodes[rest[0]].shortest or b""
        if kind == "one":
            first: int = rest[0][0]
            return bytes((first,))
        if kind == "choice":
            texts: list[bytes] = list(rest[0])
            return min(texts, key=len)
        if kind == "string":
            return _string_ending(rest[0])
        if kind == "number":
            return b"" if rest[1] in ("zero", "whole", "fraction") else b"0"
        if kind == "items":
            node = self._nodes[rest[0]]
            assert node.items is not None
            item = self._nodes[node.items].shortest or b""
            missing: int = max(node.least - rest[1], 0)
            return (b", " + item) * missing + b"]"
        properties = self._nodes[rest[0]].properties or ()
        needed = [key + (self._nodes[one].shortest or b"") for key, one, required in properties[rest[1] :] if required]
        return (b", " if rest[2] and needed else b"") + b", ".join(needed) + b"}"


_DATE: Stack = (
    *((("one", tuple(_DIGITS)),) * 4),
    ("text", b"-"),
    ("choice", tuple(f"{month:02}".encode() for month in range(1, 13))),
    ("text", b"-"),
    ("choice", tuple(f"{day:02}".encode() for day in range(1, 32))),
)
"""A date. Each month can have 31 days: an answer with another day does not meet the schema."""


def _written(value: Any) -> bytes:
    """A value as targets write it."""
    return json.dumps(value, ensure_ascii=False).encode()


def _target(document: dict[str, Any], ref: str) -> dict[str, Any]:
    """The subschema to which `$ref` leads: a JSON pointer into the document. `exp check` has tested it."""
    found: Any = document
    for token in ref.removeprefix("#").split("/")[1:]:
        key = unquote(token).replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else found[key]
    assert isinstance(found, dict)
    return found


def _number_moves(is_integer: bool, part: str, digits: int) -> Iterator[tuple[int, str, int]]:
    """(byte, part, number of digits) after each byte of a number without exponent."""
    if part == "start":
        yield ord("-"), "sign", 0
    if part in ("start", "sign"):
        yield ord("0"), "zero", 1
        for byte in _DIGITS[1:]:
            yield byte, "whole", 1
    if digits < _MOST_DIGITS:
        if part == "whole":
            for byte in _DIGITS:
                yield byte, "whole", digits + 1
        if part in ("zero", "whole") and not is_integer:
            yield ord("."), "point", digits
        if part in ("point", "fraction"):
            for byte in _DIGITS:
                yield byte, "fraction", digits + 1


def _string_moves(at: At) -> Iterator[tuple[int, At]]:
    """(byte, position after it) within a string; `At.AFTER` after its closing quote."""
    if at in (At.EMPTY, At.STRING):
        for byte in IN_STRINGS:
            yield byte, At.STRING
        yield _BACKSLASH, At.ESCAPE
        if at is At.STRING:
            yield _QUOTE, At.AFTER
        for low, high, after in LEADS:
            for byte in range(low, high + 1):
                yield byte, after
    elif at is At.ESCAPE:
        for byte in _ESCAPED:
            yield byte, At.STRING
    else:
        low, high, after = TAILS[at]
        for byte in range(low, high + 1):
            yield byte, after


def _string_ending(at: At) -> bytes:
    """The shortest text from a position in a string to its end."""
    written = b""
    while at is not At.AFTER:
        if at is At.STRING:
            return written + b'"'
        byte, at = (ord("a"), At.STRING) if at is At.EMPTY else next(_string_moves(at))
        written += bytes((byte,))
    return written
