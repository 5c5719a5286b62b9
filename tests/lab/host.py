"""A private libvirt host in namespaces of its own: what the tests call a lab.

    host = LabHost("east", 7)
    host.start()
    host.define_guest("web01"); host.virsh("start", "web01"); host.wait_ready("web01")
    host.stop()

Own mount, network, process, IPC, UTS and cgroup namespaces, host UUID and name; a cap on memory.
Nothing of the machine's own libvirt is seen.  All ends with `stop()`, or when its caller dies.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

from tests.lab import cable, cgroups
from tests.lab.guests import KEPT, GuestOptions, definition

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
MEMORY_CAP = 2 * 1024**3
NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")

LIBVIRTD_CONF = """\
host_uuid = "{uuid}"
listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
keepalive_interval = 5
keepalive_count = 5
"""
QEMU_CONF = """\
security_driver = "none"
user = "root"
group = "root"
swtpm_user = "root"
swtpm_group = "root"
remember_owner = 0
namespaces = []
"""
NETWORK = """\
<network><name>default</name><uuid>{uuid}</uuid><forward mode='nat'/>
<bridge name='virbr0' stp='on' delay='0'/>
<ip address='192.168.{number}.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.{number}.100' end='192.168.{number}.200'/></dhcp></ip></network>
"""
POOL = """\
<pool type='dir'><name>default</name><uuid>{uuid}</uuid>
<target><path>/var/lib/libvirt/images</path></target></pool>
"""


class LabError(Exception):
    """The lab itself did not do what it should; not a finding about the product."""


def guest_image() -> Path:
    """Folder with `vmlinuz` and `initrd.gz`, built once and kept below .cache/."""
    cache = Path(os.environ.get("KVMWEB_TEST_CACHE", REPOSITORY / ".cache"))
    script = REPOSITORY / "deploy" / "demo" / "build_guest.py"
    done = subprocess.run(
        [sys.executable, script, cache / "guest"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(done.stderr)
    return Path(done.stdout.strip())


def sweep() -> None:
    """Remove what labs left whose tests were killed; their processes are gone already."""
    for owner in Path("/tmp").glob("kvl-*/owner"):
        try:
            pid, group = owner.read_text().split()
        except (OSError, ValueError):
            continue
        if not Path(f"/proc/{pid}").exists():
            cgroups.remove(group)
            # Its processes may still be dying; then the next sweep does it.
            if not any(folder.exists() for folder in cgroups.folders(group)):
                shutil.rmtree(owner.parent, ignore_errors=True)


class LabHost:
    """One private libvirtd. `name`: [a-z0-9], becomes its host name. `number`: 1 to 250."""

    def __init__(self, name: str, number: int, *, memory_cap: int = MEMORY_CAP) -> None:
        self.name = name
        self.number = number
        self.memory_cap = memory_cap
        self.group = f"kvl-{name}"
        self.folder = Path()
        self.address = f"10.77.{number}.1"
        self._leader: subprocess.Popen[str] | None = None
        self.pid1 = 0

    # -- life ------------------------------------------------------------------------------

    @property
    def uri(self) -> str:
        """What a client outside connects to."""
        return f"qemu+unix:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def tcp_uri(self) -> str:
        """The same host over the network."""
        return f"qemu+tcp://{self.address}/system"

    def start(self) -> LabHost:
        """Make the namespaces and wait until libvirtd answers: 0.5 to 1 s."""
        sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"kvl-{self.name}-", dir="/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "owner").write_text(f"{os.getpid()} {self.group}")
        try:
            self._write_configuration()
            self._spawn()
            self._command("go", timeout_s=30)
            self.wait_answering(20)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End everything in the namespaces and remove all traces. Safe to call twice."""
        leader, self._leader = self._leader, None
        if leader is not None:
            if leader.stdin:
                leader.stdin.close()
            try:
                leader.wait(5)
            except subprocess.TimeoutExpired:
                leader.kill()
                leader.wait(5)
            if leader.stdout:
                leader.stdout.close()
        cable.take_up(self._veth)
        for _ in range(20):
            cgroups.remove(self.group)
            if not any(folder.exists() for folder in cgroups.folders(self.group)):
                break
            time.sleep(0.1)
        if self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> LabHost:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- faults ----------------------------------------------------------------------------

    @property
    def libvirtd_pid(self) -> int:
        """As seen from outside."""
        return self._outside(int((self.folder / "run/libvirtd.pid").read_text()))

    def kill_libvirtd(self) -> None:
        """kill -9; guests run on."""
        pid = self.libvirtd_pid
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def restart_libvirtd(self) -> None:
        """Start it again after `kill_libvirtd` and wait until it answers."""
        self._command("libvirtd", timeout_s=20)
        self.wait_answering(20)

    def freeze(self) -> None:
        """The host falls silent: connections stay open, nothing answers."""
        os.kill(self.libvirtd_pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """End of `freeze`.

        libvirtd 9.0 now and then dies of a null pointer (thread prio-rpc) when it wakes to clients
        that have left: started again as a service manager would, for the tests that come next.
        """
        self.revive()
        pid = self.libvirtd_pid
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            if not Path(f"/proc/{pid}").exists():
                self.restart_libvirtd()
                return
            time.sleep(0.05)

    def revive(self) -> None:
        """Start libvirtd again where it has died; a frozen one is not dead."""
        try:
            _alive = self.libvirtd_pid
        except (LabError, OSError):
            self.restart_libvirtd()

    def qemu_pid(self, guest: str) -> int:
        """The QEMU process of a running guest, as seen from outside."""
        return self._outside(int((self.folder / f"run/qemu/{guest}.pid").read_text()))

    def inside(self, *command: str, check: bool = True) -> str:
        """Run a command in the host's network and mounts (iptables, ip, mount ...)."""
        enter = ["nsenter", "-t", str(self.pid1), "--mount", "--net", "--uts", "--pid", "--ipc"]
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise LabError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    # -- guests ----------------------------------------------------------------------------

    def virsh(self, *arguments: str, check: bool = True, timeout_s: float = 60) -> str:
        """What virsh prints. Raises LabError with its words."""
        done = subprocess.run(
            ["virsh", "-q", "-c", self.uri, *arguments],
            capture_output=True, text=True, check=False, timeout=timeout_s,
        )  # fmt: skip
        if check and done.returncode:
            raise LabError(f"virsh {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def define_guest(self, name: str, *, start: bool = False, **options: object) -> str:
        """Define a guest as `GuestOptions` say; answers its UUID."""
        chosen = GuestOptions(**options)  # type: ignore[arg-type]
        chosen = replace(chosen, uuid=chosen.uuid or str(uuid.uuid4()))
        path = self.folder / f"{chosen.uuid}.xml"
        path.write_text(definition(name, guest_image(), chosen))
        self.virsh("define", str(path))
        if start:
            self.virsh("start", chosen.uuid)
        return chosen.uuid

    def make_disk(self, name: str, size: str = "64M") -> str:
        """A qcow2 in the default pool; answers its path as the host sees it."""
        path = self.folder / "lib/images" / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
        return f"/var/lib/libvirt/images/{name}.qcow2"

    def serial_log(self, name: str, port: int = 0) -> str:
        """All that the guest ever printed on its serial port."""
        path = self.folder / "log" / f"console-{name}-{port}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_ready(self, name: str, *, boots: int = 1, timeout_s: float = 60) -> None:
        """Wait until the guest has booted this many times since it was defined."""
        deadline = time.monotonic() + timeout_s
        while self.serial_log(name).count("GUEST READY") < boots:
            if time.monotonic() > deadline:
                raise LabError(f"{name} did not boot: {self.serial_log(name)[-500:]}")
            time.sleep(0.1)

    def state(self, name: str) -> str:
        """libvirt's word: running, paused, shut off ..."""
        return self.virsh("domstate", name)

    def wait_state(self, name: str, wanted: str, *, timeout_s: float = 30) -> None:
        """Wait for a state."""
        deadline = time.monotonic() + timeout_s
        while self.state(name) != wanted:
            if time.monotonic() > deadline:
                raise LabError(f"{name} is {self.state(name)}, not {wanted}")
            time.sleep(0.1)

    def forget(self, *uuids: str) -> None:
        """Remove these guests with all that libvirt keeps of them."""
        for uuid_ in uuids:
            name = self.virsh("domname", uuid_, check=False)
            self.virsh("destroy", uuid_, check=False)
            self.virsh("undefine", uuid_, *KEPT, check=False)
            for log in self.folder.joinpath("log").iterdir():
                if name and log.name.startswith(f"console-{name}-"):
                    log.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every guest and every volume of `default`: what tests begin with."""
        self.forget(*self.virsh("list", "--all", "--uuid").split())
        self.empty_pool()

    def empty_pool(self) -> None:
        """Remove every volume of the pool `default`."""
        for path in (self.folder / "lib/images").iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        self.virsh("pool-refresh", "default", check=False)

    def wait_answering(self, timeout_s: float) -> None:
        """Wait until libvirtd answers a client."""
        deadline = time.monotonic() + timeout_s
        while True:
            done = subprocess.run(
                ["virsh", "-q", "-c", self.uri, "uri"], capture_output=True, check=False, timeout=20
            )
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} does not answer: {done.stderr.decode()}{self._log()}")
            time.sleep(0.05)

    # -- inner workings --------------------------------------------------------------------

    @property
    def _veth(self) -> str:
        return f"kvl{self.number}"

    def _log(self) -> str:
        path = self.folder / "init.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _identity(self, what: int) -> str:
        return f"{self.number:08x}-{what:04x}-4000-8000-{self.number:012x}"

    def _write_configuration(self) -> None:
        for part in ("lib/images", "run", "log", "cache"):
            (self.folder / part).mkdir(parents=True)
        etc = self.folder / "etc"
        own = shutil.ignore_patterns("qemu", "storage", "secrets")
        shutil.copytree("/etc/libvirt", etc, ignore=own, symlinks=True)
        (etc / "libvirtd.conf").write_text(LIBVIRTD_CONF.format(uuid=self._identity(1)))
        (etc / "qemu.conf").write_text(QEMU_CONF)
        for folder, text, what in (("qemu/networks", NETWORK, 2), ("storage", POOL, 3)):
            (etc / folder / "autostart").mkdir(parents=True)
            written = text.format(uuid=self._identity(what), number=self.number)
            (etc / folder / "default.xml").write_text(written)
            link = etc / folder / "autostart" / "default.xml"
            link.symlink_to(f"/etc/libvirt/{folder}/default.xml")
        hosts = f"127.0.0.1 localhost\n{self.address} {self.name}\n"
        (self.folder / "hosts").write_text(hosts)

    def _spawn(self) -> None:
        groups = cgroups.make(self.group, self.memory_cap)
        enter = "".join(f"echo 0 > {path}; " for path in groups)
        pid1 = ["python3", "-I", str(HERE / "pid1.py"), str(self.folder), self.name]
        command = ["unshare", *NAMESPACES, "--fork", "--kill-child", *pid1, cgroups.version()]
        with (self.folder / "init.log").open("w") as log:
            self._leader = subprocess.Popen(
                ["sh", "-c", f'{enter} exec "$@"', "sh", *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True, cwd="/",
            )  # fmt: skip
        self.pid1 = self._child_of_leader()
        cable.lay(self._veth, self.number, self.pid1)
        for line in (f"addr add {self.address}/24 dev eth0", "link set eth0 up"):
            enter_net = ["nsenter", "-t", str(self.pid1), "--net"]
            subprocess.run([*enter_net, "ip", *line.split()], check=True)

    def _child_of_leader(self) -> int:
        assert self._leader is not None
        children = Path(f"/proc/{self._leader.pid}/task/{self._leader.pid}/children")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._leader.poll() is not None:
                break
            # The shell's own children (there are none) never count: unshare is the same pid.
            found = children.read_text().split()
            if found:
                return int(found[0])
            time.sleep(0.01)
        raise LabError(f"no namespaces for {self.name}: {self._log()}")

    def _command(self, word: str, *, timeout_s: float) -> None:
        leader = self._leader
        if leader is None or leader.stdin is None or leader.stdout is None:
            raise LabError(f"{self.name} is not running")
        leader.stdin.write(f"{word}\n")
        leader.stdin.flush()
        ready, _, _ = select.select([leader.stdout], [], [], timeout_s)
        if not ready or leader.stdout.readline().strip() != f"done {word}":
            raise LabError(f"{self.name} did not {word}: {self._log()}")

    def _outside(self, inner: int) -> int:
        space = os.readlink(f"/proc/{self.pid1}/ns/pid")
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(entry / "ns/pid") != space:
                    continue
                status = (entry / "status").read_text()
            except OSError:
                continue
            line = next(li for li in status.splitlines() if li.startswith("NSpid:"))
            if int(line.split()[-1]) == inner:
                return int(entry.name)
        raise LabError(f"no process {inner} on {self.name}")
