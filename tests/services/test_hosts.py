"""Hosts: changing the way to one, keeping keys, and what goes with one that is removed."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.connections import Given, HostKey, Identity
from kvmweb.core.errors import Denied, Exists, Invalid
from kvmweb.hub import keyrings as rings
from kvmweb.hub import runner
from kvmweb.services import addresses, hosts, keyrings, reach
from kvmweb.services.addresses import Address, Transport
from kvmweb.store.models import Grant, Host, Person
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
KEY = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIEOTHERKEY", "SHA256:first")
WAY = Address(Transport.SSH, "rack7.example.org", "virt", 2222)


@pytest.fixture
def admin(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Actor:
    """The host shows one key: what stands on the wire is tried in `test_reach`."""
    settings.KVMWEB_DATA_DIR = tmp_path
    monkeypatch.setattr(reach, "scan", lambda _address: [KEY])
    monkeypatch.setattr(reach, "fingerprint", lambda lines: KEY.fingerprint if lines else "")
    return person("ada", "administrator")


def trusting() -> Given:
    return Given(Identity.PORTAL, host_key=KEY.fingerprint)


def stored(ref: refs.Ref) -> Host:
    return Host.objects.get(key=ref.host)


def test_the_fields_of_a_way_are_read_back_from_its_uri() -> None:
    ways = [
        Address(Transport.LOCAL),
        Address(Transport.DEMO),
        WAY,
        Address(Transport.SSH, "rack7"),
        Address(Transport.TLS, "fd00::7", "", 16514),
        Address(Transport.TCP, "127.0.0.1", "", 16509),
    ]
    assert [addresses.parse(addresses.uri(way)) for way in ways] == ways


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+unix:///system?socket=/run/x",
        "qemu+ssh://rack7/system?no_tty=1&command=/bin/evil",
        "qemu+ssh://rack7/session?no_tty=1",
        "qemu+ssh://rack7:port/system",
        "xen:///",
        "",
    ],
)
def test_what_an_operator_wrote_is_not_taken_for_our_own(uri: str) -> None:
    assert addresses.parse(uri) is None


def test_a_worker_gets_the_files_and_people_see_the_plain_address(admin: Actor) -> None:
    ref = hosts.add(admin, "Rack 7", WAY, trusting())
    assert stored(ref).uri == "qemu+ssh://virt@rack7.example.org:2222/system?no_tty=1"
    assert stored(ref).known_hosts == f"[rack7.example.org]:2222 {KEY.kind} {KEY.blob}\n"
    ((key, uri),) = runner._wanted()
    assert key == ref.host
    assert uri.startswith(stored(ref).uri + "&command=")
    assert uri == rings.uri_of(stored(ref)), "the same keys are the same worker"
    assert hosts.get(admin, ref).uri == stored(ref).uri


def test_a_host_without_keys_of_ours_is_opened_as_it_is(admin: Actor) -> None:
    ref = hosts.add(admin, "Rack 7", WAY)
    assert rings.uri_of(stored(ref)) == stored(ref).uri
    assert stored(ref).known_hosts == ""


def test_a_change_of_the_name_alone_keeps_the_keys(admin: Actor) -> None:
    ref = hosts.add(admin, "Rack 7", WAY, trusting())
    before = stored(ref).known_hosts
    hosts.edit(admin, ref, " Rack seven ", WAY, trusting())
    assert (stored(ref).name, stored(ref).known_hosts) == ("Rack seven", before)
    hosts.edit(admin, ref, "Rack seven", None, Given())
    assert stored(ref).known_hosts == before


def test_another_machine_needs_its_key_confirmed(admin: Actor) -> None:
    ref = hosts.add(admin, "Rack 7", WAY, trusting())
    other = Address(Transport.SSH, "rack8.example.org")
    with pytest.raises(Invalid) as caught:
        hosts.edit(admin, ref, "Rack 8", other, Given(Identity.PORTAL))
    assert "host_key" in caught.value.fields
    hosts.edit(admin, ref, "Rack 8", other, trusting())
    assert stored(ref).known_hosts.startswith("rack8.example.org ")
    assert stored(ref).key == ref.host


def test_two_hosts_share_neither_name_nor_address(admin: Actor) -> None:
    ref = hosts.add(admin, "Rack 7", WAY)
    hosts.add(admin, "Demo", Address(Transport.DEMO))
    with pytest.raises(Exists):
        hosts.edit(admin, ref, "demo", WAY, Given())
    with pytest.raises(Exists):
        hosts.edit(admin, ref, "Rack 7", Address(Transport.DEMO), Given())
    with pytest.raises(Invalid):
        hosts.edit(admin, ref, " ", WAY, Given())


def test_pasted_certificates_must_belong_together_and_are_sealed(admin: Actor) -> None:
    way = Address(Transport.TLS, "rack7.example.org")
    keyrings.ensure(Transport.TLS)
    ours = rings.keys_of(Host(uri=addresses.uri(way), identity=Identity.PORTAL))
    wrong = Given(Identity.OWN, ca=ours.ca, certificate=ours.ca, tls_key=ours.tls_key)
    with pytest.raises(Invalid) as caught:
        hosts.add(admin, "Rack 7", way, wrong)
    assert list(caught.value.fields) == ["tls_key"]
    with pytest.raises(Invalid) as caught:
        hosts.add(admin, "Rack 7", way, Given(Identity.OWN))
    assert set(caught.value.fields) == {"tls_ca", "tls_certificate", "tls_key"}
    given = Given(Identity.OWN, ca=ours.ca, certificate=ours.certificate, tls_key=ours.tls_key)
    ref = hosts.add(admin, "Rack 7", way, given)
    assert "PRIVATE" not in stored(ref).tls_key
    assert rings.keys_of(stored(ref)).tls_key == ours.tls_key
    hosts.edit(admin, ref, "Rack VII", way, Given(Identity.OWN))
    assert rings.keys_of(stored(ref)).tls_key == ours.tls_key


def test_a_key_that_cannot_be_unsealed_is_no_key(admin: Actor, settings: Any) -> None:
    sealed = rings.seal("a private key")
    assert rings.unseal(sealed) == "a private key"
    settings.SECRET_KEY = "another one"
    assert rings.unseal(sealed) == ""


def test_a_bundle_of_certificates_is_made_for_a_machine_alone(admin: Actor) -> None:
    assert keyrings.bundle(admin, "rack7.example.org")[:2] == b"\x1f\x8b"
    with pytest.raises(Invalid):
        keyrings.bundle(admin, "-oProxyCommand=id")


def test_what_is_lost_with_a_host_is_counted_before_it_goes(admin: Actor) -> None:
    (ref,) = mirrored(1)
    person("bob", "operator", "host:east")
    person("eve", "viewer", str(ref))
    person("zoe", "viewer", "host:west")
    lost = hosts.losses(admin, refs.host("east"))
    assert (lost.guests, lost.grants, lost.people, lost.has_keys) == (1, 2, 2, False)
    client = Client()
    client.force_login(Person.objects.get(pk=admin.person_id))
    asked = client.get("/hosts/east/remove/", secure=True, headers={"HX-Request": "true"})
    text = asked.content.decode()
    assert "1 guest with its figures" in text
    assert "2 grants on it" in text
    hosts.remove(admin, refs.host("east"))
    assert [grant.scope for grant in Grant.objects.exclude(scope=Grant.EVERYTHING)] == ["host:west"]


@pytest.mark.parametrize("act", [hosts.enable, hosts.disable, hosts.retest, hosts.losses])
def test_who_may_only_look_changes_nothing(admin: Actor, act: Any) -> None:
    mirrored(1)
    with pytest.raises(Denied):
        act(person("eve", "operator"), refs.host("east"))


def test_a_disabled_host_says_so(admin: Actor) -> None:
    mirrored(1)
    hosts.disable(admin, refs.host("east"))
    assert runner._wanted() == set()
    client = Client()
    client.force_login(Person.objects.get(pk=admin.person_id))
    assert "Disabled" in client.get("/hosts/east/", secure=True).content.decode()
    assert "Disabled" in client.get("/hosts/", secure=True).content.decode()
