"""`manage.py createadmin`: an administrator without a browser."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kvmweb.core.actors import PORTAL
from kvmweb.core.errors import Invalid
from kvmweb.services import people


class Command(BaseCommand):
    """The password never stands in the arguments, which everybody on the machine can read."""

    help = "Make an administrator, or give an existing person that role and a new password."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name, and where the password comes from."""
        parser.add_argument("--username", required=True)
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, or say which rule was broken."""
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
        else:
            password = getpass.getpass("Password: ")
        if not password:
            raise CommandError("the password is empty")
        try:
            people.add_administrator(PORTAL, username=options["username"], password=password)
        except Invalid as invalid:
            raise CommandError(" ".join(invalid.fields.values())) from invalid
        self.stdout.write(f"{options['username']} is an administrator.")
