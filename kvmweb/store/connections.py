"""Keys of the portal itself, with which it shows hosts who it is."""

from __future__ import annotations

from django.db import models


class KeyPair(models.Model):
    """name: ssh, ca or client. sealed: the private half, by `hub.keyrings.seal`.

    public: an authorized_keys line, or a certificate as PEM.
    """

    name = models.CharField(max_length=16, unique=True)
    sealed = models.TextField()
    public = models.TextField()
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
