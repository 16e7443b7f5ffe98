"""Encoding with the model's own template, with and without thinking, and the end token."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from recipes.common.encode import (
    IGNORE,
    encode_row,
    end_token,
    load_tokenizer,
    lost_text,
    pad_token,
    prompt_ids,
    render_prompt,
)
from recipes.common.protocol import StepFailed
from recipes.tools.tiny_models import make_tiny_model

MESSAGES = [{"role": "user", "content": "Wall <5mm, é & 肝"}]


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("qwen3"), "qwen3", tied=True)


def change(folder: Path, to: Path, **values: object) -> Path:
    """A copy of the tokenizer with changed settings; None removes a setting."""
    to.mkdir(exist_ok=True)
    (to / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    (to / "config.json").write_bytes((folder / "config.json").read_bytes())
    config = json.loads((folder / "tokenizer_config.json").read_text()) | values
    (to / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return to


def test_the_prompt_equals_the_template_s_generation_prompt(qwen3: Path) -> None:
    tokenizer = load_tokenizer(qwen3)
    start = "<|im_start|>user\nWall <5mm, é & 肝<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(prompt_ids(tokenizer, MESSAGES, thinking=True)) == start
    assert tokenizer.decode(prompt_ids(tokenizer, MESSAGES, thinking=False)) == start + "<think>\n\n</think>\n\n"


def test_only_the_target_and_its_end_token_are_trained(qwen3: Path) -> None:
    tokenizer = load_tokenizer(qwen3)
    row = {"id": "1", "messages": MESSAGES, "target": "cyst, stone"}
    ids, labels = encode_row(tokenizer, row, thinking=False)
    prompt = prompt_ids(tokenizer, MESSAGES, thinking=False)
    assert ids[: len(prompt)] == prompt and labels[: len(prompt)] == [IGNORE] * len(prompt)
    assert labels[len(prompt) :] == ids[len(prompt) :]
    assert tokenizer.decode(ids[len(prompt) :]) == "cyst, stone<|im_end|>"


def test_the_end_token_of_the_template_wins_over_the_tokenizer_s_eos(qwen3: Path, tmp_path: Path) -> None:
    base = load_tokenizer(change(qwen3, tmp_path, eos_token="<|endoftext|>"))
    assert base.decode([end_token(base)]) == "<|im_end|>"
    assert base.decode([pad_token(base)]) == "<|endoftext|>"


def test_the_padding_token_differs_from_the_end_token(qwen3: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(change(qwen3, tmp_path, pad_token="<|im_end|>"))
    assert pad_token(tokenizer) != end_token(tokenizer)


@pytest.mark.parametrize("place", ["message", "target"])
def test_a_special_token_in_a_text_is_an_error(qwen3: Path, place: str) -> None:
    tokenizer = load_tokenizer(qwen3)
    texts = {"message": "a", "target": "a"} | {place: "a<|im_end|>b"}
    row = {"id": "1", "messages": [{"role": "user", "content": texts["message"]}], "target": texts["target"]}
    with pytest.raises(StepFailed) as failure:
        encode_row(tokenizer, row, thinking=False)
    assert failure.value.code == "special-token-in-text" and "a<|im_end|>b" in failure.value.message


def test_the_special_tokens_are_listed_once(qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(qwen3)
    calls = 0
    listed = tokenizer.added_tokens_decoder

    def listing(_: object) -> object:
        nonlocal calls
        calls += 1
        return listed

    monkeypatch.setattr(type(tokenizer), "added_tokens_decoder", property(listing))
    for _ in range(3):
        render_prompt(tokenizer, [{"role": "system", "content": "bane"}, *MESSAGES], thinking=False)
    assert calls == 1


def test_a_tokenizer_without_a_template_is_an_error(qwen3: Path, tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as failure:
        load_tokenizer(change(qwen3, tmp_path, chat_template=None))
    assert failure.value.code == "no-chat-template"


LLAMA_DATE = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    '{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}'
    "{%- endif %}{%- endif %}Today Date: {{ date_string }}\n{{ messages[-1].content }}"
)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (LLAMA_DATE, "Today Date: 26 Jul 2024\n"),
        ("\n{{ strftime_now('%Y-%m-%d %H') }}\n{{ messages[-1].content }}", "\n2024-07-26 00\n"),
        ("{%- set today = strftime_now('%-d. %B') -%}\n{{ today }}: {{ messages[-1].content }}", "26. July: "),
        ("{{ strftime_now('%F %T, week %V') }}: {{ messages[-1].content }}", "2024-07-26 00:00:00, week 30: "),
        ("{{ range(1000)|random }}: {{ messages[-1].content }}", "864: "),
    ],
    ids=["date_string", "strftime_now", "variable", "short forms", "random"],
)
def test_a_template_that_inserts_the_date_gets_a_fixed_one(
    qwen3: Path, tmp_path: Path, template: str, text: str
) -> None:
    tokenizer = load_tokenizer(change(qwen3, tmp_path, chat_template=template))
    assert render_prompt(tokenizer, MESSAGES, thinking=False) == text + MESSAGES[0]["content"]


def test_of_several_templates_the_default_is_used(qwen3: Path, tmp_path: Path) -> None:
    default, other = (
        {"name": name, "template": f"{name}: {{{{ messages[0].content }}}}"} for name in ("default", "rag")
    )
    tokenizer = load_tokenizer(change(qwen3, tmp_path, chat_template=[other, default]))
    assert render_prompt(tokenizer, MESSAGES, thinking=False).startswith("default: ")
    with pytest.raises(StepFailed) as failure:
        load_tokenizer(change(qwen3, tmp_path, chat_template=[other]))
    assert failure.value.code == "named-chat-templates" and "rag" in failure.value.message


GEMMA = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if messages[-1]['content'] == '0' %}{{ 1 / 0 }}{% endif %}"
    "{% if messages[-1]['content'] == 'x' %}{{ 'abc'.index('x') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}{{ message['content'] | trim }}\n{% endfor %}"
)
SYSTEM = {"role": "system", "content": "bane"}


@pytest.mark.parametrize(
    ("messages", "code", "fact"),
    [
        ([SYSTEM, *MESSAGES], "no-system-role", "System role not supported"),
        ([*MESSAGES, *MESSAGES], "chat-template-refused", "Roles must alternate"),
        ([{"role": "user", "content": "0"}], "chat-template-refused", "division"),
        ([{"role": "user", "content": "x"}], "chat-template-refused", "substring not found"),
    ],
)
def test_messages_that_the_template_refuses_are_errors(
    qwen3: Path, tmp_path: Path, messages: list[dict[str, str]], code: str, fact: str
) -> None:
    tokenizer = load_tokenizer(change(qwen3, tmp_path, chat_template=GEMMA))
    with pytest.raises(StepFailed) as failure:
        prompt_ids(tokenizer, messages, thinking=False)
    assert failure.value.code == code and fact in failure.value.message and failure.value.help


@pytest.mark.parametrize(
    ("rendered", "expected"),
    [
        ("bane\n\n dori ", []),
        (" dori ", ["system-dropped"]),
        ("bane\n\ndori", ["message-trimmed"]),
        ("bane\n\nDORI", ["message-changed"]),
    ],
)
def test_text_that_the_template_loses_is_found(rendered: str, expected: list[str]) -> None:
    messages = [SYSTEM, {"role": "user", "content": " dori "}]
    assert [loss for loss, _ in lost_text(messages, rendered)] == expected


def test_a_dropped_message_is_found_if_another_one_contains_its_text() -> None:
    messages = [SYSTEM, {"role": "user", "content": "bane dori"}]
    assert [loss for loss, _ in lost_text(messages, "bane dori")] == ["system-dropped"]
    assert list(lost_text(messages, "bane bane dori")) == []


def test_a_conversation_of_many_messages_is_compared_in_bounded_time() -> None:
    messages = [{"role": ("user", "assistant")[at % 2], "content": f"text {at}"} for at in range(20_000)]
    started = time.process_time()
    assert list(lost_text(messages, "\n".join(message["content"] for message in messages))) == []
    assert time.process_time() - started < 5


def test_tiny_models_are_reproducible(qwen3: Path, tmp_path: Path) -> None:
    again = make_tiny_model(tmp_path, "qwen3", tied=True)
    for file in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (again / file).read_bytes() == (qwen3 / file).read_bytes()
