"""`manage.py grant`: give a role, or take it back, without a browser."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from kvmweb.core.actors import PORTAL
from kvmweb.core.errors import Invalid, NotFound
from kvmweb.services import grants


class Command(BaseCommand):
    """Open pages and consoles follow within two seconds."""

    help = "Give a role to a person or team, or take it back (--revoke)."

    def add_arguments(self, parser: CommandParser) -> None:
        """PERSON|--team T, ROLE, SCOPE."""
        parser.add_argument("holder", help="user name, or the team's name with --team")
        parser.add_argument("role", help="viewer, console, operator, …, administrator")
        parser.add_argument(
            "scope", help="everything, HOST, HOST/GUEST (name or UUID), or project:NAME"
        )
        parser.add_argument("--team", action="store_true", help="the holder is a team")
        parser.add_argument("--starts", type=_moment, help="YYYY-MM-DD[THH:MM[:SS[+HH:MM]]]")
        parser.add_argument("--ends", type=_moment, help="the same; without a zone: UTC")
        parser.add_argument("--revoke", action="store_true", help="take it back")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, or say what was wrong."""
        role, scope = options["role"], options["scope"]
        try:
            holder = grants.holder_named(PORTAL, options["holder"], is_team=options["team"])
            if options["revoke"]:
                count = grants.revoke_role(PORTAL, role, scope, **holder)
                self.stdout.write(f"{count} taken back.")
                return
            terms = grants.Terms(role, scope, options["starts"], options["ends"])
            grants.give(PORTAL, terms, **holder)
        except Invalid as invalid:
            raise CommandError(" ".join(invalid.fields.values())) from invalid
        except NotFound as missing:
            raise CommandError(f"there is nobody of this name: {options['holder']}") from missing
        self.stdout.write(f"{options['holder']} is {role} of {scope}.")


def _moment(text: str) -> dt.datetime:
    moment = parse_datetime(text)
    if moment is None and (day := parse_date(text)):
        moment = dt.datetime.combine(day, dt.time())
    if moment is None:
        raise CommandError(f"this is no date: {text}")
    return moment if timezone.is_aware(moment) else moment.replace(tzinfo=dt.UTC)
