"""Passkeys (WebAuthn level 3): a key pair on a device of the person, bound to our address, so that no other page can ask for it.

A passkey proves possession and, because the device asks for a finger, a face or a PIN, the person too: it is both factors. A
challenge is a signed word that the page brings back; it is good once and for minutes, and no table grows from those who only
look at the login page.
"""

import hashlib
import hmac
import ipaddress
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from gateway.access import Access
from gateway.ledger.credentials import Passkey
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from gateway.team.people import Person
from triage.errors import InputError

PURPOSE = b"stroke-gateway passkey challenge 1"
CHALLENGE_S = 300
CHALLENGE_BYTES = 32
MOST_PASSKEYS = 10
"""Per person."""
LONGEST_LABEL = 60
LOGIN = "login"
"""Whom a challenge is for that anybody may answer."""

NOT_KNOWN = "this passkey is not known here: log in another way, and add it to your account"
NOT_PROVEN = "the passkey did not prove itself: try again"
NO_HOST = "passkeys need a host name: set http.public_url to the address that browsers use, with https"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who we are to a browser: a host name, and the origin of our pages."""

    host: str
    origin: str

    @classmethod
    def of(cls, base_url: str) -> "RelyingParty | None":
        """What an address says; None where browsers offer no passkeys: numbers for a host, and http beyond this machine.

        >>> RelyingParty.of("https://stroke.hospital.example/"), RelyingParty.of("http://127.0.0.1:8000")
        (RelyingParty(host='stroke.hospital.example', origin='https://stroke.hospital.example'), None)
        """
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        secure = parts.scheme == "https" or host == "localhost"
        return cls(host, f"{parts.scheme}://{parts.netloc}") if secure and not _is_number(host) else None


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Registering passkeys and logging in with them."""

    ledger: Ledger
    access: Access
    us: RelyingParty | None

    def begin(self, person: Person, now: datetime) -> dict[str, Any]:
        """What a page hands to ``navigator.credentials.create``, as ``options``, and a ``proof`` to bring back.

        Raises
        ------
        InputError
            The site has no host name, or the person has too many passkeys.
        """
        known = self.ledger.credentials.passkeys_of(person.id)
        if len(known) >= MOST_PASSKEYS:
            raise InputError(f"you have {MOST_PASSKEYS} passkeys: remove one that you no longer use")
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = webauthn.generate_registration_options(
            rp_id=self._party.host,
            rp_name="Stroke gateway",
            user_name=person.login,
            user_display_name=person.name,
            user_id=person.id.encode(),
            challenge=challenge,
            exclude_credentials=[
                PublicKeyCredentialDescriptor(base64url_to_bytes(one.credential_id)) for one in known
            ],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
        )
        return {
            "options": json.loads(options_to_json(options)),
            "proof": self._proof(challenge, person.id, now),
        }

    def finish(
        self, person: Person, credential: Mapping[str, Any], proof: str, label: str, now: datetime
    ) -> Passkey:
        """Keep the passkey that a device made.

        Raises
        ------
        InputError
            The answer does not fit the question, is too late, or the passkey is known already.
        """
        challenge = self._challenge(proof, person.id, now)
        try:
            made = webauthn.verify_registration_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self._party.host,
                expected_origin=self._party.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as exc:
            raise InputError(NOT_PROVEN) from exc
        credential_id = bytes_to_base64url(made.credential_id)
        passkey = Passkey(
            id_of(credential_id),
            credential_id,
            person.id,
            made.credential_public_key,
            made.sign_count,
            " ".join(label.split())[:LONGEST_LABEL] or "passkey",
            made.credential_backed_up,
            utc_text(now),
        )
        if not self.ledger.credentials.add_passkey(passkey):
            raise InputError("this passkey is known already")
        return passkey

    def begin_login(self, now: datetime) -> dict[str, Any]:
        """What a page hands to ``navigator.credentials.get``, as ``options``, and a ``proof`` to bring back.

        Raises
        ------
        InputError
            The site has no host name.
        """
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = webauthn.generate_authentication_options(
            rp_id=self._party.host,
            challenge=challenge,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return {"options": json.loads(options_to_json(options)), "proof": self._proof(challenge, LOGIN, now)}

    def finish_login(self, credential: Mapping[str, Any], proof: str, now: datetime) -> Person:
        """Whose passkey signed the challenge.

        Raises
        ------
        InputError
            The passkey is not known, did not sign this challenge, or its person has no active account.
        """
        challenge = self._challenge(proof, LOGIN, now)
        known = self.ledger.credentials.passkey(id_of(str(credential.get("id", ""))))
        person = self.ledger.people.get(known.person_id) if known else None
        if known is None or person is None or not person.active:
            raise InputError(NOT_KNOWN)
        try:
            used = webauthn.verify_authentication_response(
                credential=dict(credential),
                expected_challenge=challenge,
                expected_rp_id=self._party.host,
                expected_origin=self._party.origin,
                credential_public_key=known.public_key,
                credential_current_sign_count=known.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as exc:
            raise InputError(NOT_PROVEN) from exc
        self.ledger.credentials.used_passkey(known.id, used.new_sign_count, now)
        return person

    @property
    def _party(self) -> RelyingParty:
        if self.us is None:
            raise InputError(NO_HOST)
        return self.us

    def _proof(self, challenge: bytes, whom: str, now: datetime) -> str:
        text = f"{int(now.timestamp()) + CHALLENGE_S}.{whom}.{bytes_to_base64url(challenge)}"
        return f"{self.access.seal(PURPOSE, text)}.{text}"

    def _challenge(self, proof: str, whom: str, now: datetime) -> bytes:
        """The challenge that a proof was made for; used up by this."""
        signature, _, text = proof.partition(".")
        if not hmac.compare_digest(signature.encode(), self.access.seal(PURPOSE, text).encode()):
            raise InputError(NOT_PROVEN)
        expires, meant, challenge = text.split(".", 2)
        if meant != whom or int(expires) <= now.timestamp():
            raise InputError("this took too long: try again")
        if not self.ledger.words.spend(id_of(challenge), int(expires)):
            raise InputError("this answer was given before: try again")
        return base64url_to_bytes(challenge)


def id_of(credential_id: str) -> str:
    """The identifier that we keep a credential under."""
    return hashlib.sha256(credential_id.encode()).hexdigest()


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
