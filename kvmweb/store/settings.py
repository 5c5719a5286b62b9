"""What an administrator set in the portal, in the place of what the environment says."""

from __future__ import annotations

from django.db import models


class Setting(models.Model):
    """One value by its name, such as `bin-days`. Without a row it is as the environment says."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()

    def __str__(self) -> str:
        return self.name
