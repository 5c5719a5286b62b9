"""`manage.py import_osinfo`: a newer database of operating systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kvmweb.core.actors import PORTAL
from kvmweb.core.errors import Invalid
from kvmweb.services import system_database


class Command(BaseCommand):
    """The portal may run meanwhile: it reads the new database with its next answer."""

    help = "Take a newer database of operating systems: osinfo-db-YYYYMMDD.tar.xz of libosinfo."

    def add_arguments(self, parser: CommandParser) -> None:
        """The archive."""
        parser.add_argument("file", type=Path, help="the archive as it is published")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, or say what is wrong with the file."""
        try:
            came = system_database.take(PORTAL, options["file"])
        except Invalid as invalid:
            raise CommandError(invalid.detail) from invalid
        self.stdout.write(
            f"Version {came.version} of the osinfo database is in use now: "
            f"{came.count} systems, {came.new} of them new."
        )
