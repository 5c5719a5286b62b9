"""`manage.py hub`: the hub as a process of its own (scaled form)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from kvmweb.services import hub


class Command(BaseCommand):
    """Runs until SIGTERM or Ctrl+C."""

    help = "Watch all hosts and keep the mirror true (the scaled form; embedded otherwise)."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Serve."""
        hub.serve()
