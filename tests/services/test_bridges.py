"""Host bridges as a person meets them: who may, what is refused, audited, and what comes back."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Denied, HostDown, Invalid, NotFound
from kvmweb.services import bridges
from kvmweb.store.models import AuditEntry
from tests.lab import ifupdown
from tests.lab.host import LabHost
from tests.services.stage import mirrored, person
from tests.services.workshop import KEY, Workshop

pytestmark = [pytest.mark.lab, pytest.mark.django_db]
HOST = refs.host(KEY)
ON_BRIDGE = "<interface type='bridge'><source bridge='br0'/></interface>"


@pytest.fixture
def site(run_folder: object, wired: LabHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A host whose network is set up by ifupdown, behind a worker that may change it."""
    monkeypatch.setenv("PATH", f"{ifupdown.program()}:{os.environ['PATH']}")
    ifupdown.reset(wired)
    with Workshop(wired) as shop:
        yield shop


def state(site: Workshop, admin: Actor) -> str:
    site.sync()
    found = bridges.show(admin, host=KEY).found
    return found.trial.state if found and found.trial else ""


def begin(admin: Actor, act: str, bridge: str, device: str = "") -> str:
    plan = bridges.plan(admin, HOST, act, bridge=bridge, device=device)
    made = bridges.change(admin, HOST, act, bridge=bridge, device=device, digest=plan.digest)
    return made.id


def test_a_bridge_is_planned_made_kept_used_and_deleted(site: Workshop, admin: Actor) -> None:
    site.see(lambda: bool((found := bridges.show(admin, host=KEY).found) and found.ways))
    plan = bridges.plan(admin, HOST, "create", bridge="br0", device="eth1")
    assert plan.way == "ifupdown"
    assert "ifup br0" in plan.commands
    path, before, after = plan.files[0]
    assert path == "/etc/network/interfaces"
    assert "br0" in after
    assert "br0" not in before
    trial = begin(admin, "create", "br0", "eth1")
    site.see(lambda: state(site, admin) == "trial")
    bridges.settle(admin, HOST, trial=trial, is_kept=True)
    site.see(lambda: state(site, admin) == "kept")
    outcomes = dict(
        AuditEntry.objects.filter(verb="host.network").values_list("detail__act", "outcome")
    )
    assert outcomes == {"bridge-create": "ok", "network-keep": "ok"}

    site.define("web01", network="", extra=ON_BRIDGE)
    site.see(lambda: bool(bridges.show(admin, host=KEY).users.get("br0")))
    with pytest.raises(Busy) as refused:
        begin(admin, "delete", "br0")
    assert refused.value.context["users"] == "web01"
    site.lab.clear()
    site.see(lambda: not bridges.show(admin, host=KEY).users.get("br0"))
    trial = begin(admin, "delete", "br0")
    site.see(lambda: state(site, admin) == "trial")
    bridges.settle(admin, HOST, trial=trial, is_kept=True)
    site.see(lambda: "br0" not in site.lab.inside("ls", "/sys/class/net").split())


def test_what_nobody_keeps_returns_after_the_time_that_is_set(
    site: Workshop, admin: Actor, settings: object
) -> None:
    settings.KVMWEB_NETWORK_BACK_S = 3  # type: ignore[attr-defined]
    begin(admin, "create", "br0", "eth1")
    site.see(lambda: state(site, admin) == "returned")
    assert "br0" not in site.lab.inside("ls", "/sys/class/net").split()
    bridges.sweep()
    bridges.sweep()
    entry = AuditEntry.objects.get(verb="host.network", detail__act="network-return")
    assert (entry.person_id, entry.outcome, entry.detail["bridge"]) == (None, "ok", "br0")


def test_names_are_refused_beside_their_fields(site: Workshop, admin: Actor) -> None:
    for bridge in ("b" * 16, "br 0", "br0;reboot", "-x", ""):
        with pytest.raises(Invalid) as wrong:
            bridges.plan(admin, HOST, "create", bridge=bridge, device="eth1")
        assert "bridge" in wrong.value.fields
    site.see(lambda: any(it.name == "virbr0" for it in bridges.show(admin).wiring.interfaces))
    with pytest.raises(Invalid) as wrong:
        bridges.plan(admin, HOST, "create", bridge="virbr0", device="eth1")
    assert "already" in wrong.value.fields["bridge"]
    with pytest.raises(NotFound):
        bridges.plan(admin, HOST, "wipe", bridge="br0", device="eth1")


def test_the_network_of_a_host_takes_a_right_of_its_own(editor: Actor) -> None:
    mirrored(1, host=KEY)
    keeper = person("nia", "network-admin")
    with pytest.raises(Denied):
        bridges.plan(keeper, HOST, "create", bridge="br0", device="eth1")
    with pytest.raises(Denied):
        bridges.settle(editor, HOST, trial="x", is_kept=True)
    assert not bridges.show(keeper, host=KEY).may


def test_a_host_that_is_away_is_not_asked(admin: Actor) -> None:
    mirrored(1, host=KEY, link="down")
    with pytest.raises(HostDown):
        bridges.plan(admin, HOST, "create", bridge="br0", device="eth1")
