"""The Modelfile of an export: how Ollama renders a conversation and chooses tokens, so that it asks the model as exp
did.

Ollama has templates in a language of its own and does not run a model's chat template. `find_turns` finds the text
around each message by rendering conversations, and compares what Ollama makes of its result with the chat template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, str]
Render = Callable[[Sequence[Message], bool], str]
"""(messages, whether the assistant's turn begins after them) -> text in the model's chat template."""

_MARKS = {"system": "\ue000s\ue000", "user": "\ue000u\ue000", "assistant": "\ue000a\ue000"}
"""Texts of messages that occur in no template."""

_SMALLEST_CONTEXT = 2048


@dataclass(frozen=True)
class Turns:
    """The texts around the messages of each role, the text at the start without a system message, and the start of the
    assistant's turn. `several`: whether a conversation of several turns is rendered as in the chat template too."""

    system: tuple[str, str] | None
    user: tuple[str, str]
    assistant: tuple[str, str]
    without_system: str
    start: str
    several: bool


def find_turns(render: Render) -> Turns | None:
    """The texts of a chat template; None if they do not give what it gives for one question, with or without a system
    message."""

    def message(role: str) -> Message:
        return {"role": role, "content": _MARKS[role]}

    def tried(roles: Sequence[str], begins: bool) -> str | None:
        try:
            return render([message(role) for role in roles], begins)
        except Exception:  # The template refuses the roles.
            return None

    one, without_start = tried(["user"], True), tried(["user"], False)
    asked, together = tried(["user", "assistant", "user"], True), tried(["system", "user"], True)
    user = _MARKS["user"]
    if one is None or one.count(user) != 1 or without_start is None or not one.startswith(without_start):
        return None
    head, tail = without_start.split(user)
    start = one[len(without_start) :]
    several = asked is not None and asked.count(_MARKS["assistant"]) == 1 and asked.count(user) == 2
    assistant, before = ("", ""), head
    if several:
        assert asked is not None
        first, second = asked.split(_MARKS["assistant"])
        opening = first.split(user)[1].removeprefix(tail)
        between = second.split(user)[0]
        before = _common_end(head, between)
        # The end of an answer can equal the end of the message before the question: "<|im_end|>".
        answered = tried(["user", "assistant"], False)
        closing = "" if answered is None else answered.split(_MARKS["assistant"])[-1]
        if between.startswith(closing) and before.endswith(between[len(closing) :]):
            before = between[len(closing) :]
        assistant = (opening, between[: len(between) - len(before)])
    system = None
    if together is not None and together.count(_MARKS["system"]) == 1 and together.count(user) == 1:
        opening, rest = together.split(_MARKS["system"])
        between = rest.split(user)[0]
        if between.endswith(before):
            system = (opening, between[: len(between) - len(before)])
    turns = Turns(system, (before, tail), assistant, head[: len(head) - len(before)], start, several)
    if _rendered(turns, ["user"]) != one or (system is not None and _rendered(turns, ["system", "user"]) != together):
        return None
    if several and _rendered(turns, ["user", "assistant", "user"]) != asked:
        return Turns(system, (before, tail), assistant, turns.without_system, start, False)
    return turns


def _common_end(left: str, right: str) -> str:
    length = 0
    while length < min(len(left), len(right)) and left[-1 - length] == right[-1 - length]:
        length += 1
    return left[len(left) - length :]


def _rendered(turns: Turns, roles: Sequence[str]) -> str:
    """What Ollama makes of `ollama_template`."""
    around = {"user": turns.user, "assistant": turns.assistant, "system": turns.system or ("", "")}
    begin = "" if roles[0] == "system" else turns.without_system
    return begin + "".join(around[role][0] + _MARKS[role] + around[role][1] for role in roles) + turns.start


def ollama_template(turns: Turns) -> str:
    """A template in Ollama's language."""

    def text(value: str) -> str:
        return value.replace("{{", '{{ "{{" }}')

    def role(name: str, around: tuple[str, str]) -> str:
        return f'{{{{ if eq .Role "{name}" }}}}{text(around[0])}{{{{ .Content }}}}{text(around[1])}{{{{ end }}}}'

    parts = []
    if turns.system is not None:
        system = f"{text(turns.system[0])}{{{{ .System }}}}{text(turns.system[1])}"
        parts.append(f"{{{{ if .System }}}}{system}{{{{ else }}}}{text(turns.without_system)}{{{{ end }}}}")
    else:
        parts.append(text(turns.without_system))
    parts.append(
        f"{{{{ range .Messages }}}}{role('user', turns.user)}{role('assistant', turns.assistant)}{{{{ end }}}}"
    )
    parts.append(text(turns.start))
    return "".join(parts)


def system_prompt(rows: Sequence[Sequence[Message]]) -> str | None:
    """The text of the system message that all prompts begin with; None if they do not."""
    found = {row[0]["content"] if row and row[0]["role"] == "system" else None for row in rows}
    return found.pop() if len(found) == 1 else None


def parameters(settings: Mapping[str, Any], stops: Sequence[str], longest: int) -> list[tuple[str, str]]:
    """The parameters of a Modelfile. `settings` are the keys of `generate`, `longest` the most tokens of a prompt.
    Those of Ollama's own that would change the choice of tokens are switched off."""
    temperature = settings["temperature"]
    needed = longest + settings["max_new_tokens"]
    chosen: list[tuple[str, Any]] = [
        ("temperature", temperature),
        ("repeat_penalty", 1),
        ("num_predict", settings["max_new_tokens"]),
        ("num_ctx", max(_SMALLEST_CONTEXT, -(-needed // 1024) * 1024)),
    ]
    if temperature > 0:
        chosen += [("top_p", settings.get("top_p") or 1), ("top_k", settings.get("top_k") or 0), ("min_p", 0)]
        if settings.get("seed") is not None:
            chosen.append(("seed", settings["seed"]))
    return [(name, str(value)) for name, value in chosen] + [("stop", _quoted(stop)) for stop in stops]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def modelfile(
    file: str, turns: Turns | None, system: str | None, chosen: Sequence[tuple[str, str]]
) -> tuple[str, list[str]]:
    """The text of a Modelfile, and what Ollama will do differently than exp."""
    notes = []
    lines = [f"FROM ./{file}"]
    template = None if turns is None else ollama_template(turns)
    if template is not None and '"""' not in template:
        lines.append(f'TEMPLATE """{template}"""')
    else:
        notes.append("the chat template cannot be written in Ollama's language: Ollama chooses a template of its own")
    if turns is not None and not turns.several:
        notes.append("a conversation of several turns differs from the chat template; one question does not")
    if system is not None:
        if '"""' in system:
            notes.append('the system prompt contains """ and is left out: send it with each request')
        else:
            lines.append(f'SYSTEM """{system}"""')
    lines += [f"PARAMETER {name} {value}" for name, value in chosen]
    return "".join(f"{line}\n" for line in [*(f"# {note}" for note in notes), *lines]), notes
