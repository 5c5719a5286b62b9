"""Projects on a real host: who sees and makes what in them, and what belongs where afterwards."""

from __future__ import annotations

import pytest

from kvmweb.core import refs
from kvmweb.core.actors import Actor
from kvmweb.core.errors import Denied, Invalid, NotFound
from kvmweb.core.guest_filter import GuestFilter
from kvmweb.core.jobs import JobState
from kvmweb.core.refs import Ref
from kvmweb.services import creation, grants, guests, hosts, job_worker, projects
from kvmweb.store.models import AuditEntry, Belonging, CustomRole, Grant, RightsEpoch
from tests.services.stage import held, mirrored, person, with_network
from tests.services.test_cloning import cloned
from tests.services.test_creation import made, wish
from tests.services.test_deletion import deleted
from tests.services.workshop import Workshop

pytestmark = [pytest.mark.django_db(transaction=True)]
HOST = refs.host("east")
lab = pytest.mark.lab


def project(admin: Actor, name: str, *parts: Ref) -> int:
    key = projects.add(admin, name)
    for ref in parts:
        projects.put_in(admin, key, str(ref))
    return key


def member(name: str, key: int, role: str = "project-owner") -> Actor:
    return person(name, role, f"project:{key}")


def seen(actor: Actor) -> list[str]:
    return [row.line.name for row in guests.list_(actor, GuestFilter()).rows]


def ground_of(shop: Workshop) -> tuple[Ref, Ref]:
    return refs.pool("east", shop.pool), refs.network("east", shop.network)


@lab
def test_its_people_make_guests_in_it_and_see_no_others(shop: Workshop, admin: Actor) -> None:
    shop.define("foreign")
    key = project(admin, "Shop", *ground_of(shop))
    pia = member("pia", key)
    assert seen(pia) == []
    assert projects.choices(pia, "east") == [(key, "Shop")]
    with pytest.raises(Invalid) as caught:
        creation.create(pia, HOST, wish(shop))
    assert set(caught.value.fields) == {"project"}
    done = made(pia, wish(shop, project=key))
    assert done.state is JobState.DONE
    shop.record(done.result)
    assert seen(pia) == ["fresh"]
    assert projects.of_guest(pia, done.result) == (key, "Shop")
    assert set(seen(admin)) == {"foreign", "fresh"}


@lab
def test_a_guest_that_could_not_be_made_belongs_nowhere(shop: Workshop, admin: Actor) -> None:
    key = project(admin, "Shop", *ground_of(shop))
    pia = member("pia", key)
    job = creation.create(pia, HOST, wish(shop, project=key))
    shop.lab.define_guest("fresh")
    job_worker.run.call(str(job))
    assert not Belonging.objects.filter(kind="guest").exists()


@lab
def test_who_lost_the_project_meanwhile_makes_nothing_in_it(shop: Workshop, admin: Actor) -> None:
    key, other = project(admin, "Shop", *ground_of(shop)), project(admin, "Lab", *ground_of(shop))
    pia = member("pia", key)
    Grant.objects.create(person_id=pia.person_id, role="creator", scope=f"project:{other}")
    job = creation.create(pia, HOST, wish(shop, project=key))
    grants.revoke(admin, Grant.objects.get(scope=f"project:{key}").pk)
    job_worker.run.call(str(job))
    assert shop.lab.virsh("list", "--all", "--name") == ""
    assert "fresh.qcow2" not in shop.volumes()
    assert not Belonging.objects.filter(kind="guest").exists()


@lab
def test_a_copy_goes_where_its_original_is_and_what_is_deleted_belongs_nowhere(
    shop: Workshop, admin: Actor
) -> None:
    key = project(admin, "Shop", *ground_of(shop))
    pia = member("pia", key)
    first = made(pia, wish(shop, "first", project=key)).result
    assert first is not None
    shop.record(first)
    done = cloned(pia, first, "second")
    assert done.state is JobState.DONE
    shop.record(done.result)
    assert set(seen(pia)) == {"first", "second"}
    assert deleted(admin, first).state is JobState.DONE
    assert [part.ref for part in projects.parts(admin, key) if part.ref.kind == "guest"] == [
        done.result
    ]


@pytest.fixture
def stocked(admin: Actor) -> tuple[Ref, Ref, Ref, Ref]:
    """Two guests, a pool and a network of host east."""
    one, two = mirrored(1, 2)
    pool = held(21, "disk")
    with_network(3, host="east")
    return one, two, pool, refs.network("east", "00000000-0000-4000-8000-000000000003")


