"""A shell in a guest of the workshop."""

from __future__ import annotations

from typing import Any

from kvmweb.hostlink import client
from tests.hostworker.shell import Shell
from tests.services.workshop import KEY, Workshop


class _Line:
    """Takes descriptors from the workshop's worker."""

    def take(self, verb: str, **args: Any) -> Any:
        return client.take(KEY, verb, **args)


def shell(shop: Workshop, name: str) -> Shell:
    """Once the guest has booted."""
    shop.lab.wait_ready(name)
    return Shell(_Line(), shop.lab.virsh("domuuid", name))  # type: ignore[arg-type]
