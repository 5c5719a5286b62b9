"""Volume data on its way in and out, and what is known of images (the volumes' own kin)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Upload(models.Model):
    """One file on its way into a pool. Goes on where it stopped until it is a day old.

    pool: `Ref`. mark: what makes the person's file the same file again. offset: bytes that libvirt
    has confirmed from the first on; beyond: spans of others, `[start, end]`. state: moving,
    checking, done or refused; problem, detail: why it was refused. audit: the entry that is closed
    when it ends.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    pool = models.CharField(max_length=120, db_index=True)
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    format = models.CharField(max_length=16)
    mark = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, blank=True)
    wants_checksum = models.BooleanField(default=False)
    is_trusted = models.BooleanField(default=False)
    """It may name other files: an administrator of the storage said so."""
    is_made = models.BooleanField(default=False)
    """Its volume exists and is ours to delete."""
    offset = models.BigIntegerField(default=0)
    beyond = models.JSONField(default=list)
    state = models.CharField(max_length=10, default="moving", db_index=True)
    problem = models.CharField(max_length=32, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    facts = models.JSONField(default=dict)
    audit = models.BigIntegerField(default=0)
    job = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    moved_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "name"],
                condition=models.Q(state__in=["moving", "checking"]),
                name="one_upload_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} into {self.pool} ({self.state})"


class UploadPart(models.Model):
    """The part of an upload that a request is moving now, from byte start to before byte end.

    held_until: then the request is believed to be dead.
    """

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="parts")
    start = models.BigIntegerField()
    end = models.BigIntegerField()
    held_until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upload", "start"], name="one_part_a_start")]

    def __str__(self) -> str:
        return f"{self.start} to {self.end} of {self.upload_id}"


class TransferTicket(models.Model):
    """One right to move one volume's data without a cookie: for a command line, and for uploads.

    Only the SHA-256 of its secret is stored. It ends with the session that it was given to.
    way: up or down; name: of the volume.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session = models.CharField(max_length=64)
    way = models.CharField(max_length=4)
    pool = models.CharField(max_length=120)
    name = models.CharField(max_length=255)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, null=True, related_name="+")
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"ticket for {self.name} ({self.way})"


class Image(models.Model):
    """What was found in a volume's header. pool: `Ref`.

    state: fit, refused, or seen (read where it lay). seen: the volume's size and time when it was
    read; another volume of the same name has others. system: the short id of what it held then.
    """

    pool = models.CharField(max_length=120)
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=10, db_index=True)
    seen = models.CharField(max_length=64, blank=True)
    format = models.CharField(max_length=16, blank=True)
    system = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    looked_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "name"], name="one_image_a_volume")]

    def __str__(self) -> str:
        return f"{self.name} in {self.pool} ({self.state})"
