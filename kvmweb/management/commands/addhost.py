"""`manage.py addhost`: a host without a browser."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kvmweb.core.actors import PORTAL
from kvmweb.core.errors import Exists, Invalid
from kvmweb.services import hosts


class Command(BaseCommand):
    """Any libvirt URI: who may run this may reach the hypervisor anyway."""

    help = "Add a libvirt host by name and URI."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name and URI."""
        parser.add_argument("name")
        parser.add_argument("uri", help="such as qemu:///system or qemu+ssh://root@host/system")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it; the hub connects within seconds."""
        try:
            ref = hosts.add_uri(PORTAL, options["name"], options["uri"])
        except Invalid as invalid:
            raise CommandError(" ".join(invalid.fields.values())) from invalid
        except Exists as exists:
            raise CommandError(
                f"there is such a host already: {exists.context['name']}"
            ) from exists
        self.stdout.write(f"Host {options['name']} is added as {ref.host}.")
