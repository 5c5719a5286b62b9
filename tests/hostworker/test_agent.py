"""A guest whose agent answers: it is asked through the agent, not by the power button."""

from __future__ import annotations

import pytest

from tests.hostworker.process import Listener, wait_for
from tests.hostworker.test_guests import folder, heard, worker

__all__ = ["folder", "heard", "worker"]
pytestmark = pytest.mark.lab


@pytest.fixture
def agent_guest(lab, heard: Listener, busybox_guest) -> str:
    """Deaf to the power button, so that only the agent can have done it."""
    uuid = busybox_guest("spoken-to", agent=True, deaf=True, booted=True, memory_mib=112)
    wait_for(lambda: heard.guest(uuid).get("is_agent_connected"), 30, "the agent is silent")
    return uuid


def test_shutdown_and_reboot_by_the_agent(lab, worker, heard, agent_guest) -> None:
    worker.call("guest.reboot", uuid=agent_guest, mode="agent")
    lab.wait_ready("spoken-to", boots=2)
    assert heard.guest(agent_guest)["state"] == "running"
    wait_for(lambda: heard.guest(agent_guest)["is_agent_connected"], 30, "silent after reboot")
    worker.call("guest.shutdown", uuid=agent_guest, mode="agent")
    assert heard.wait_state(agent_guest, "shut-off", 30)["reason"] == "shutdown"
