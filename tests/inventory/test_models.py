"""Revisions rise without gaps or doubles; the migrations are those of the models."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from kvmweb.inventory.models import Revision


@pytest.mark.django_db
def test_the_models_have_their_migrations() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.django_db
def test_the_first_revision_is_one() -> None:
    assert Revision.current() == 0
    assert (Revision.advance(), Revision.advance(), Revision.current()) == (1, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_writers_side_by_side_never_share_a_revision() -> None:
    def write(_: int) -> int:
        try:
            with transaction.atomic():
                return Revision.advance()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(write, range(40)))
    assert sorted(taken) == list(range(1, 41))
