"""`manage.py consolegateway`: consoles through stock websockify, on the portal's tickets."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections
from websockify.websocketproxy import WebSocketProxy

from kvmweb.management.gateway import Handler, Tickets


class Command(BaseCommand):
    """Listens on a port of its own; KVMWEB_CONSOLE_GATEWAY tells the pages where."""

    help = "Carry consoles through websockify instead of the web processes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """TLS is websockify's own; without a certificate it is for a proxy on this machine."""
        parser.add_argument("--listen", default=f"{settings.KVMWEB_BIND}:6080")
        parser.add_argument("--cert", default="")
        parser.add_argument("--key", default="")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Blocks until it is told to end."""
        host, _, port = options["listen"].rpartition(":")
        connections.close_all()
        proxy = WebSocketProxy(
            RequestHandlerClass=Handler,
            listen_host=host.strip("[]"),
            listen_port=int(port),
            cert=options["cert"],
            key=options["key"],
            ssl_only=bool(options["cert"]),
            token_plugin=Tickets(None),
            heartbeat=20,
        )
        self.stdout.write(f"consoles at {options['listen']}")
        proxy.start_server()
