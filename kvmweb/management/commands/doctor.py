"""`manage.py doctor`: what this machine can do, what it cannot, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from kvmweb.core.readiness import Verdict
from kvmweb.services import machine
from kvmweb.ui import readiness
from kvmweb.ui.words import Text

Line = tuple[Verdict, Text, Text]
"""How bad it is, what it is, what to do."""
SIGNS = {Verdict.GOOD: "  ok ", Verdict.LIMITED: "note ", Verdict.BAD: "FAIL "}


class Command(BaseCommand):
    """Prints one line per finding, a remedy below it where there is one; exits 1 on a failure."""

    help = "Check this machine and this portal, and say in plain words what to do."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Looks only, changes nothing."""
        looked = machine.examine(settings.KVMWEB_DATA_DIR)
        found = [readiness.said(finding) for finding in looked]
        lines = [*((it.verdict, it.what, it.remedy) for it in found), *_portal()]
        for verdict, what, remedy in lines:
            self.stdout.write(f"{SIGNS[verdict]}{what}")
            if remedy:
                self.stdout.write(f"       {remedy}")
        bad = sum(verdict == Verdict.BAD for verdict, _what, _remedy in lines)
        limited = sum(verdict == Verdict.LIMITED for verdict, _what, _remedy in lines)
        total = _("%(bad)d to put right, %(limited)d limited, %(all)d looked at.")
        self.stdout.write("\n" + total % {"bad": bad, "limited": limited, "all": len(lines)})
        if bad:
            sys.exit(1)


def _portal() -> Iterator[Line]:
    """The portal's own parts: database, cache, front-end parts."""
    yield _database()
    if settings.REDIS_URL:
        yield _redis()
    missing = [path for path in settings.KVMWEB_VENDOR.values() if not _is_served(path)]
    if missing:
        what = _("Front-end parts are missing: %s") % ", ".join(missing)
        yield Verdict.BAD, what, _("Copy them: make run does.")
    else:
        yield Verdict.GOOD, _("The front-end parts are in place"), ""


def _is_served(path: str) -> bool:
    return any((Path(folder) / path).is_dir() for folder in settings.STATICFILES_DIRS)


def _database() -> Line:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        what = _("The database does not answer: %s") % error
        return Verdict.BAD, what, _("Check DATABASE_URL, and that the server runs.")
    if waiting:
        what = _("The database waits for %d migrations") % len(waiting)
        return Verdict.BAD, what, _("Run: manage.py migrate (make run does it).")
    return Verdict.GOOD, _("The database answers and is up to date"), ""


def _redis() -> Line:
    try:
        cache.get("doctor")
    except (OSError, RedisError) as error:
        what = _("Redis does not answer: %s") % error
        return Verdict.BAD, what, _("Check REDIS_URL, and that the server runs.")
    return Verdict.GOOD, _("Redis answers"), ""
