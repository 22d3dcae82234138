"""The switch that lets a browser ring: its subscription, whose it is, and a test."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.alerts.news import trial
from gateway.api.phone import reads
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.channels import webpush
from gateway.channels.limit import within
from gateway.channels.site import ChannelSite
from gateway.channels.target import Target, redacted
from gateway.ledger.accesses import Action
from gateway.ledger.records import utc_text
from gateway.team.contacts import ChannelKind, Device
from gateway.team.people import ActorKind
from viewer_bridge.report.wording.language import Language

LONGEST_ENDPOINT = 1000
LONGEST_KEY = 200
LONGEST_LABEL = 80

TEST_S = 4.0
"""Longest time for a test: whoever taps waits for it."""


class Keys(BaseModel):
    """Secrets of a subscription (RFC 8291)."""

    model_config = ConfigDict(extra="forbid")

    p256dh: str = Field(min_length=80, max_length=LONGEST_KEY)
    auth: str = Field(min_length=16, max_length=LONGEST_KEY)


class Subscription(BaseModel):
    """A browser that wants to be rung; `former` is the endpoint that it had before."""

    model_config = ConfigDict(extra="ignore")

    endpoint: str = Field(max_length=LONGEST_ENDPOINT)
    keys: Keys
    label: str = Field(default="", max_length=LONGEST_LABEL)
    former: str = Field(default="", max_length=LONGEST_ENDPOINT)


class Endpoint(BaseModel):
    """A browser that no longer wants to be rung."""

    model_config = ConfigDict(extra="ignore")

    endpoint: str = Field(max_length=LONGEST_ENDPOINT)


def device_of(wanted: Subscription, person_id: str, now: datetime) -> Device:
    """A browser as it is kept.

    Raises
    ------
    Problem
        422: its push service has no address that may be asked.
    """
    parts = urlsplit(wanted.endpoint)
    if parts.scheme != "https" or not parts.hostname or "." not in parts.hostname or parts.username:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the push service's address must be an https URL")
    label = "".join(letter for letter in wanted.label if letter.isprintable()).strip()
    return Device(
        id=str(uuid4()),
        person_id=person_id,
        endpoint=wanted.endpoint,
        p256dh=wanted.keys.p256dh,
        auth=wanted.keys.auth,
        label=label or "browser",
        created_at=utc_text(now),
    )


def person_of(request: Request) -> str:
    """Whose device it is.

    Raises
    ------
    Problem
        403: whoever asks has no account.
    """
    actor = actor_of(request)
    if actor.kind is not ActorKind.PERSON or actor.person_id is None:
        raise Problem(HTTPStatus.FORBIDDEN, "alerts ring for people: log in with an account of your own")
    return actor.person_id


def ring_once(reception: Reception, site: ChannelSite, device: Device, language: Language) -> None:
    """Push a test to one device.

    Raises
    ------
    TemporaryError
        The push service does not take it now.
    InputError
        It never will: switch the device off and on again.
    """
    key = str(uuid4())
    notice = trial(f"test:{key}", f"{reception.config.http.base_url}/phone", language)
    target = Target(ChannelKind.PUSH, devices=(device,))
    within(TEST_S, partial(webpush.send, target, notice, key, site, None), redacted(target))


def routes(reception: Reception) -> APIRouter:
    """``/api/v1/phone``."""
    router = APIRouter(tags=["phone"])
    people = reception.ledger.people
    site = ChannelSite(reception.config.channels, reception.config.site.data_dir, people.drop_device)

    @router.post("/api/v1/phone/devices", status_code=HTTPStatus.CREATED, summary="Let this browser ring")
    def post_device(request: Request, wanted: Subscription) -> dict[str, Any]:
        owner = person_of(request)
        device = device_of(wanted, owner, reception.now())
        for known in people.devices_of([owner]).get(owner, []):
            if known.endpoint == wanted.former:
                people.drop_device(known.id)
        people.add_device(device)
        reception.ledger.accesses.note(
            actor_of(request), Action.CHANGED_SELF, None, "device added", reception.now()
        )
        return {"id": device.id}

    @router.get(
        "/api/v1/phone/push-key", summary="Our key, which a browser's subscription is bound to (RFC 8292)"
    )
    def get_key() -> dict[str, Any]:
        return {"key": webpush.public_key(site)}

    @router.post("/api/v1/phone/devices/test", summary="Ring this browser once: a test, no patient")
    def test_device(request: Request, wanted: Endpoint) -> dict[str, Any]:
        owner = person_of(request)
        mine = people.devices_of([owner]).get(owner, [])
        device = next((known for known in mine if known.endpoint == wanted.endpoint), None)
        if device is None:
            raise Problem(HTTPStatus.CONFLICT, "this device is not switched on for you: switch it on first")
        ring_once(reception, site, device, reads(reception, request, actor_of(request)))
        return {"sent": True}

    @router.post("/api/v1/phone/devices/remove", summary="Let this browser be quiet")
    def drop_device(request: Request, wanted: Endpoint) -> dict[str, Any]:
        owner = person_of(request)
        mine = [
            known for known in people.devices_of([owner]).get(owner, []) if known.endpoint == wanted.endpoint
        ]
        for known in mine:
            people.drop_device(known.id)
        return {"removed": len(mine)}

    @router.post("/api/v1/phone/devices/known", summary="Whether this browser rings for whoever is logged in")
    def is_known(request: Request, wanted: Endpoint) -> dict[str, Any]:
        owner = person_of(request)
        mine = people.devices_of([owner]).get(owner, [])
        return {"known": any(known.endpoint == wanted.endpoint for known in mine)}

    return router
