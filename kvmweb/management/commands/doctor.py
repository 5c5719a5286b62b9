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

from kvmweb.services import machine
from kvmweb.services.machine import Finding, Verdict

SIGNS = {Verdict.GOOD: "  ok ", Verdict.LIMITED: "note ", Verdict.BAD: "FAIL "}


class Command(BaseCommand):
    """Prints one line per finding, a remedy below it where there is one; exits 1 on a failure."""

    help = "Check this machine and this portal, and say in plain words what to do."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Looks only, changes nothing."""
        findings = [*machine.examine(settings.KVMWEB_DATA_DIR), *_portal()]
        for finding in findings:
            self.stdout.write(SIGNS[finding.verdict] + str(finding.what))
            if finding.remedy:
                self.stdout.write(f"       {finding.remedy}")
        bad = sum(finding.verdict == Verdict.BAD for finding in findings)
        limited = sum(finding.verdict == Verdict.LIMITED for finding in findings)
        total = _("%(bad)d to put right, %(limited)d limited, %(all)d looked at.")
        self.stdout.write("\n" + total % {"bad": bad, "limited": limited, "all": len(findings)})
        if bad:
            sys.exit(1)


def _portal() -> Iterator[Finding]:
    """The portal's own parts: database, cache, front-end parts."""
    yield _database()
    if settings.REDIS_URL:
        yield _redis()
    missing = [path for path in settings.KVMWEB_VENDOR.values() if not _is_served(path)]
    if missing:
        what = _("Front-end parts are missing: %s") % ", ".join(missing)
        yield Finding(Verdict.BAD, what, _("Copy them: make run does."))
    else:
        yield Finding(Verdict.GOOD, _("The front-end parts are in place"))


def _is_served(path: str) -> bool:
    return any((Path(folder) / path).is_dir() for folder in settings.STATICFILES_DIRS)


def _database() -> Finding:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        what = _("The database does not answer: %s") % error
        return Finding(Verdict.BAD, what, _("Check DATABASE_URL, and that the server runs."))
    if waiting:
        what = _("The database waits for %d migrations") % len(waiting)
        return Finding(Verdict.BAD, what, _("Run: manage.py migrate (make run does it)."))
    return Finding(Verdict.GOOD, _("The database answers and is up to date"))


def _redis() -> Finding:
    try:
        cache.get("doctor")
    except (OSError, RedisError) as error:
        what = _("Redis does not answer: %s") % error
        return Finding(Verdict.BAD, what, _("Check REDIS_URL, and that the server runs."))
    return Finding(Verdict.GOOD, _("Redis answers"))
