"""What the parser refuses, whoever sends it."""

from __future__ import annotations

import pytest

from kvmweb.core import errors
from kvmweb.definitions import elements

BOMB = (
    '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><d>&c;</d>'
)


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "not xml",
        "<open>",
        "<a/><b/>",
        BOMB,
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd"><d/>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>',
        "<!DOCTYPE d><d/>",
        "<d>" * 101 + "</d>" * 101,
        "<d>" + "<e/>" * 10_000 + "</d>",
        "<d>" + "x" * (1024 * 1024) + "</d>",
        "<d>\0</d>",
    ],
    ids=lambda xml: xml[:24],
)
def test_hostile_xml_is_invalid(xml):
    with pytest.raises(errors.Invalid):
        elements.parse(xml)


def test_limits_themselves_are_allowed():
    assert elements.parse("<d>" * 100 + "</d>" * 100) is not None
    assert len(elements.parse("<d>" + "<e/>" * 9_999 + "</d>")) == 9_999


@pytest.mark.parametrize(
    ("xml", "size"),
    [
        ("<d><m>8</m></d>", 8 * 1024),
        ("<d><m unit='bytes'>8</m></d>", 8),
        ("<d><m unit='MiB'>8</m></d>", 8 * 1024**2),
        ("<d><m unit='G'>1</m></d>", 1024**3),
        ("<d><m unit='KB'>2</m></d>", 2000),
        ("<d><m>many</m></d>", 0),
        ("<d/>", 0),
    ],
)
def test_size_is_bytes_whatever_the_unit(xml, size):
    assert elements.size(elements.parse(xml), "m") == size


def test_processing_instructions_and_comments_do_no_harm():
    root = elements.parse("<?xml version='1.0' encoding='utf-8'?><!-- x --><d><?php x?><e/></d>")
    assert root.find("e") is not None


def test_fingerprint_changes_with_a_byte():
    assert elements.fingerprint("<a/>") != elements.fingerprint("<a />")
