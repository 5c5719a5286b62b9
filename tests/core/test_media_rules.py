"""Entries of the osinfo database against the ids of a disc."""

from __future__ import annotations

import time

import pytest

from kvmweb.core import media_rules
from kvmweb.core.images import Disc
from kvmweb.core.systems import Medium

EVIL = "a" * 31 + "!"


@pytest.mark.parametrize(
    ("medium", "fit"),
    [
        (Medium("all", volume="12\\.\\d"), (False, 4)),
        (Medium("all", volume="Debian 12", system="LINUX"), (False, 14)),
        (Medium("all", volume="Debian 12", publisher="ANYONE"), None),
        (Medium("all", volume="Debian 12$"), None),
        (Medium("all", volume="Fedora|Debian"), (False, 6)),
        (Medium("all", volume="^Debian 123?\\."), (False, 10)),
        (Medium("all", volume="(?i)debian"), (False, 6)),
        (Medium("all", volume="Debian", size=4096), (True, 6)),
        (Medium("all", volume="Debian", size=2048), None),
    ],
)
def test_a_pattern_is_looked_for_anywhere_and_every_id_asked_for_must_be_there(
    medium: Medium, fit: tuple[bool, int] | None
) -> None:
    rule = media_rules.rule(medium)
    assert rule is not None
    assert rule.fit(Disc("Debian 12.5.0 amd64 n", "LINUX", "", "", 4096)) == fit


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*$", "(a|aa)+$", "((a*)b?)*$", "(a{1,30}){1,30}$", ".*.*.*.*.*.*!!",
     "a?" * 30 + "a" * 30, "(", "x" * 1001, "(a|a)" * 30,
     "(?#[)(a+)+$(?#])", "(?x)#[\n(a+)+$#]", r"(.*\(\d)*$"],
)  # fmt: skip
def test_a_pattern_that_is_broken_or_could_take_long_is_left_out(pattern: str) -> None:
    assert media_rules.rule(Medium("all", volume=pattern)) is None


@pytest.mark.parametrize(
    "pattern",
    ["Simply Linux live 9\\.1(\\.\\d+)* x86_64", "Fedora-S-23(_[A-Za-z]*)*-i386", "v5.6.(\\d)+",
     "Asianux Server (7 (?!SP[123])|(4 ?!SP[67])).+",
     "Ubuntu 22.04(.\\d\\+?)?(.\\d\\+?)? LTS amd64",
     ".*RHEL-9-([2-9]|[1-9][0-9])(-[0-9]|[1-9][0-9])?.*x86_64.*"],
)  # fmt: skip
def test_patterns_as_the_database_has_them_are_taken_and_quick(pattern: str) -> None:
    rule = media_rules.rule(Medium("all", volume=pattern))
    assert rule is not None
    began = time.process_time()
    for volume in (EVIL, "_" * 32, "1" * 32, "-.0" * 10):
        rule.fit(Disc(volume))
    assert time.process_time() - began < 1


def test_what_tells_nothing_apart_is_no_rule() -> None:
    assert media_rules.rule(Medium("all", system="LINUX", size=4096)) is None
