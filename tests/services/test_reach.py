"""Reaching a second host by real SSH and TLS: every way it can fail is said for what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmweb.core import connections, refs
from kvmweb.core.actors import Actor
from kvmweb.core.connections import Check, Given, Identity, Report
from kvmweb.core.errors import Denied, Invalid
from kvmweb.hub import keyrings as rings
from kvmweb.services import hosts, keyrings, reach
from kvmweb.services.addresses import Address, Transport
from kvmweb.store.models import Host, KeyPair
from kvmweb.ui import reach as face
from tests.lab.doors import SSH_PORT, TLS_PORT, Sshd, has_sshd, listen_on_tls
from tests.lab.host import LabHost
from tests.services.stage import person

pytestmark = [
    pytest.mark.lab,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sshd(), reason="needs openssh-server"),
]


@pytest.fixture
def admin(settings: Any, tmp_path: Path) -> Actor:
    settings.KVMWEB_DATA_DIR = tmp_path
    return person("ada", "administrator")


@pytest.fixture(scope="module")
def far(new_lab: Callable[..., LabHost]) -> LabHost:
    """A host of its own: its daemons are stopped and its keys exchanged."""
    return new_lab()


@pytest.fixture
def door(far: LabHost) -> Iterator[Sshd]:
    sshd = Sshd(far).start()
    yield sshd
    sshd.stop()


def by_ssh(far: LabHost, **changes: Any) -> Address:
    fields = {"machine": far.address, "user": "root", "port": SSH_PORT, **changes}
    return Address(Transport.SSH, **fields)


def trusting(fingerprint: str = "") -> Given:
    return Given(Identity.PORTAL, host_key=fingerprint)


def ended(report: Report) -> tuple[Check, str]:
    assert report.failed is not None, report
    assert face.lines(report)[-1].remedy
    return report.failed.check, report.failed.trouble


def test_a_host_is_reached_once_its_key_is_confirmed_and_ours_is_let_in(
    admin: Actor, far: LabHost, door: Sshd
) -> None:
    first = hosts.test(admin, by_ssh(far), trusting())
    assert ended(first) == (Check.HOST_KEY, "host-key-unknown")
    assert first.host_key is not None
    assert first.host_key.fingerprint == door.fingerprint
    second = hosts.test(admin, by_ssh(far), trusting(door.fingerprint))
    assert ended(second) == (Check.LOGIN, "key-refused")
    door.authorize(keyrings.public_key())
    third = hosts.test(admin, by_ssh(far), trusting(door.fingerprint))
    assert third.record is not None
    assert third.record.hostname == far.name
    assert [step.check for step in third.steps] == [
        Check.NAME, Check.PORT, Check.HOST_KEY, Check.LOGIN, Check.LIBVIRT,
    ]  # fmt: skip


def test_the_key_is_pinned_and_another_one_is_refused(
    admin: Actor, far: LabHost, door: Sshd
) -> None:
    door.authorize(keyrings.public_key())
    with pytest.raises(Invalid) as caught:
        hosts.add(admin, "Far", by_ssh(far), trusting())
    assert "host_key" in caught.value.fields
    with pytest.raises(Invalid):
        hosts.add(admin, "Far", by_ssh(far), trusting("SHA256:" + "A" * 43))
    ref = hosts.add(admin, "Far", by_ssh(far), trusting(door.fingerprint))
    assert hosts.connection(ref).fingerprint == door.fingerprint
    assert hosts.retest(admin, ref).record is not None
    uri = rings.uri_of(Host.objects.get(key=ref.host))
    door.exchange_host_key()
    assert ended(hosts.retest(admin, ref)) == (Check.HOST_KEY, "host-key-changed")
    with pytest.raises(Exception, match="Host key verification failed") as refused:
        reach._ask(uri)
    assert face.why_away(refused.value.detail) is not None
    address = by_ssh(far)
    hosts.edit(admin, ref, "Far", address, trusting(door.fingerprint))
    assert hosts.retest(admin, ref).record is not None
    assert rings.uri_of(Host.objects.get(key=ref.host)) != uri


def test_a_libvirt_that_does_not_run_is_told_from_a_key_that_is_refused(
    admin: Actor, far: LabHost, door: Sshd
) -> None:
    door.authorize(keyrings.public_key())
    far.kill_libvirtd()
    try:
        report = hosts.test(admin, by_ssh(far), trusting(door.fingerprint))
        assert ended(report) == (Check.LIBVIRT, "libvirt-stopped")
    finally:
        far.restart_libvirtd()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"machine": "no-such-machine.invalid"}, (Check.NAME, "no-name")),
        ({"port": 1}, (Check.PORT, "refused")),
        ({"port": 16509}, (Check.HOST_KEY, "no-ssh")),
    ],
)
def test_what_is_in_the_way_is_named(
    admin: Actor, far: LabHost, changes: dict[str, Any], where: tuple[Check, str]
) -> None:
    assert ended(hosts.test(admin, by_ssh(far, **changes), trusting())) == where


def test_a_host_is_reached_by_tls_with_certificates_of_the_portal(
    admin: Actor, new_lab: Callable[..., LabHost]
) -> None:
    host = new_lab()
    address = Address(Transport.TLS, host.address, "", TLS_PORT)
    portal = Given(Identity.PORTAL)
    assert ended(hosts.test(admin, address, portal)) == (Check.PORT, "refused")
    listen_on_tls(host, keyrings.bundle(admin, host.address))
    report = hosts.test(admin, address, portal)
    assert report.record is not None, report
    assert report.record.hostname == host.name
    ref = hosts.add(admin, "By TLS", address, portal)
    assert "pkipath=" in rings.uri_of(Host.objects.get(key=ref.host))
    KeyPair.objects.all().delete()
    assert ended(hosts.test(admin, address, portal)) == (Check.CERTIFICATE, "certificate-foreign")


def test_a_certificate_for_another_name_is_told(
    admin: Actor, new_lab: Callable[..., LabHost]
) -> None:
    host = new_lab()
    listen_on_tls(host, keyrings.bundle(admin, "other.example.org"))
    address = Address(Transport.TLS, host.address, "", TLS_PORT)
    report = hosts.test(admin, address, Given(Identity.PORTAL))
    assert ended(report) == (Check.CERTIFICATE, "certificate-name")


def test_private_halves_are_sealed_and_laid_out_for_the_owner_alone(
    admin: Actor, far: LabHost, door: Sshd, tmp_path: Path
) -> None:
    ref = hosts.add(admin, "Far", by_ssh(far), trusting(door.fingerprint))
    assert "PRIVATE" not in KeyPair.objects.get(name="ssh").sealed
    rings.uri_of(Host.objects.get(key=ref.host))
    (folder,) = (tmp_path / "connections").iterdir()
    assert (folder / "id").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    rings.forget(ref.host)
    assert not folder.exists()


def test_who_may_not_add_hosts_cannot_use_the_test_as_a_probe(far: LabHost) -> None:
    with pytest.raises(Denied):
        hosts.test(person("eve", "operator"), by_ssh(far), trusting())
    with pytest.raises(Denied):
        keyrings.bundle(person("bob", "viewer"), "host.example.org")


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        ("Cannot recv data: Host key verification failed.: Connection reset", "host-key-unknown"),
        ("Cannot recv data: @@@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\nHost key "
         "verification failed.", "host-key-changed"),
        ("Cannot recv data: root@10.0.0.7: Permission denied (publickey).", "key-refused"),
        ("Cannot recv data: sh: 1: nc: not found: Connection reset by peer", "libvirt-missing"),
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory",
         "libvirt-stopped"),
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied",
         "libvirt-denied"),
        ("authentication unavailable: no polkit agent available to authenticate action "
         "'org.libvirt.unix.manage'", "libvirt-denied"),
        ("unable to connect to server at 'rack:16514': Connection refused", "refused"),
        ("Unable to resolve address 'rack' service '16514': Name or service not known", "no-name"),
        ("something else entirely", ""),
    ],
)  # fmt: skip
def test_libvirts_words_are_understood(words: str, trouble: str) -> None:
    assert connections.diagnose(words) == trouble
    assert bool(face.why_away(words)) == bool(trouble)
    assert not trouble or trouble in face.known()


def test_disabling_keeps_what_is_known_and_enabling_takes_it_up_again(admin: Actor) -> None:
    ref = hosts.add(admin, "Demo", Address(Transport.DEMO))
    hosts.disable(admin, ref)
    assert not hosts.get(admin, ref).is_enabled
    hosts.enable(admin, ref)
    assert hosts.get(admin, ref).is_enabled
    with pytest.raises(Denied):
        hosts.disable(person("eve", "viewer"), refs.host(ref.host))
