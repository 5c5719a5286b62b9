"""`manage.py db_worker`: carries jobs out, and says that it lives."""

from __future__ import annotations

from typing import Any

from django_tasks_db.management.commands import db_worker

from kvmweb.services import worker_beat


class Command(db_worker.Command):
    """The one of django-tasks, with a heart."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Blocks until SIGTERM, or with --batch until nothing is left to do."""
        if not options["batch"]:
            worker_beat.start()
        super().handle(*args, **options)
