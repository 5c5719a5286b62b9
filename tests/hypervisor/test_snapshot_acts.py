"""Going back to a snapshot is refused by the worker where the mirror could not know better."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock

import pytest

from kvmweb.core.errors import WrongState
from kvmweb.hypervisor import actions, snapshot_acts

PLAIN = "<domain><name>a</name><devices><serial type='pty'/></devices></domain>"
FOLDER = "<filesystem type='mount'><source dir='/etc'/><target dir='etc'/></filesystem>"
SHARING = PLAIN.replace("</devices>", f"{FOLDER}</devices>")


def back(monkeypatch: pytest.MonkeyPatch, kept: str, live: str, stored: str) -> Any:
    domain = MagicMock()
    domain.XMLDesc.side_effect = lambda flags: stored if flags else live
    snapshot = domain.snapshotLookupByName.return_value
    snapshot.getXMLDesc.return_value = f"<domainsnapshot><name>s</name>{kept}</domainsnapshot>"
    monkeypatch.setattr(actions, "find", lambda *_: domain)
    snapshot_acts.revert(MagicMock(), "uuid", name="s")
    return domain.revertToSnapshot


def test_a_folder_of_the_host_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    inactive = SHARING.replace("domain>", "inactiveDomain>")
    for kept in (SHARING, PLAIN + inactive):
        with pytest.raises(WrongState) as found:
            back(monkeypatch, kept, PLAIN, PLAIN)
        assert "not connected now: fs:/etc/etc/" in found.value.detail


def test_what_is_there_now_or_changed_harmlessly_stays_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renamed = PLAIN.replace("<devices>", "<description>new</description><devices>")
    for kept, live, stored in (
        (PLAIN, renamed, renamed), (SHARING, SHARING, PLAIN), (SHARING, PLAIN, SHARING)
    ):  # fmt: skip
        back(monkeypatch, kept, live, stored).assert_called_once()
