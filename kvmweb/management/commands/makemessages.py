"""Collect sentences: Django's own command, which also knows the names that this project imports."""

from __future__ import annotations

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """`_now`: said at once, beside a lazy `_`."""

    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=_now"]