def test_a_guest_is_in_one_project_and_a_pool_in_any_number(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    one, _two, pool, _network = stocked
    shop, depot = project(admin, "Shop", one, pool), project(admin, "Depot", one, pool)
    assert [part.ref for part in projects.parts(admin, shop)] == [pool]
    assert [part.ref for part in projects.parts(admin, depot)] == [one, pool]
    assert [(row.name, row.guests, row.pools) for row in projects.list_(admin)] == [
        ("Depot", 1, 1),
        ("Shop", 0, 1),
    ]


def test_what_is_put_in_is_seen_at_once_and_no_longer_when_taken_out(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    one, two, *_ = stocked
    key = project(admin, "Shop", one)
    vi = member("vi", key, "viewer")
    assert len(seen(vi)) == 1
    projects.put_in(admin, key, str(two))
    assert len(seen(vi)) == 2
    projects.take_out(admin, key, str(one))
    projects.take_out(admin, key, str(two))
    assert seen(vi) == []
    acts = AuditEntry.objects.filter(verb="people.grant", outcome="ok")
    assert [entry.detail["act"] for entry in acts.order_by("pk")].count("take-from-project") == 2


def test_who_puts_something_in_holds_all_that_the_project_gives_on_it(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    one, *_ = stocked
    key = project(admin, "Shop")
    member("pia", key)
    giver = person("gil", "viewer", str(HOST))
    role = {"person_id": giver.person_id, "role": "own", "scope": Grant.EVERYTHING}
    CustomRole.objects.create(key="own", label="Own", verbs=["people.grant", "guest.view"])
    Grant.objects.create(**role)
    RightsEpoch.advance()
    with pytest.raises(Denied):
        projects.put_in(giver, key, str(one))
    with pytest.raises(Denied):
        projects.put_in(member("vi", key, "administrator"), key, str(one))
    assert not Belonging.objects.exists()


@pytest.mark.parametrize("what", ["", "nowhere/x", "east", "everything", "project:1", "x:y:z"])
def test_only_a_guest_a_pool_or_a_network_can_be_put_in(
    admin: Actor, stocked: tuple[Ref, ...], what: str
) -> None:
    key = project(admin, "Shop")
    with pytest.raises((Invalid, NotFound)):
        projects.put_in(admin, key, what)
    assert not Belonging.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "shop", "SHOP ", "7", "x" * 65])
def test_a_name_that_does_not_fit_is_said_and_nothing_is_made(admin: Actor, name: str) -> None:
    project(admin, "Shop")
    with pytest.raises(Invalid) as caught:
        projects.add(admin, name)
    assert set(caught.value.fields) == {"name"}
    assert [row.name for row in projects.list_(admin)] == ["Shop"]


def test_a_removed_project_takes_its_grants_along_and_leaves_the_rest(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    one, *_ = stocked
    key = project(admin, "Shop", one)
    vi = member("vi", key, "viewer")
    projects.remove(admin, key)
    assert seen(vi) == []
    assert not Grant.objects.filter(person_id=vi.person_id).exists()
    assert projects.of_guest(admin, one) == (0, "")


def test_a_removed_host_takes_what_was_there_out_of_every_project(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    key = project(admin, "Shop", *stocked)
    hosts.remove(admin, HOST)
    assert projects.parts(admin, key) == []


def test_a_grant_names_its_project_by_name_or_key(admin: Actor) -> None:
    key = project(admin, "Web shop")
    assert grants.scope_of("project:web SHOP") == grants.scope_of(f"project:{key}")
    vi = person("vi")
    grants.give(admin, grants.Terms("viewer", "project:Web shop"), person_id=vi.person_id)
    [row] = [row for row in grants.list_(admin) if row.holder_id == vi.person_id]
    assert row.scope_name == "Project Web shop"
    with pytest.raises(Invalid):
        grants.give(admin, grants.Terms("viewer", "project:none"), person_id=vi.person_id)


def test_the_list_of_guests_is_narrowed_to_a_project_of_its_reader(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    one, two, *_ = stocked
    shop, lab = project(admin, "Shop", one), project(admin, "Lab", two)
    found = guests.list_(admin, GuestFilter(project=shop))
    assert ([row.line.ref for row in found.rows], found.total) == ([one], 1)
    assert found.projects == ((lab, "Lab"), (shop, "Shop"))
    pia = member("pia", lab)
    assert guests.list_(pia, GuestFilter()).projects == ((lab, "Lab"),)
    strange = guests.list_(pia, GuestFilter(project=shop))
    assert (strange.wanted.project, strange.wanted.notes) == (0, ("project",))
    assert guests.list_(person("vi", "viewer", str(HOST)), GuestFilter()).projects == ()


def test_outside_of_projects_a_creator_of_the_host_needs_none(
    admin: Actor, stocked: tuple[Ref, ...]
) -> None:
    key = project(admin, "Shop", *stocked)
    assert projects.choices(person("cai", "creator", str(HOST)), "east") == [(0, "")]
    assert projects.choices(admin, "east") == [(0, ""), (key, "Shop")]
    assert projects.choices(person("vi", "viewer"), "east") == []
