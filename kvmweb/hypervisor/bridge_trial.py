"""A change of the host's network on trial: done, watched over and taken back by a process apart.

The process is a shell script in a folder of the host, started before anything is touched. It owes
nothing to the worker that started it, to the portal or to its files: whoever of them ends, the
former state returns unless `settled` was made first. Making that folder decides, for it succeeds
only once. What neither was kept nor returned (the host itself went down) returns when it is read
the next time, which a worker does first of all.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import time
from dataclasses import asdict, replace
from pathlib import Path

from kvmweb.core import errors
from kvmweb.core.bridges import (
    DELETE,
    DETACH,
    FAILED,
    KEPT,
    ON_TRIAL,
    RETURNED,
    RETURNING,
    SWITCHING,
    Trial,
)
from kvmweb.hypervisor.bridge_place import LONG_S, Place
from kvmweb.hypervisor.bridge_ways import Plan, Wish

FOLDER = "/var/lib/kvmweb-network"
KEEP = 5
LOG_MAX = 4000
GRACE_S = 5
LEAD_S = 3
"""Before the switch: the page that tells of it reaches the person first."""
SHOWN_S = 900
"""So long an outcome is told."""

_WATCH = """\
cd {folder} || exit 1
exec >log 2>&1 </dev/null
sleep {lead_s}
end=$(( $(date +%s) + {back_s} ))
if timeout {back_s} sh ./apply; then : >applied
else mkdir settled && echo failed >outcome; sh ./back; : >ended; exit 0; fi
while [ "$(date +%s)" -lt "$end" ] && [ ! -e now ] && [ ! -e settled ]; do sleep 1; done
mkdir settled 2>/dev/null || exit 0
echo returned >outcome
sh ./back; : >ended
"""


def begin(place: Place, wish: Wish, plan: Plan, back_s: int) -> Trial:
    """Start it; nothing is touched yet when this answers. Raises Busy while another is open."""
    known = read(place)
    if known is not None and known.is_open:
        raise errors.Busy("another change of this host's network is on trial")
    base = place.path(FOLDER)
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    trial = Trial(
        name, wish.act, wish.bridge, wish.device, plan.way, SWITCHING, time.time() + back_s + LEAD_S
    )
    folder = base / name
    folder.mkdir(mode=0o700)
    _store(place, folder, plan, _addresses_again(place, wish))
    script = _WATCH.format(folder=shlex.quote(f"{FOLDER}/{name}"), lead_s=LEAD_S, back_s=back_s)
    (folder / "watch").write_text(_head(place) + script)
    (folder / "trial").write_text(json.dumps({**asdict(trial), "boot": _boot(place)}))
    (base / "current").write_text(name)
    _start(place, f"{FOLDER}/{name}/watch", f"kvmweb-network-{name}")
    _prune(base, name)
    return trial


def settle(place: Place, name: str, *, is_kept: bool) -> Trial:
    """Keep it, or have the former state back at once.

    Raises: WrongState, NotFound, Fault where it cannot be made to last: then it returned.
    """
    trial = read(place)
    if trial is None or trial.id != name:
        raise errors.NotFound("no such change")
    if trial.state != ON_TRIAL:
        raise errors.WrongState(trial.state, state=trial.state)
    folder = place.path(f"{FOLDER}/{name}")
    if not is_kept:
        (folder / "now").touch()
        return trial
    try:
        (folder / "settled").mkdir()
    except FileExistsError:
        raise errors.WrongState(RETURNING, state=RETURNING) from None
    if (folder / "kept").exists():
        try:
            place.said("sh", f"{FOLDER}/{name}/kept")
        except errors.Fault:
            _undo(place, folder, FAILED)
            raise
    (folder / "outcome").write_text(KEPT)
    return replace(trial, state=KEPT)


def read(place: Place) -> Trial | None:
    """The last change, if it is open or ended lately. Has what was left over return."""
    base = place.path(FOLDER)
    try:
        name = (base / "current").read_text().strip()
        plain = json.loads((base / name / "trial").read_text())
    except (OSError, ValueError):
        return None
    boot = plain.pop("boot")
    folder = base / name
    state = _state(folder)
    is_over = time.time() > plain["ends_at"] + GRACE_S or boot != _boot(place)
    if state in (SWITCHING, ON_TRIAL, RETURNING) and is_over and not _is_watched(place, name):
        (folder / "settled").mkdir(exist_ok=True)
        _undo(place, folder, RETURNED)
        state = _state(folder)
    trial = Trial(**{**plain, "state": state, "log": _log(folder)})
    return trial if trial.is_open or time.time() < trial.ends_at + SHOWN_S else None


def _state(folder: Path) -> str:
    if (folder / "settled").exists():
        try:
            outcome = (folder / "outcome").read_text().strip()
        except OSError:
            return RETURNING
        if outcome == KEPT or (folder / "ended").exists():
            return outcome or RETURNED
        return RETURNING
    if (folder / "now").exists():
        return RETURNING
    return ON_TRIAL if (folder / "applied").exists() else SWITCHING


def _store(place: Place, folder: Path, plan: Plan, at_last: str) -> None:
    """The scripts that do it and take it back, and the files of both states."""
    (folder / "new").mkdir()
    (folder / "old").mkdir()
    there = f"{FOLDER}/{folder.name}"
    writes, puts_back = [], []
    for number, (path, text) in enumerate(plan.files.items()):
        quoted, old = shlex.quote(path), f"{there}/old/{number}"
        if place.path(path).exists():
            shutil.copy2(place.path(path), folder / "old" / str(number))
            puts_back.append(f"cp -p {old} {quoted}")
        else:
            puts_back.append(f"rm -f {quoted}")
        if text is None:
            writes.append(f"rm -f {quoted}")
            continue
        new = folder / "new" / str(number)
        new.write_text(text, errors="surrogateescape")
        new.chmod(_mode(place.path(path)))
        writes.append(f"cp {there}/new/{number} {quoted}.kvmweb && chmod {_mode(new):o} "
                      f"{quoted}.kvmweb && mv {quoted}.kvmweb {quoted}")  # fmt: skip
    doing = [*plan.before, *writes, *plan.after]
    (folder / "apply").write_text("\n".join([_head(place) + "set -ex", *doing, ""]))
    undoing = [*plan.back_before, *puts_back, *plan.back_after, at_last]
    (folder / "back").write_text("\n".join([_head(place) + "set -x", *undoing, ""]))
    if plan.kept:
        (folder / "kept").write_text("\n".join([_head(place) + "set -e", *plan.kept, ""]))


def _addresses_again(place: Place, wish: Wish) -> str:
    """The addresses and routes of now, for the case that the host's own tool brings none back."""
    device = wish.bridge if wish.act in (DELETE, DETACH) else wish.device
    if not wish.addresses:
        return ""
    routes = place.said("ip", "route", "show", "dev", device).splitlines()
    lines = [f"ip link set dev {device} up"]
    lines += [f"ip addr replace {address} dev {device}" for address in wish.addresses]
    lines += [f"ip route replace {it.strip()} dev {device}" for it in routes if "kernel" not in it]
    condition = f"ip -o addr show dev {device} scope global | grep -q inet"
    return "\n".join([f"if ! {condition}; then", *lines, "fi"])


