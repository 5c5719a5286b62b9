"""`manage.py serve`: everything that one machine needs to run the portal, in one command."""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Any

import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from kvmweb.management import certificate, daemons, heap, translations
from kvmweb.management.listener import Listener
from kvmweb.services import people

MESSAGE_LIMIT = 1024 * 1024
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104
"""Addresses that mean all interfaces, and where to reach the portal then."""


class Command(BaseCommand):
    """Prepare the data folder, start the processes beside the portal, serve until told to end."""

    help = "Run the portal: migrates, makes the certificate, starts libvirt if nobody does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--web-only` is for service managers, which start the other parts themselves."""
        parser.add_argument(
            "--web-only",
            action="store_true",
            help="only the web process: no migration, no jobs worker, no libvirt daemons",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Blocks until SIGINT or SIGTERM; then ends everything that it started."""
        os.umask(0o077)
        heap.few_and_small()
        # uvicorn hands the signal on to us after it has closed its connections.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        _check_address()
        lock = None if options["web_only"] else _prepare()
        link = _setup_link()
        children = [] if options["web_only"] else _start_children()
        announcement = threading.Thread(target=_announce, args=(self.stdout, link), daemon=True)
        announcement.start()
        try:
            connections.close_all()
            uvicorn.Server(_configuration()).run()
        except KeyboardInterrupt:
            pass
        finally:
            for child in reversed(children):
                child.end()
            if lock is not None:
                lock.close()


def _check_address() -> None:
    """Refuse what would only fail later, or be unsafe. Raises CommandError."""
    if settings.KVMWEB_PLAIN_HTTP and not _is_loopback(settings.KVMWEB_BIND):
        raise CommandError("Plain HTTP is for loopback only: unset KVMWEB_PLAIN_HTTP.")
    try:
        found = socket.getaddrinfo(
            settings.KVMWEB_BIND, settings.KVMWEB_PORT, type=socket.SOCK_STREAM
        )
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {settings.KVMWEB_BIND} port {settings.KVMWEB_PORT}: "
            f"{error.strerror}. Is the portal running already? KVMWEB_PORT sets another port."
        ) from error


def _is_loopback(bind: str) -> bool:
    try:
        return ip_address(bind).is_loopback
    except ValueError:
        return bind == "localhost"


def _prepare() -> IO[str]:
    """Data folder, tables, translations. Answers the lock that keeps a second portal out."""
    for folder in (settings.KVMWEB_DATA_DIR, settings.KVMWEB_RUN_DIR, settings.STATIC_ROOT):
        Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    for file in settings.KVMWEB_DATA_DIR.glob("*.sqlite3*"):
        file.chmod(0o600)  # made by an older portal, or by hand: it holds sessions and hashes
    lock = (settings.KVMWEB_DATA_DIR / "serve.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CommandError(
            f"Another portal uses {settings.KVMWEB_DATA_DIR}: KVMWEB_DATA_DIR sets another folder."
        ) from error
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    for folder in settings.LOCALE_PATHS:
        translations.compile_stale(Path(folder))
    return lock


def _start_children() -> list[daemons.Child]:
    children = []
    if settings.KVMWEB_START_LIBVIRT:
        children += daemons.start_libvirt(settings.KVMWEB_DATA_DIR / "log")
    children.append(daemons.start_command("db_worker", "--interval", "0.1"))
    if not settings.KVMWEB_EMBEDDED_HUB:
        children.append(daemons.start_command("hub"))
    return children


def _configuration() -> uvicorn.Config:
    certificate_file = key_file = None
    if not settings.KVMWEB_PLAIN_HTTP:
        certificate_file, key_file = certificate.ensure(settings.KVMWEB_DATA_DIR / "tls")
    return uvicorn.Config(
        "kvmweb.asgi:application",
        host=settings.KVMWEB_BIND,
        port=settings.KVMWEB_PORT,
        ssl_certfile=certificate_file,
        ssl_keyfile=key_file,
        lifespan="on",
        http=Listener,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_LIMIT,
        ws_per_message_deflate=False,
        access_log=False,
        log_level=logging.getLevelName(logging.WARNING).lower(),
        log_config=None,
        # Who the peer really is, is decided by our own middleware and KVMWEB_TRUSTED_PROXIES.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def _announce(output: Any, link: str) -> None:
    """Say where the portal is, once it answers there; and how to become its administrator."""
    _wait_listening()
    origin = _origin()
    output.write(f"\nkvmweb is at {origin}{settings.KVMWEB_URL_PREFIX}/   (Ctrl+C ends it)")
    if link:
        output.write("Nobody can sign in yet. Make the first administrator here:")
        output.write(f"  {origin}{link}")
    output.flush()


def _origin() -> str:
    """Where people reach the portal: the proxy's address where one is set, else our own."""
    if settings.KVMWEB_ORIGINS:
        return str(settings.KVMWEB_ORIGINS[0])
    bind = settings.KVMWEB_BIND
    host = "localhost" if bind in EVERYWHERE or _is_loopback(bind) else bind
    scheme = "http" if settings.KVMWEB_PLAIN_HTTP else "https"
    return f"{scheme}://{host}:{settings.KVMWEB_PORT}"


def _wait_listening() -> None:
    host = EVERYWHERE.get(settings.KVMWEB_BIND, settings.KVMWEB_BIND)
    for _ in range(600):
        try:
            socket.create_connection((host, settings.KVMWEB_PORT), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def _setup_link() -> str:
    """The one-time link's path while there is no administrator, empty after."""
    return people.setup_link()
