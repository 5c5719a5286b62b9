"""Doors of a lab host to the outside: a real sshd, and libvirt's TLS port."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
from pathlib import Path

from tests.lab.host import LabError, LabHost

SSH_PORT = 2222
TLS_PORT = 16514
SSHD_CONF = """\
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin yes
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
"""


class Sshd:
    """sshd inside the host's namespaces; it ends with them, or by `stop`."""

    def __init__(self, lab: LabHost) -> None:
        self.lab = lab
        self.folder = lab.folder / "ssh"
        self.folder.mkdir(exist_ok=True)
        self._authorized = self.folder / "authorized_keys"
        self._authorized.write_text("")

    def start(self) -> Sshd:
        """With the host key that it has, or a new one; comes back when it listens."""
        if not (self.folder / "host_key").exists():
            key = self.folder / "host_key"
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]
            subprocess.run(command, check=True)
        conf = self.folder / "sshd_config"
        conf.write_text(
            SSHD_CONF.format(port=SSH_PORT, address=self.lab.address, folder=self.folder)
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        self.lab.inside("/usr/sbin/sshd", "-f", str(conf))
        wait_listening(self.lab.address, SSH_PORT)
        return self

    def stop(self) -> None:
        """As if it had been switched off; open connections end too."""
        pid = int((self.folder / "sshd.pid").read_text())
        self.lab.inside("kill", str(pid), check=False)
        time.sleep(0.2)

    def exchange_host_key(self) -> None:
        """As after a new installation."""
        self.stop()
        for path in self.folder.glob("host_key*"):
            path.unlink()
        self.start()

    def authorize(self, public_key: str) -> None:
        """Let this key in as root."""
        self._authorized.write_text(public_key + "\n")

    @property
    def fingerprint(self) -> str:
        """As an administrator reads it on the host itself."""
        command = ["ssh-keygen", "-lf", self.folder / "host_key.pub"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.split()[1]


def has_sshd() -> bool:
    """Whether this machine can run one."""
    return Path("/usr/sbin/sshd").exists() and bool(shutil.which("ssh"))


def listen_on_tls(lab: LabHost, bundle: bytes) -> None:
    """Install these certificates as their README says, and have libvirtd listen."""
    with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
        for entry in tar.getmembers():
            content = tar.extractfile(entry)
            assert content is not None
            path = lab.folder / "etc" / Path(entry.name).name
            path.write_bytes(content.read())
            path.chmod(entry.mode)
    conf = lab.folder / "etc/libvirtd.conf"
    kept = [line for line in conf.read_text().splitlines() if not line.startswith("listen_tls")]
    kept += [
        "listen_tls = 1",
        'ca_file = "/etc/libvirt/cacert.pem"',
        'cert_file = "/etc/libvirt/servercert.pem"',
        'key_file = "/etc/libvirt/serverkey.pem"',
    ]
    conf.write_text("\n".join(kept) + "\n")
    os.kill(lab.libvirtd_pid, signal.SIGTERM)
    time.sleep(0.5)
    lab.restart_libvirtd()
    wait_listening(lab.address, TLS_PORT)


def wait_listening(address: str, port: int) -> None:
    """Until somebody takes a connection."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.05)
    raise LabError(f"nobody listens on {address}:{port}")
