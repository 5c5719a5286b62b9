"""Steps for bridges of hosts: complete, quoted, and with a way back before anything changes."""

from __future__ import annotations

import shlex

import pytest

from kvmweb.ui import bridge_steps as bridges


def test_every_way_arms_its_return_before_it_switches_over() -> None:
    for way in bridges.ways("br0", "eth0"):
        lines = [line for step in way.create for line in step.lines]
        armed = next(i for i, it in enumerate(lines) if "--on-active=60" in it or "try" in it)
        switch = [i for i, it in enumerate(lines) if " up br0" in it or "ifup br0" in it]
        switch += [i for i, it in enumerate(lines) if "reconfigure eth0" in it and "&&" in it]
        assert all(armed < i for i in switch), way.key
        assert way.remove


def test_the_way_back_is_one_word_of_the_shell() -> None:
    for way in bridges.ways("br0", "eth0"):
        for line in (line for step in way.create for line in step.lines):
            if line.startswith("systemd-run"):
                words = shlex.split(line)
                assert words[-3:-1] == ["sh", "-c"]
                assert "eth0" in words[-1]


@pytest.mark.parametrize("name", ["", "a b", "br0;reboot", "$(id)", "b" * 16, "-x", "br\n0"])
def test_a_name_that_a_shell_would_act_upon_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="interface"):
        bridges.ways(name, "eth0")
    with pytest.raises(ValueError, match="interface"):
        bridges.ways("br0", name)
