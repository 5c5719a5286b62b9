"""Jobs on open pages: pushed while they go on, on their own page, in a dialog and in the list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client
from django.utils import timezone

from kvmweb.core import topics
from kvmweb.core.jobs import JobState
from kvmweb.core.topics import Notice
from kvmweb.hub import post, publisher
from kvmweb.services import jobs
from kvmweb.store.models import Job, Person
from tests.live.pages import Page, Socket
from tests.services.stage import mirrored, person

pytestmark = pytest.mark.django_db(transaction=True)
there = sync_to_async(lambda work: work(), thread_sensitive=True)


class Scene:
    """A job of two guests, its asker, and that person's browser."""

    def __init__(self, name: str = "ann", role: str = "operator") -> None:
        self.actor = person(name, role)
        self.client = Client()
        self.client.force_login(Person.objects.get(pk=self.actor.person_id))
        self.id = jobs.ask_bulk(self.actor, "guest.start", mirrored(1, 2))
        self.url = f"/activity/jobs/{self.id}/"

    def get(self, url: str = "") -> str:
        return self.client.get(url or self.url).content.decode()

    def step(self, number: int, **change: Any) -> None:
        job = Job.objects.get(pk=self.id)
        job.state = JobState.RUNNING
        job.beat_at = timezone.now()
        job.steps[number].update(change)
        job.save()


@pytest.fixture
async def scene(run_folder: object) -> AsyncIterator[Scene]:
    get_channel_layer().channels.clear()
    get_channel_layer().groups.clear()
    publisher.bind(asyncio.get_running_loop())
    yield await there(Scene)
    publisher.bind(None)


async def tell(scene: Scene) -> None:
    for topic in (topics.job(scene.id), topics.JOBS):
        await publisher.send(Notice(topic, str(scene.id)))


async def test_the_open_page_of_a_job_becomes_a_fresh_one(scene: Scene) -> None:
    text = await there(scene.get)
    assert "hx-trigger" not in text[text.index('class="card job"') :].partition("</article>")[0]
    page, socket = Page(text), await Socket(scene.client, scene.url).open()
    for change in ({"state": JobState.RUNNING}, {"state": JobState.DONE}):
        await there(lambda now=change: scene.step(0, **now))
        await tell(scene)
        for frame in await socket.frames(0.3, within_s=10):
            page.apply(frame)
        fresh = Page(await there(scene.get))
        dom_id = f"job-{scene.id}"
        assert page.find(dom_id).text_content() == fresh.find(dom_id).text_content()
    assert "1 of 2 finished" in page.find(f"job-{scene.id}").text_content()
    await socket.close()


async def test_what_ended_while_the_page_was_on_its_way_is_sent_at_once(scene: Scene) -> None:
    await there(scene.get)
    await there(lambda: scene.step(0, state=JobState.DONE))
    socket = await Socket(scene.client, scene.url).open()
    await socket.until("1 of 2 finished")
    await socket.close()


async def test_a_dialog_over_another_page_is_told_until_it_is_closed(scene: Scene) -> None:
    socket = await Socket(scene.client, "/networks/").open()
    await socket.first_frames()
    await socket.wire.send_to(text_data=json.dumps({"beside": scene.url}))
    await socket.until(f'id="job-{scene.id}"')
    await there(lambda: scene.step(1, state=JobState.DONE))
    await tell(scene)
    await socket.until("1 of 2 finished")
    await socket.wire.send_to(text_data=json.dumps({"beside": ""}))
    await socket.frames(0.5)
    await there(lambda: scene.step(0, state=JobState.DONE))
    await tell(scene)
    assert "job-" not in "".join(await socket.frames(0.3))
    await socket.close()


async def test_a_strangers_job_beside_a_page_says_nothing(scene: Scene) -> None:
    def stranger() -> Client:
        client = Client()
        client.force_login(Person.objects.get(pk=person("eve", "viewer").person_id))
        return client

    socket = await Socket(await there(stranger), "/networks/").open()
    await socket.wire.send_to(text_data=json.dumps({"beside": scene.url}))
    said = await socket.until("There is nothing here")
    assert "guest1" not in said
    await socket.close()


async def test_the_list_of_jobs_gains_a_row_and_its_state_changes(scene: Scene) -> None:
    socket = await Socket(scene.client, "/activity/").open()
    await socket.first_frames()
    await there(lambda: scene.step(0, state=JobState.DONE))
    await tell(scene)
    await socket.until("1 of 2 finished")
    await socket.close()


async def test_a_notice_of_another_process_reaches_the_pages_of_this_one(scene: Scene) -> None:
    """The worker of jobs is a process of its own also where the layer is this one's memory."""
    socket = await Socket(scene.client, scene.url).open()
    await socket.first_frames()
    await there(lambda: scene.step(0, state=JobState.DONE))
    await asyncio.to_thread(post.send, [Notice(topics.job(scene.id), str(scene.id))])
    await socket.until("1 of 2 finished")
    await socket.close()
