"""libvirt's own words and the hosts' addresses reach only those who may read them (ADR 0006)."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from kvmweb.core import refs, topics
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Busy, Fault, HostDown
from kvmweb.core.jobs import JobState
from kvmweb.core.records import GuestState
from kvmweb.hub.mirror import Writer
from kvmweb.live import jobs as live_jobs
from kvmweb.live import regions
from kvmweb.services import audit, guest_page, hosts, jobs, power, sight
from kvmweb.services.power_line import Outcome
from kvmweb.store.models import AuditEntry, CustomRole, Grant, Job, Person
from kvmweb.ui import links
from tests.hub import plain
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db
SECRET = "Cannot access storage file '/srv/secret/disk.qcow2'"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def starter() -> None:
    """A role that acts and yet reads no words of libvirt."""
    cache.clear()
    verbs = ["guest.view", "guest.start", "guest.shutdown", "guest.destroy"]
    CustomRole.objects.create(key="starter", label="Starter", verbs=verbs)


def signed_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(Person.objects.get(pk=actor.person_id))
    return client


@pytest.mark.parametrize(
    ("role", "scope", "may_read"),
    [
        ("viewer", "host:east", False),
        ("console", "host:east", False),
        ("starter", "host:east", False),
        ("operator", "guest", True),
        ("operator", "host:east", True),
        ("operator", "host:west", False),
        ("storage-admin", "host:east", True),
        ("auditor", Grant.EVERYTHING, True),
        ("administrator", Grant.EVERYTHING, True),
    ],
)
def test_words_about_a_guest_are_for_those_who_work_with_it(
    role: str, scope: str, may_read: bool
) -> None:
    (ref,) = mirrored(1)
    actor = person("ann", role, str(ref) if scope == "guest" else scope)
    assert bool(sight.told(actor, Busy(SECRET), ref)) is may_read
    by_host = role != "operator" or scope != "guest"
    assert bool(sight.told(actor, HostDown(SECRET, host="east"))) is (may_read and by_host)
    assert bool(sight.told(actor, Busy(SECRET))) is (scope == Grant.EVERYTHING)


@pytest.mark.parametrize(("role", "may_read"), [("operator", True), ("starter", False)])
@pytest.mark.parametrize("htmx", [{}, HTMX], ids=["page", "toast"])
def test_a_failure_is_told_with_libvirts_words_only_to_who_may_read_them(
    monkeypatch: pytest.MonkeyPatch, role: str, may_read: bool, htmx: dict[str, str]
) -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.SHUT_OFF)

    def fails(*_arguments: object) -> Outcome:
        raise Fault(SECRET)

    monkeypatch.setattr(power.power_line, "carry_out", fails)
    answer = signed_in(person("ann", role)).post(f"{links.of(ref)}start/", **htmx)
    said = answer.content.decode()
    assert answer.status_code == 500
    assert "Something went wrong" in said
    assert ("/srv/secret" in said) is may_read
    assert AuditEntry.objects.get(verb="guest.start").detail["problem"] == SECRET


@pytest.mark.parametrize(("role", "may_read"), [("operator", True), ("starter", False)])
def test_a_failed_step_is_told_alike_on_the_page_and_in_the_push(role: str, may_read: bool) -> None:
    actor, wanted = person("ann", role), mirrored(1)
    job = jobs.ask_bulk(actor, "guest.start", wanted)
    steps = Job.objects.get(pk=job).steps
    steps[0] |= {"state": JobState.FAILED, "problem": "fault", "detail": SECRET}
    Job.objects.filter(pk=job).update(steps=steps, state=JobState.FAILED)
    page = signed_in(actor).get(f"/activity/jobs/{job}/").content.decode()
    assert live_jobs.LIST_ID
    (region,) = (
        found
        for found in regions.of_page(f"/activity/jobs/{job}/")
        if topics.job(job) in found.topics
    )
    pushed = "".join(part.html() for part in region.look(actor).parts.values())
    for shown in (page, pushed):
        assert "Something went wrong" in shown
        assert ("/srv/secret" in shown) is may_read


@pytest.mark.parametrize(("role", "may_read"), [("operator", True), ("viewer", False)])
def test_a_late_failure_on_the_guest_page_follows_the_same_rule(role: str, may_read: bool) -> None:
    (ref,) = mirrored(1)
    monkey = audit.begin(person("bob", "operator"), "guest.save", ref)
    audit.end(monkey, "fault", problem=SECRET)
    AuditEntry.objects.update(at=monkey.at - guest_page.TOLD_WITHIN * 2)
    actor = person("ann", role)
    shown = signed_in(actor).get(links.of(ref)).content.decode()
    assert "did not work" in shown
    assert ("/srv/secret" in shown) is may_read


@pytest.mark.parametrize(("role", "may_see"), [("operator", True), ("console", False)])
def test_command_lines_name_the_hosts_address_to_who_may_see_the_host(
    role: str, may_see: bool
) -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.RUNNING)
    client = signed_in(person("ann", role))
    for path in ("", "confirm/destroy/", "actions/"):
        shown = client.get(links.of(ref) + path).content.decode()
        line = "virsh -c test:///default" if may_see else "virsh"
        assert f"{line} destroy web01" in shown
        assert ("test:///default" in shown) is may_see


def test_one_guest_of_a_host_does_not_show_that_hosts_address() -> None:
    (ref,) = mirrored(1, name="web01", state=GuestState.RUNNING)
    shown = signed_in(person("ann", "operator", str(ref))).get(links.of(ref)).content.decode()
    assert "test:///default" not in shown


@pytest.mark.parametrize(("role", "may_read"), [("operator", True), ("viewer", False)])
def test_why_a_host_is_away_is_libvirts_word_too(role: str, may_read: bool) -> None:
    from kvmweb.inventory.models import HostMirror

    mirrored(1, link="down")
    HostMirror.objects.update(reason=SECRET)
    actor = person("ann", role)
    assert bool(hosts.get(actor, refs.host("east")).reason) is may_read
    assert ("/srv/secret" in signed_in(actor).get("/hosts/").content.decode()) is may_read


@pytest.mark.parametrize("kind", ["pool", "network"])
@pytest.mark.parametrize(("verbs", "may_see"), [([], False), (["host.view"], True)])
def test_commands_of_pools_and_networks_follow_the_same_rule(
    kind: str, verbs: list[str], may_see: bool
) -> None:
    mirrored(1)
    Writer("east", "stage").apply([plain.pool(7), plain.network(7)])
    CustomRole.objects.create(key="own", label="Own", verbs=[f"{kind}.view", *verbs])
    ref = getattr(refs, kind)("east", plain.uuid(7))
    shown = signed_in(person("ann", "own")).get(links.of(ref)).content.decode()
    assert "virsh" in shown
    assert ("test:///default" in shown) is may_see
