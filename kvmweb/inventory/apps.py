"""The app of the mirror."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """What libvirt owns, as last told: safe to drop and rebuild at any time."""

    name = "kvmweb.inventory"
    label = "inventory"
