"""Chat templates that take all time or memory."""

import resource
import signal
import threading
import time
from pathlib import Path

import pytest

from recipes.common.bounded import bounded
from recipes.common.encode import load_tokenizer, prompt_ids
from recipes.common.protocol import StepFailed
from recipes.common.test_encode import change
from recipes.tools.tiny_models import make_tiny_model

_NESTED = (
    "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
)
_DOUBLING = "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("qwen3"), "qwen3", tied=True)


@pytest.mark.parametrize(
    "template",
    [_NESTED, _DOUBLING, "{{ 'x'.ljust(99999999999) }}", "{{ 'x' * 99999999999 }}", "{{ '%99999999999d' % 1 }}"],
)
def test_a_chat_template_without_bounds_is_refused(qwen3: Path, tmp_path: Path, template: str) -> None:
    tokenizer = load_tokenizer(change(qwen3, tmp_path, chat_template=template))
    limits = resource.getrlimit(resource.RLIMIT_AS)
    started = time.monotonic()
    with pytest.raises(StepFailed) as failed:
        prompt_ids(tokenizer, [{"role": "user", "content": "text"}], thinking=False)
    assert failed.value.code == "chat-template-limit"
    assert time.monotonic() - started < 60
    assert resource.getrlimit(resource.RLIMIT_AS) == limits
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_body_within_its_limits_changes_nothing() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    with bounded("code", "the body", "help"):
        block = bytearray(100 << 20)
    assert len(block) == 100 << 20
    assert signal.getsignal(signal.SIGALRM) == handler
    assert resource.getrlimit(resource.RLIMIT_AS) == limits


def test_other_threads_have_no_limit_of_time() -> None:
    ended = threading.Event()

    def work() -> None:
        with bounded("code", "the body", "help", seconds=0.001):
            time.sleep(0.05)
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended.is_set()
