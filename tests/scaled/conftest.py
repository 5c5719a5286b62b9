"""The scaled form as an operator has it: PostgreSQL, Redis, several machines.

A machine is a data folder of its own with the processes that run on it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab.servers import free_port

PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parents[2]


class Machine:
    """One machine of the portal: its environment and its processes.

    run_dir: shared by processes that stand for one machine; its own otherwise.
    """

    def __init__(
        self, name: str, database_url: str, redis_url: str, run_dir: Path | None = None
    ) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"kvs-{name}-", dir="/tmp"))
        self.port = 0
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("KVMWEB_", "PYTEST"))},
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "KVMWEB_DATA_DIR": str(self.folder),
            "KVMWEB_RUN_DIR": str(run_dir or self.folder / "run"),
            "KVMWEB_SECRET_KEY": "the same on every machine of this test",
            "KVMWEB_LOCAL_URI": "",
            "KVMWEB_PLAIN_HTTP": "1",
            "NO_PROXY": "*",
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment,
            input=stdin, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_hub(self) -> subprocess.Popen[bytes]:
        return self._start(sys.executable, "manage.py", "hub")

    def start_jobs(self) -> subprocess.Popen[bytes]:
        return self._start(sys.executable, "manage.py", "db_worker", "--interval", "0.1")

    def start_web(self) -> subprocess.Popen[bytes]:
        self.port = free_port()
        origin = {"KVMWEB_ORIGINS": self.url, "KVMWEB_PORT": str(self.port)}
        self.environment |= origin
        uvicorn = [sys.executable, "-m", "uvicorn", "kvmweb.asgi:application"]
        return self._start(*uvicorn, "--port", str(self.port), "--lifespan", "on")

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    """What is in PostgreSQL, looked at from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def run(self, query: str, *values: Any) -> None:
        self._connection.execute(query, values)  # type: ignore[arg-type]

    def add_host(self, key: str, uri: str) -> None:
        """Texts that nobody gave are empty, as from the portal itself."""
        given = {"key": key, "name": key, "uri": uri}
        asked = self.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'store_host' "
            "AND is_nullable = 'NO' AND data_type IN ('text', 'character varying')"
        )
        texts = {name: given.get(name, "") for (name,) in asked}
        self.run(
            f"INSERT INTO store_host (is_enabled, added_at, {', '.join(texts)}) "
            f"VALUES (true, now(){', %s' * len(texts)})",
            *texts.values(),
        )

    def is_up(self, key: str) -> bool:
        query = "SELECT 1 FROM inventory_hostmirror WHERE host = %s AND state = 'up'"
        return bool(self.rows(query, key))

    def leaseholder(self) -> int:
        """Process id of the hub with an advisory lock; 0: nobody."""
        query = (
            "SELECT DISTINCT a.application_name FROM pg_locks l JOIN pg_stat_activity a "
            "USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %s"
        )
        found = self.rows(query, self._connection.info.dbname)
        assert len(found) < 2, f"two hubs hold the host: {found}"
        return int(found[0][0].removeprefix("kvmweb-hub-")) if found else 0

    def close(self) -> None:
        self._connection.close()


def until(look: Callable[[], Any], timeout_s: float = 20.0) -> float:
    """Wait until it is true; answers how long that took."""
    began = time.monotonic()
    while not (seen := look()):
        assert time.monotonic() - began < timeout_s, f"still {seen!r} after {timeout_s} s"
        time.sleep(0.02)
    return time.monotonic() - began


def _create(postgres_url: str, name: str, template: str = "template0") -> str:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
    return f"{postgres_url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def migrated(postgres_url: str, redis_url: str) -> str:
    """Name of a database that is migrated and has the administrator `ada`."""
    machine = Machine("first", _create(postgres_url, "kvmweb_migrated"), redis_url)
    machine.manage("migrate", "-v0")
    machine.manage("createadmin", "--username", "ada", "--password-stdin", stdin=PASSWORD)
    machine.stop()
    return "kvmweb_migrated"


@pytest.fixture
def database(postgres_url: str, migrated: str) -> Iterator[Database]:
    """A database of this test's own."""
    opened = Database(_create(postgres_url, f"kvmweb_{time.time_ns()}", migrated))
    yield opened
    opened.close()


@pytest.fixture
def neighbours(
    database: Database, redis_url: str, tmp_path: Path
) -> Iterator[tuple[Machine, Machine]]:
    """Two webs and two hubs side by side on one machine: one worker for all."""
    run_dir = Path(tempfile.mkdtemp(prefix="kvs-run-", dir="/tmp"))
    both = (
        Machine("a", database.url, redis_url, run_dir),
        Machine("b", database.url, redis_url, run_dir),
    )
    try:
        yield both
    finally:
        for machine in both:
            machine.stop()
        shutil.rmtree(run_dir, ignore_errors=True)


@pytest.fixture
def machines(database: Database, redis_url: str) -> Iterator[tuple[Machine, Machine]]:
    """Two machines; nothing runs on them yet."""
    both = Machine("a", database.url, redis_url), Machine("b", database.url, redis_url)
    try:
        yield both
    finally:
        for machine in both:
            machine.stop()
