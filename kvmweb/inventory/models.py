"""The mirror: what every host last told us. Written by the hub alone, read through services.

Safe to drop and rebuild at any time; nothing of ours lives here (DESIGN 3).
Every change of a row takes the next revision of the one `Revision` row inside the same
transaction, so that revisions become visible in order on both databases.
A row that went away stays for a while as `is_gone`, so that an old page can learn of it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import connection, models

from kvmweb.core import records, refs


class Revision(models.Model):
    """One row: the revision of the newest change."""

    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def current(cls) -> int:
        """The newest revision; 0 for an empty mirror."""
        with connection.cursor() as cursor:  # asked on every page: the ORM takes ten times as long
            cursor.execute(f"SELECT value FROM {cls._meta.db_table} WHERE id = 1")  # noqa: S608
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    @classmethod
    def advance(cls) -> int:
        """Take the next revision; holds the row until the transaction ends."""
        table = cls._meta.db_table
        with connection.cursor() as cursor:  # within every event's transaction: one statement
            cursor.execute(f"UPDATE {table} SET value = value + 1 WHERE id = 1 RETURNING value")  # noqa: S608
            rows = cursor.fetchall()
        if rows:
            return int(rows[0][0])
        cls.objects.get_or_create(pk=1)
        return cls.advance()


class HostMirror(models.Model):
    """Connection and facts of one host. record: `HostRecord` as plain JSON, at first empty."""

    host = models.CharField(max_length=31, unique=True)
    state = models.CharField(max_length=16, default=records.HostState.CONNECTING)
    reason = models.TextField(blank=True)
    since = models.DateTimeField(auto_now_add=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    """When the host last answered anything: the age of its greyed rows."""
    record = models.JSONField(default=dict)
    cpu = models.FloatField(null=True, blank=True)
    memory_used = models.BigIntegerField(null=True, blank=True)
    load = models.FloatField(null=True, blank=True)
    """Of the last minute, where the worker is on the same machine."""
    history = models.JSONField(default=list)
    """The last 60 rounds: `[[epoch, cpu, memory_used], …]`."""
    rev = models.BigIntegerField(default=0, db_index=True)
    holder = models.CharField(max_length=32, blank=True)
    """Token of the hub that writes this host's rows; every one of its transactions checks it."""

    def __str__(self) -> str:
        return self.host

    @property
    def ref(self) -> refs.Ref:
        """Its name on every floor."""
        return refs.host(self.host)

    @property
    def is_up(self) -> bool:
        """Whether what the mirror says of this host is current."""
        return self.state == records.HostState.UP


class HostPart(models.Model):
    """What was read of a host for itself, such as its devices: apart, so that lists stay lean.

    part: `core.hosts.Part`. record: the part's record as plain JSON.
    """

    host = models.CharField(max_length=31)
    part = models.CharField(max_length=16)
    record = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    read_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "part"], name="host_part")]

    def __str__(self) -> str:
        return f"{self.part} of {self.host}"


class Mirrored(models.Model):
    """What guests, pools and networks share. record: the record as plain JSON."""

    kind: ClassVar[refs.Kind]

    host = models.CharField(max_length=31)
    uuid = models.CharField(max_length=36)
    name = models.CharField(max_length=255)
    name_fold = models.CharField(max_length=255)
    """Case-folded, for search and order."""
    record = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    """Of the record: the same digest means no difference, no noise."""
    rev = models.BigIntegerField(default=0, db_index=True)
    is_gone = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> refs.Ref:
        """Its name on every floor."""
        return refs.Ref(self.kind, self.host, self.uuid)


class Guest(Mirrored):
    """A guest. What the list shows, sorts or filters by has a column; the rest is in `record`
    (`GuestRecord` without xml, which is in `GuestDefinition`)."""

    kind = refs.Kind.GUEST

    title = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=16)
    vcpus = models.IntegerField(default=0)
    memory = models.BigIntegerField(default=0)
    has_autostart = models.BooleanField(default=False)
    tags = models.TextField(blank=True)
    """`|web|prod|`: every tag between bars."""
    addresses = models.TextField(blank=True)
    """Space-separated, in order."""
    running_since = models.DateTimeField(null=True, blank=True)
    cpu = models.FloatField(null=True, blank=True)
    memory_used = models.BigIntegerField(null=True, blank=True)
    is_answering = models.BooleanField(default=True)
    sampled_at = models.DateTimeField(null=True, blank=True)
    is_binned = models.BooleanField(default=False)
    """In the recycle bin: gone for everything but its disks, and the bin. Its `name` is then what
    it was called."""
    is_template = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="guest_identity")]
        indexes = [
            models.Index(fields=["is_gone", "name_fold", "host", "uuid"], name="guest_by_name"),
            models.Index(
                fields=["is_gone", "state", "name_fold", "host", "uuid"], name="guest_by_state"
            ),
            models.Index(
                fields=["is_gone", "host", "state", "is_template"], name="guest_counted_all"
            ),
            models.Index(
                fields=["host", "uuid"], condition=models.Q(is_template=True), name="guest_template"
            ),
            models.Index(
                fields=["host", "uuid"], condition=models.Q(is_binned=True), name="guest_binned"
            ),
        ]