def _head(place: Place) -> str:
    return f"PATH={shlex.quote(place.search)}; export PATH LC_ALL=C\n"


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else 0o600


def _start(place: Place, script: str, unit: str) -> None:
    """Apart from this process: under the service manager where there is one, for it ends all that
    belongs to a service with the service.
    """
    if place.path("/run/systemd/system").is_dir() and place.has("systemd-run"):
        place.said("systemd-run", "--quiet", "--collect", f"--unit={unit}", "sh", script)
        return
    line = f"setsid sh {shlex.quote(script)} </dev/null >/dev/null 2>&1 &"
    subprocess.run(
        [*place.enter, "sh", "-c", line], check=True, start_new_session=True, timeout=10,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PATH": place.search}, cwd="/",
    )  # fmt: skip


def _undo(place: Place, folder: Path, outcome: str) -> None:
    there = f"{FOLDER}/{folder.name}"
    (folder / "outcome").write_text(outcome)
    place.said("sh", "-c", f"sh {there}/back >>{there}/log 2>&1 || true", timeout_s=LONG_S)
    (folder / "ended").touch()


def _is_watched(place: Place, name: str) -> bool:
    """Whether the process that takes it back still runs: it is called by the name of the change."""
    needle = f"{FOLDER}/{name}/watch".encode()
    for entry in place.path("/proc").glob("[0-9]*/cmdline"):
        try:
            if needle in entry.read_bytes():
                return True
        except OSError:
            continue
    return False


def _boot(place: Place) -> str:
    return place.text("/proc/sys/kernel/random/boot_id").strip()


def _log(folder: Path) -> str:
    try:
        return (folder / "log").read_text(errors="replace")[-LOG_MAX:]
    except OSError:
        return ""


def _prune(base: Path, keep: str) -> None:
    """The files of the last few changes stay, in case somebody wants to look."""
    for old in sorted(it for it in base.iterdir() if it.is_dir() and it.name != keep)[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)
