"""Closed by default: every door says which right it asks for, or why it asks for none."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import kvmweb
from kvmweb.access.roles import ROLES
from kvmweb.access.verbs import VERBS
from kvmweb.management import charter
from kvmweb.services import audit
from kvmweb.ui import words

ROOT = Path(__file__).resolve().parents[2]
OWN_MEANS = {"language", "theme", "alive", "setup", "account_reset"}
"""Open doors that need no service: a cookie of this browser, a sign of life, a redirect."""


def test_every_public_service_carries_exactly_one_mark() -> None:
    holes = [name for name, mark in charter.promises().items() if mark is None]
    assert holes == []


def test_every_mark_names_a_known_right_or_gives_a_reason() -> None:
    for name, mark in charter.promises().items():
        assert mark is not None
        assert (mark.verb in VERBS) != bool(mark.reason), name


def test_a_guarded_service_takes_the_actor_first() -> None:
    wrong = []
    for name, mark in charter.promises().items():
        module, _dot, function = name.partition(".")
        found = getattr(importlib.import_module(f"kvmweb.services.{module}"), function)
        first = next(iter(inspect.signature(found).parameters), "")
        if mark is not None and mark.style in ("guarded", "sifted") and first != "actor":
            wrong.append(name)
    assert wrong == []


def test_every_page_is_open_with_a_reason_or_asks_for_a_right() -> None:
    holes = [
        door.address
        for door in charter.pages()
        if not door.reason and not any(mark.style != "internal" for mark in door.uses.values())
    ]
    assert holes == []


def test_every_open_page_uses_open_services_only() -> None:
    for door in charter.pages():
        if door.reason:
            assert door.uses or door.name in OWN_MEANS, door.address
            assert not [name for name, mark in door.uses.items() if mark.verb], door.address


def test_every_socket_asks_for_a_right_and_knows_its_session() -> None:
    for door in charter.sockets():
        assert door.uses, door.address


def test_no_door_calls_what_is_internal() -> None:
    internal = {
        name for name, mark in charter.promises().items() if mark and mark.style == "internal"
    }
    calls = []
    for package in charter.DOORS:
        path = ROOT / package.replace(".", "/")
        for file in path.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
                    continue
                if f"{node.value.id}.{node.attr}" in internal and _is_service(file, node.value.id):
                    calls.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert calls == []


def _is_service(file: Path, name: str) -> bool:
    return any(
        (alias.asname or alias.name) == name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "kvmweb.services"
        for alias in node.names
    )


def test_every_right_has_words_and_belongs_to_the_administrator() -> None:
    unnamed = [verb for verb in VERBS if str(words.verb(verb).label) == verb]
    assert unnamed == []
    assert ROLES["administrator"] == frozenset(VERBS)
    assert all(verbs <= frozenset(VERBS) for verbs in ROLES.values())


def test_every_right_is_asked_for_somewhere() -> None:
    asked = {mark.verb for mark in charter.promises().values() if mark and mark.verb}
    waiting = {"settings.change", "job.view", "volume.trust"}
    assert set(VERBS) - asked - waiting == set()


def test_nobody_outside_access_asks_about_roles_or_superusers() -> None:
    found = [
        str(file.relative_to(ROOT))
        for file in (ROOT / "kvmweb").rglob("*.py")
        if "is_superuser" in file.read_text() and file.parent.name != "access"
    ]
    assert found == []


def test_the_page_of_permissions_is_up_to_date() -> None:
    written = (ROOT / "docs" / "permissions.md").read_text()
    assert written == charter.page(), "run: manage.py permissions > docs/permissions.md"


def test_the_walk_sees_all_packages() -> None:
    packages = {info.name for info in pkgutil.iter_modules(kvmweb.__path__) if info.ispkg}
    assert {"web", "live", "api", "management", "ui"} <= packages
    assert audit.note.__mark__.style == "internal"
