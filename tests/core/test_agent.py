"""What a guest's agent says, cut to size: golden answers, and answers made to do harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kvmweb.core import agent, wire
from kvmweb.core.agent import AgentFacts

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "agent"


@pytest.mark.parametrize("name", ["tiny-linux", "windows"])
def test_golden_answers_become_the_facts_beside_them(name: str) -> None:
    said = json.loads((GOLDEN / f"{name}.json").read_text())
    facts = agent.read(said["answers"])
    assert wire.to_plain(facts) == said["facts"]
    assert wire.from_plain(AgentFacts, wire.to_plain(facts)) == facts


def test_what_is_no_answer_is_left_out() -> None:
    assert agent.read({}) == AgentFacts()
    odd = {
        "hostname": 7, "os.pretty-name": None, "fs.count": "2", "user.count": True,
        "if.count": -3, "fs.0.mountpoint": "/never",
    }  # fmt: skip
    assert agent.read(odd) == AgentFacts()


def test_text_is_one_line_of_a_bounded_length_in_which_nothing_hides() -> None:
    facts = agent.read({"hostname": "a\u202eb\n\x1b[2J" + "x" * 9000, "os.pretty-name": "<b>"})
    assert facts.hostname.startswith("a\\u202eb\\u000a\\u001b[2J")
    assert len(facts.hostname) == agent.TEXT_MAX
    assert facts.system == "<b>", "templates escape it; here it stays what was said"


def test_lists_and_numbers_are_bounded() -> None:
    said: dict[str, object] = {"user.count": 2**40, "fs.count": 2}
    said |= {f"user.{n}.name": f"u{n}" for n in range(300)}
    said |= {"user.1.login-time": 2**62, "user.0.login-time": -5}
    said |= {"fs.0.mountpoint": "/", "fs.0.total-bytes": 100, "fs.0.used-bytes": 900}
    said |= {"fs.1.mountpoint": "/none", "fs.1.total-bytes": -1, "fs.1.used-bytes": 2**70}
    facts = agent.read(said)
    assert len(facts.users) == agent.ITEMS_MAX
    assert [user.since for user in facts.users[:2]] == [None, None]
    assert facts.file_systems[0].percent == 100.0
    assert facts.file_systems[1].percent is None


values = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=40)
)
keys = some.sampled_from(
    ["hostname", "os.name", "fs.count", "fs.0.mountpoint", "fs.0.used-bytes", "fs.0.total-bytes",
     "user.count", "user.0.name", "user.0.login-time", "if.count", "if.0.name", "if.0.hwaddr",
     "if.0.addr.count", "if.0.addr.0.addr", "timezone.name"]
)  # fmt: skip


@given(some.dictionaries(keys, values))
def test_whatever_a_guest_says_can_be_read_and_sent_on(said: dict[str, object]) -> None:
    facts = agent.read(said)
    assert wire.frame({"ok": facts})
    for it in facts.file_systems:
        assert it.percent is None or 0 <= it.percent <= 100
