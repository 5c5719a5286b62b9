"""What things are called and how they look: a word, an icon and a tone for every state and verb.

Tones: good, info, busy, warn, bad, calm. Colour is never alone: each tone comes with its icon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from kvmweb.core import addresses, records, refs

Text = str | Promise


@dataclass(frozen=True, slots=True)
class State:
    """How a state is shown."""

    label: Text
    icon: str
    tone: str


@dataclass(frozen=True, slots=True)
class Verb:
    """How an action is shown. doing: said at once after the click, until the event decides.

    path: the last part of the action's URL. is_forceful: may lose data. asks: a question comes
    first, as before all that is forceful. right: the verb that is judged, where it is another one.
    """

    label: Text
    icon: str
    doing: Text = ""
    path: str = ""
    is_forceful: bool = False
    is_asked: bool = False
    right: str = ""

    @property
    def asks(self) -> bool:
        """Whether a question comes first."""
        return self.is_forceful or self.is_asked


_UNKNOWN = State(_("Unknown"), "help", "calm")

_GUEST_STATES: dict[str, State] = {
    records.GuestState.NO_STATE: _UNKNOWN,
    records.GuestState.RUNNING: State(_("Running"), "running", "good"),
    records.GuestState.BLOCKED: State(_("Running"), "running", "good"),
    records.GuestState.PAUSED: State(_("Paused"), "paused", "warn"),
    records.GuestState.SHUTTING_DOWN: State(_("Shutting down"), "busy", "busy"),
    records.GuestState.SHUT_OFF: State(_("Shut off"), "off", "calm"),
    records.GuestState.CRASHED: State(_("Crashed"), "bad", "bad"),
    records.GuestState.SUSPENDED: State(_("Suspended"), "asleep", "warn"),
}

_HOST_STATES: dict[str, State] = {
    records.HostState.CONNECTING: State(_("Connecting"), "busy", "busy"),
    records.HostState.UP: State(_("Connected"), "good", "good"),
    records.HostState.SILENT: State(_("Not answering"), "clock", "warn"),
    records.HostState.DOWN: State(_("Not connected"), "unlink", "bad"),
}

RESTING = State(_("In maintenance"), "wrench", "warn")
"""A host where no guest starts."""
DISABLED = State(_("Disabled"), "off", "calm")
"""A host that the portal was told not to connect to."""
ACTIVE = State(_("Active"), "good", "good")
INACTIVE = State(_("Inactive"), "off", "calm")
STUCK = State(_("Not answering"), "clock", "warn")
"""A guest whose QEMU process does not answer, whatever libvirt calls its state."""

_VERBS: dict[str, Verb] = {
    "host.view": Verb(_("See hosts"), "host"),
    "host.details": Verb(_("Read libvirt's own words when something fails"), "info"),
    "host.add": Verb(_("Add a host"), "add"),
    "host.remove": Verb(_("Remove a host"), "delete", is_forceful=True),
    "host.edit": Verb(_("Change a host's connection"), "edit"),
    "host.maintain": Verb(_("Put a host in maintenance"), "wrench"),
    "host.secrets": Verb(_("Manage secrets of a host"), "lock"),
    "pool.view": Verb(_("See storage pools"), "storage"),
    "pool.create": Verb(_("Create a storage pool"), "add"),
    "pool.start": Verb(pgettext_lazy("storage pool", "Start"), "play", _("starting…"), "start"),
    "pool.stop": Verb(
        pgettext_lazy("storage pool", "Stop"), "off", _("stopping…"), "stop", is_forceful=True
    ),
    "pool.autostart": Verb(_("Autostart"), "autostart", path="autostart"),
    "pool.refresh": Verb(_("Refresh"), "reboot", _("refreshing…"), "refresh"),
    "pool.edit": Verb(_("Edit the pool"), "edit", path="edit", is_forceful=True),
    "pool.build": Verb(_("Build"), "wrench", _("building…"), "build", is_forceful=True),
    "pool.delete": Verb(_("Delete the pool"), "delete", path="delete", is_forceful=True),
    "volume.create": Verb(_("Create a volume"), "add", path="create", is_forceful=True),
    "volume.resize": Verb(_("Resize"), "fullscreen", path="resize", is_forceful=True),
    "volume.clone": Verb(_("Clone or convert"), "copy", path="clone", is_forceful=True),
    "volume.wipe": Verb(_("Wipe"), "reset", path="wipe", is_forceful=True),
    "volume.delete": Verb(_("Delete the volume"), "delete", path="delete", is_forceful=True),
    "volume.delete_many": Verb(_("Delete volumes"), "delete", path="delete", is_forceful=True),
    "volume.attach": Verb(_("Attach to a guest"), "link", path="attach", is_forceful=True),
    "volume.upload": Verb(_("Upload"), "sort-up", path="upload"),
    "volume.download": Verb(_("Download"), "down", path="download"),
    "volume.inspect": Verb(_("Look inside"), "search", path="inside"),
    "volume.trust": Verb(_("Let images name other files"), "warn", path="trust"),
    "volume.check": Verb(_("Check an image"), "check", path="check"),
    "volume.fetch": Verb(_("Fetch an image from a URL"), "down", path="fetch"),
    "network.view": Verb(_("See networks"), "network"),
    "network.definition": Verb(_("See definitions of networks"), "clipboard"),
    "network.create": Verb(_("Create a network"), "add", path="create"),
    "network.start": Verb(_("Start"), "play", _("starting…"), "start"),
    "network.stop": Verb(_("Stop"), "power", _("stopping…"), "stop", is_forceful=True),
    "network.restart": Verb(_("Restart"), "reboot", _("restarting…"), "restart", is_forceful=True),
    "network.restart_dhcp": Verb(
        _("Restart DHCP and DNS"), "reboot", _("restarting…"), "restart-dhcp"
    ),
    "network.reattach": Verb(_("Re-attach guests"), "link", _("re-attaching…"), "reattach"),
    "network.autostart": Verb(_("Autostart"), "autostart", path="autostart"),
    "network.edit": Verb(_("Edit"), "edit", path="edit"),
    "network.duplicate": Verb(_("Duplicate"), "copy", path="duplicate"),
    "network.reserve": Verb(_("Reserve an address"), "lock", path="reserve"),
    "network.boot": Verb(_("Serve boot files from a folder of the host"), "storage"),
    "network.delete": Verb(_("Delete"), "delete", _("deleting…"), "delete", is_forceful=True),
    "nwfilter.view": Verb(_("See network filters"), "filter"),
    "nwfilter.edit": Verb(_("Edit network filters (XML)"), "edit"),
    "nwfilter.assign": Verb(_("Choose the network filter of an interface"), "filter"),
    "guest.view": Verb(_("See guests"), "guest"),
    "guest.start": Verb(_("Start"), "play", _("starting…"), "start"),
    "guest.start_paused": Verb(_("Start paused"), "play-paused", _("starting…"), "start-paused"),
    "guest.restore": Verb(_("Restore"), "restore", _("restoring…"), "restore"),
    "guest.shutdown": Verb(_("Shut down"), "power", _("shutting down…"), "shutdown", is_asked=True),
    "guest.start_fresh": Verb(
        _("Discard saved state and start"), "play", _("starting…"), "start-fresh", is_forceful=True
    ),
    "guest.shutdown_acpi": Verb(
        _("Shut down by ACPI"), "power", _("shutting down…"), "shutdown-acpi", is_asked=True
    ),
    "guest.shutdown_agent": Verb(
        _("Shut down by guest agent"),
        "power",
        _("shutting down…"),
        "shutdown-agent",
        is_asked=True,
    ),
    "guest.reboot": Verb(_("Reboot"), "reboot", _("rebooting…"), "reboot", is_asked=True),
    "guest.reboot_agent": Verb(
        _("Reboot by guest agent"), "reboot", _("rebooting…"), "reboot-agent", is_asked=True
    ),
    "guest.cycle": Verb(_("Shut down and start"), "reboot", path="cycle", is_asked=True),
    "guest.reset": Verb(_("Reset"), "reset", _("resetting…"), "reset", is_forceful=True),
    "guest.destroy": Verb(
        _("Force off"), "force-off", _("forcing off…"), "destroy", is_forceful=True
    ),
    "guest.suspend": Verb(_("Pause"), "pause", _("pausing…"), "suspend"),
    "guest.resume": Verb(_("Resume"), "play", _("resuming…"), "resume"),
    "guest.save": Verb(pgettext_lazy("state of a guest", "Save"), "save", _("saving…"), "save"),
    "guest.discard_saved": Verb(_("Discard saved state"), "delete"),
    "guest.discard": Verb(
        _("Discard saved state"), "delete", _("discarding…"), "discard", is_forceful=True
    ),
    "guest.nmi": Verb(_("Send NMI"), "bolt", _("sending…"), "nmi", is_forceful=True),
    "guest.autostart": Verb(_("Autostart"), "autostart", path="autostart"),
    "guest.disks": Verb(_("Change disks and media"), "storage"),
    "guest.inspect": Verb(_("Look inside disks"), "search", path="inside"),
    "guest.move_disk": Verb(_("Move a disk to another pool"), "move", path="move"),
    "guest.describe": Verb(_("Edit description"), "edit", path="describe"),
    "guest.sendkeys": Verb(_("Send keys"), "keyboard", path="sendkeys"),
    "guest.screenshot": Verb(_("Screenshot"), "camera", path="screenshot"),
    "guest.definition": Verb(_("See the definition"), "clipboard"),
    "guest.create": Verb(_("Create a guest"), "add", path="create"),
    "guest.edit": Verb(_("Change the processor, memory and devices"), "cpu"),
    "guest.resize": Verb(
        _("Processor and memory"), "cpu", path="size", is_forceful=True, right="guest.edit"
    ),
    "guest.limits": Verb(_("Limit disks and interfaces"), "gauge"),
    "guest.passthrough": Verb(_("Give guests devices and folders of the host"), "cpu"),
    "guest.clone": Verb(_("Clone"), "copy", path="clone", is_forceful=True),
    "guest.define": Verb(_("Create guests of raw XML"), "add"),
    "guest.template": Verb(_("Make a template"), "copy", path="template", is_forceful=True),
    "guest.untemplate": Verb(_("Make a guest of it"), "guest", path="untemplate", is_forceful=True),
    "guest.rename": Verb(_("Rename"), "edit", path="rename", is_forceful=True),
    "guest.agent": Verb(_("See what the guest agent says"), "eye"),
    "guest.password": Verb(_("Set a password"), "lock", path="agent/password", is_asked=True),
    "guest.keys": Verb(_("SSH keys"), "shield", path="agent/keys", is_asked=True),
    "guest.freeze": Verb(_("Freeze"), "asleep", path="agent/freeze", is_forceful=True),
    "guest.thaw": Verb(_("Thaw"), "light", _("thawing…"), "agent/thaw"),
    "guest.trim": Verb(_("Trim"), "storage", path="agent/trim", is_asked=True),
    "guest.time": Verb(_("Set its clock"), "clock", path="agent/time", is_asked=True),
    "guest.xml": Verb(_("Edit the definition (XML)"), "edit", path="definition/edit"),
    "guest.delete": Verb(_("Delete"), "delete", _("deleting…"), "delete", is_forceful=True),
    "guest.purge": Verb(_("Delete for good"), "delete"),
    "guest.snapshot": Verb(
        _("Take a snapshot"), "camera", _("taking a snapshot…"), "snapshot", is_asked=True
    ),
    "guest.revert": Verb(
        _("Revert to a snapshot"), "history", _("reverting…"), "revert", is_forceful=True
    ),
    "guest.snapshot_delete": Verb(
        _("Delete a snapshot"), "delete", _("deleting a snapshot…"), "delete", is_forceful=True
    ),
    "host.bridge": Verb(_("Use bridges and network devices of the host"), "network"),
    "host.network": Verb(_("Change the network of the host itself"), "network"),
    "network.use": Verb(_("Connect guests to a network"), "network"),
    "console.watch": Verb(_("Watch the console"), "eye"),
    "console.drive": Verb(_("Use the console"), "console"),
    "console.takeover": Verb(_("Take over the console"), "console"),
    "people.view": Verb(_("See people"), "people"),
    "people.change": Verb(_("Change people and teams"), "people"),
    "people.grant": Verb(_("Give and take grants"), "shield"),
    "audit.view": Verb(_("See the audit"), "history"),
    "job.view": Verb(_("See jobs"), "activity"),
    "settings.change": Verb(_("Change settings"), "settings"),
}

_FORWARDS: dict[str, Text] = {
    "": _("Isolated"),
    "nat": _("NAT"),
    "route": _("Routed"),
    "open": _("Open"),
    "bridge": _("Bridge"),
    "private": _("Private (direct)"),
    "vepa": _("VEPA (direct)"),
    "passthrough": _("Passthrough (direct)"),
    "hostdev": _("Host device"),
}

_POOL_TYPES: dict[str, Text] = {
    "dir": _("Directory"),
    "fs": _("File system"),
    "netfs": _("Network file system"),
    "logical": _("LVM volume group"),
    "disk": _("Disk"),
    "iscsi": _("iSCSI target"),
    "iscsi-direct": _("iSCSI (direct)"),
    "scsi": _("SCSI adapter"),
    "mpath": _("Multipath"),
    "rbd": _("Ceph RBD"),
    "sheepdog": _("Sheepdog"),
    "gluster": _("Gluster"),
    "zfs": _("ZFS"),
    "vstorage": _("Virtuozzo storage"),
}

KINDS: dict[refs.Kind, Text] = {
    refs.Kind.HOST: _("Hosts"),
    refs.Kind.GUEST: _("Guests"),
    refs.Kind.POOL: _("Storage pools"),
    refs.Kind.NETWORK: _("Networks"),
    refs.Kind.VOLUME: _("Volumes"),
    refs.Kind.INTERFACE: _("Interfaces of hosts"),
    refs.Kind.FILTER: _("Network filters"),
}

_ABILITIES: dict[str, Text] = {
    "guest.agent": _("Guest agent"),
    "guest.hotplug": _("Hot-plug"),
    "guest.open_screen": _("Screens without an open port"),
    "guest.open_serial": _("Serial consoles"),
    "guest.statistics": _("Statistics"),
    "guest.validate": _("Check of definitions"),
    "network.leases": _("Leases of networks"),
    "pool.capabilities": _("Capabilities of pools"),
}
_SOURCES: dict[str, Text] = {
    addresses.AGENT: _("guest agent"),
    addresses.LEASE: _("lease"),
    addresses.ARP: _("ARP"),
}
_OUTCOMES: dict[str, Text] = {
    "begun": _("Begun"),
    "ok": _("Done"),
    "fault": _("Portal fault"),
    "not-found": _("Not found"),
    "denied": _("Refused"),
    "out-of-bounds": _("Refused"),
    "wrong-state": _("Wrong state"),
    "exists": _("Already there"),
    "busy": _("Busy"),
    "conflict": _("Conflict"),
    "invalid": _("Invalid"),
    "overlap": _("Already in use"),
    "not-supported": _("Not supported"),
    "agent-silent": _("Agent silent"),
    "quota": _("Over the limit"),
    "cancelled": _("Cancelled"),
    "host-down": _("Host not answering"),
    "maintenance": _("Host in maintenance"),
}
PAGES: Text = _("Pages")


def guest_state(state: str, *, is_answering: bool = True) -> State:
    """How this guest state is shown; a stuck one says so."""
    shown = _GUEST_STATES.get(state, _UNKNOWN)
    return STUCK if not is_answering and shown.tone == "good" else shown


def host_state(state: str) -> State:
    """How the connection to a host is shown."""
    return _HOST_STATES.get(state, _UNKNOWN)


def activity(is_active: bool) -> State:
    """How a pool or a network is shown."""
    return ACTIVE if is_active else INACTIVE


def verb(name: str) -> Verb:
    """How this verb is shown; an unknown one by its own name."""
    return _VERBS.get(name) or Verb(name, "info", path=name.rpartition(".")[2].replace("_", "-"))


def right(name: str) -> Verb:
    """The right that this verb needs."""
    return verb(verb(name).right or name)


def forward(mode: str) -> Text:
    """A network's forward mode in plain words."""
    return _FORWARDS.get(mode, mode)


def colon() -> str:
    """What stands between a label and what it says: languages write it differently."""
    return pgettext("between a label and what it says", ": ")


def comma() -> str:
    """What stands between the parts of a list."""
    return pgettext("between the parts of a list", ", ")


def listed(items: Iterable[object]) -> str:
    """One after the other, with what this language writes between them."""
    return comma().join(str(item) for item in items)


def pool_type(kind: str) -> Text:
    """A storage pool's type in plain words."""
    return _POOL_TYPES.get(kind, kind)


def ability(probe: str) -> Text:
    """What a probe of a host asked: a verb, or an ability of its own."""
    return _ABILITIES.get(probe) or verb(probe).label


def source(told_by: str) -> str:
    """Who says that a guest has this address; empty where nobody knows."""
    return ", ".join(str(_SOURCES.get(word, word)) for word in told_by.split("+") if word)


def outcome(code: str) -> Text:
    """How an act ended, as the audit keeps it, in few words."""
    return _OUTCOMES.get(code, code)
