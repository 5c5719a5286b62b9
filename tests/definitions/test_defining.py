"""A definition as text: without its passwords for a person, with them for libvirt."""

from __future__ import annotations

import pytest

from kvmweb.core.errors import Invalid
from kvmweb.definitions import defining
from kvmweb.definitions.defining import KEPT

UUID = "11111111-2222-4333-8444-555555555555"
HEAD = f"<domain type='kvm'>\n  <name>web</name>\n  <uuid>{UUID}</uuid>\n"
PLAIN = (
    f"{HEAD}  <metadata><x:graphics xmlns:x='y'/></metadata>\n  <devices>\n"
    "    <graphics type='vnc' port='-1'>\n      <listen type='address'/>\n    </graphics>\n"
    "    <graphics type='spice' autoport='yes'/>\n  </devices>\n</domain>\n"
)
SECURE = PLAIN.replace("port='-1'", "port='-1' passwd='s&amp;same'")


def test_a_password_is_marked_and_nothing_else_changes() -> None:
    found = defining.shown(PLAIN, SECURE)
    assert found.replace(f" passwd='{KEPT}'", "") == PLAIN
    assert found.count(KEPT) == 1
    assert f"<graphics passwd='{KEPT}' type='vnc'" in found
    assert "same" not in found
    assert defining.shown(PLAIN, PLAIN) == PLAIN


def test_what_is_left_standing_comes_back_whole() -> None:
    typed = defining.shown(PLAIN, SECURE).replace("<name>web", "<title>t</title><name>web")
    found = defining.taken(typed, SECURE)
    assert 'passwd="s&amp;same"' in found
    assert KEPT not in found


def test_taken_out_or_typed_anew_stands_as_it_was_typed() -> None:
    assert defining.taken(PLAIN, SECURE) == PLAIN
    other = PLAIN.replace("port='-1'", "port='-1' passwd='new'")
    assert defining.taken(other, SECURE) == other


def test_nothing_can_be_kept_where_nothing_is() -> None:
    typed = PLAIN.replace("type='spice'", f"type='spice' passwd='{KEPT}'")
    with pytest.raises(Invalid, match="line 9"):
        defining.taken(typed, SECURE)


def test_whatever_is_stored_is_without_passwords() -> None:
    assert defining.masked(SECURE) == PLAIN
    double = SECURE.replace("'s&amp;same'", '"s&amp;same"')
    assert defining.masked(double) == PLAIN


def test_an_old_definition_comes_back_under_the_present_name_with_the_present_password() -> None:
    old = PLAIN.replace("<name>web</name>", "<name>before</name>").replace(
        "<devices>", "<vcpu>1</vcpu><devices>"
    )
    found = defining.restorable(old, defining.shown(PLAIN, SECURE))
    assert "<name>web</name>" in found
    assert "<vcpu>1</vcpu>" in found
    assert found.count(KEPT) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAIN.replace("</devices>", "</device>"), "line 10"),
        ("", "not well-formed"),
        ("<network/>", "line 1"),
        (PLAIN.replace("<name>web", "<name>other"), "line 2: <name> stays web"),
        (PLAIN.replace(UUID, UUID.replace("1", "2")), f"line 3: <uuid> stays {UUID}"),
        (PLAIN.replace(f"<uuid>{UUID}</uuid>", ""), "<uuid> stays"),
        ("<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + PLAIN, ""),
    ],
)
def test_what_is_not_this_guest_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        defining.check(text, name="web", uuid=UUID)
    assert said in caught.value.detail
    assert "<string>" not in caught.value.detail


def test_quotes_make_no_difference() -> None:
    assert defining.lines(PLAIN) == defining.lines(PLAIN.replace("'", '"'))
    assert defining.lines("<broken") == ["<broken"]
