"""The Modelfile, without llama.cpp: templates in Ollama's language, parameters, system prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pytest

from recipes.common.encode import load_tokenizer
from recipes.gguf.modelfile import Turns, find_turns, modelfile, ollama_template, parameters, system_prompt
from recipes.tools.tiny_models import Family, make_tiny_model


def rendered(template: str) -> Any:
    compiled = jinja2.Environment().from_string(template)

    def render(messages: Sequence[Any], begins: bool) -> str:
        return compiled.render(messages=messages, add_generation_prompt=begins)

    return render


@pytest.mark.parametrize(
    ("family", "opening", "start"),
    [
        ("qwen2.5", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n", "<|im_start|>assistant\n"),
        ("qwen3", "", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
    ],
)
def test_the_texts_around_messages_are_those_of_the_chat_template(
    tmp_path: Path, family: Family, opening: str, start: str
) -> None:
    tokenizer = load_tokenizer(make_tiny_model(tmp_path / "model", family, tied=True))

    def render(messages: Sequence[Any], begins: bool) -> str:
        text = tokenizer.apply_chat_template(
            list(messages), tokenize=False, add_generation_prompt=begins, enable_thinking=False
        )
        assert isinstance(text, str)
        return text

    turns = find_turns(render)
    end = "<|im_end|>\n"
    assert turns == Turns(
        ("<|im_start|>system\n", end),
        ("<|im_start|>user\n", end),
        ("<|im_start|>assistant\n", end),
        opening,
        start,
        True,
    )
    assert ollama_template(turns) == (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ else }}" + opening + "{{ end }}"
        '{{ range .Messages }}{{ if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n{{ end }}'
        '{{ if eq .Role "assistant" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n{{ end }}{{ end }}' + start
    )


def test_a_template_without_system_messages_has_none() -> None:
    """Mistral's form: the turn of the assistant begins without a text of its own."""
    turns = find_turns(
        rendered(
            "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception() }}{% endif %}"
            "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>{% endif %}"
            "{% endfor %}"
        )
    )
    assert turns == Turns(None, ("[INST] ", " [/INST]"), (" ", "</s>"), "", "", True)
    assert ".System" not in ollama_template(turns)


def test_a_template_that_depends_on_the_turn_is_reported() -> None:
    numbered = "{% for m in messages %}{{ loop.index }}{{ m.role }}:{{ m.content }};{% endfor %}A:"
    turns = find_turns(rendered(numbered))
    # One question is always the first or follows the system message, but a second one has another number.
    assert turns is not None and not turns.several
    assert find_turns(rendered("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}")) is None
    text, notes = modelfile("m.gguf", turns, None, [])
    assert "one question does not" in notes[0] and text.startswith(f"# {notes[0]}\nFROM ./m.gguf\nTEMPLATE")
    text, notes = modelfile("m.gguf", None, 'Say """', [("temperature", "0")])
    assert len(notes) == 2 and "TEMPLATE" not in text and "SYSTEM" not in text
    assert text.endswith("PARAMETER temperature 0\n")


def test_braces_of_a_chat_template_are_no_actions_of_ollama() -> None:
    turns = Turns(None, ("{{ .Evil }}", ""), ("", ""), "", "", True)
    assert '{{ "{{" }} .Evil }}{{ .Content }}' in ollama_template(turns)


def test_only_a_system_prompt_of_all_rows_is_written() -> None:
    system, other = {"role": "system", "content": "A"}, {"role": "system", "content": "B"}
    user = {"role": "user", "content": "x"}
    assert system_prompt([[system, user], [system, user]]) == "A"
    assert system_prompt([[system, user], [other, user]]) is None
    assert system_prompt([[system, user], [user]]) is None
    assert system_prompt([[user]]) is None and system_prompt([]) is None


def test_parameters_choose_tokens_as_the_run_does() -> None:
    greedy = {"temperature": 0, "max_new_tokens": 64}
    assert parameters(greedy, ["<|im_end|>", 'a"\r\n'], 100) == [
        ("temperature", "0"),
        ("repeat_penalty", "1"),
        ("num_predict", "64"),
        ("num_ctx", "2048"),
        ("stop", '"<|im_end|>"'),
        ("stop", '"a\\"\\r\\n"'),
    ]
    drawn = dict(parameters({"temperature": 0.7, "max_new_tokens": 100, "seed": 3, "top_k": 5}, [], 4000))
    assert drawn["num_ctx"] == "5120" and drawn["seed"] == "3"
    assert (drawn["top_p"], drawn["top_k"], drawn["min_p"]) == ("1", "5", "0")