class GuestDefinition(models.Model):
    """The XML of a guest, passwords masked by libvirt: apart, so that lists stay lean."""

    guest = models.OneToOneField(Guest, on_delete=models.CASCADE, related_name="definition")
    xml = models.TextField()
    stored_xml = models.TextField(default="", blank=True)
    """What the next start brings, of a persistent guest that runs; else that is `xml`."""

    def __str__(self) -> str:
        return f"definition of {self.guest_id}"


class GuestHistory(models.Model):
    """The last 60 rounds of statistics of a running guest.

    samples: `[[epoch, cpu, memory_used, disk_read, disk_written, net_received, net_sent], …]`.
    """

    guest = models.OneToOneField(Guest, on_delete=models.CASCADE, related_name="history")
    samples = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"history of {self.guest_id}"


class Pool(Mirrored):
    """A storage pool, list level."""

    kind = refs.Kind.POOL

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="pool_identity")]


class Network(Mirrored):
    """A virtual network. record: `NetworkRecord`."""

    kind = refs.Kind.NETWORK

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="network_identity")]


HOLDS = models.Q(guest__is_gone__in=[False]) | models.Q(guest__is_binned=True)
"""Of a use of a disk: its guest needs it, be it there or in the recycle bin."""

BIGGEST = 2**63 - 1
PLACE_MAX = 700
"""Characters: an index of PostgreSQL holds 2,700 bytes. Longer ones are cut alike on both sides."""


def place(path: str) -> str:
    """A path, `pool/volume` or `protocol:name` as the columns that are searched hold it."""
    return path[:PLACE_MAX].replace("\0", "")


class Volume(Mirrored):
    """A volume of an active pool. What its list shows, sorts or filters by has a column.

    uuid: `refs.volume_id`. backing_place: the file that its header builds on. made_as: the format
    it had when it was first seen: what a guest wrote into a raw volume may look like another.
    """

    kind = refs.Kind.VOLUME

    pool = models.CharField(max_length=36)
    place = models.CharField(max_length=PLACE_MAX, blank=True)
    alias_place = models.CharField(max_length=PLACE_MAX, blank=True)
    backing_place = models.CharField(max_length=PLACE_MAX, blank=True)
    format = models.CharField(max_length=32, blank=True)
    capacity = models.BigIntegerField(default=0)
    allocation = models.BigIntegerField(default=0)
    made_as = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="volume_identity")]
        indexes = [
            models.Index(
                fields=["host", "pool", "is_gone", "name_fold", "uuid"], name="volume_by_name"
            ),
            models.Index(fields=["host", "place"], name="volume_by_place"),
            models.Index(fields=["host", "backing_place"], name="volume_by_backing"),
        ]


MEMORY = "memory"
"""A device that is none: the file that holds the memory of a snapshot, with that one's name."""


class DiskUse(models.Model):
    """One disk of a guest, found by what it is read from. place: as the guest's definition says."""

    guest = models.ForeignKey(Guest, on_delete=models.CASCADE, related_name="disk_uses")
    host = models.CharField(max_length=31)
    place = models.CharField(max_length=PLACE_MAX)
    target = models.CharField(max_length=32)
    device = models.CharField(max_length=16)
    format = models.CharField(max_length=32, blank=True)
    is_readonly = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["host", "place"], name="disk_use_by_place")]

    def __str__(self) -> str:
        return f"{self.target} of {self.guest_id}"

    def is_like(self, other: DiskUse) -> bool:
        """The same disk in every respect."""
        names = ("place", "target", "device", "format", "is_readonly")
        return all(getattr(self, name) == getattr(other, name) for name in names)


class Interface(Mirrored):
    """A network interface of a host itself. record: `HostInterface`."""

    kind = refs.Kind.INTERFACE

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="interface_identity")]


class Filter(Mirrored):
    """A network filter. record: `FilterRecord`."""

    kind = refs.Kind.FILTER

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "uuid"], name="filter_identity")]
