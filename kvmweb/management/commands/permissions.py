"""`manage.py permissions > docs/permissions.md`: which right every address asks for."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from kvmweb.management import charter


class Command(BaseCommand):
    """Read from the marks in the code."""

    help = "Print docs/permissions.md: which right every address and service asks for."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print it."""
        self.stdout.write(charter.page(), ending="")
