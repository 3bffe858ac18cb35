"""Agents, requests and cards."""

from __future__ import annotations

import ctypes
import json
import threading
from ctypes import byref, c_char, c_int64, c_size_t, c_uint32
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar, Union

from . import _native
from ._words import CardInfo, CardState, Hardening, Key, PasscodeSource, Removal, Result
from ._words import WardcardError

#: A secret of the caller's; a bytearray is erased once the library has it.
SecretInput = Union[str, bytes, bytearray]

#: Evidence as `Request.prove_by` makes JSON of it.
Evidence = Dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_Self = TypeVar("_Self", bound="_Handle")


class _Erased:
    """A native copy of a secret that is erased at the end, with a caller's bytearray."""

    def __init__(self, secret: SecretInput) -> None:
        self._given = secret
        plain = secret.encode() if isinstance(secret, str) else secret
        self.length = len(plain)
        self.buffer = (c_char * max(self.length, 1)).from_buffer_copy(plain or b"\0")

    def __enter__(self) -> _Erased:
        return self

    def __exit__(self, *_: object) -> None:
        ctypes.memset(self.buffer, 0, len(self.buffer))
        if isinstance(self._given, bytearray):
            self._given[:] = bytes(len(self._given))


class _Handle:
    """A handle of the library, freed by `close`, by the end of a with block, or when collected."""

    _free: str

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handle: Optional[int] = None
        self._closing = threading.Lock()
        #: What the last failed call was told, by thread: the callbacks run in the caller's thread.
        self._told = threading.local()

    @property
    def _live(self) -> int:
        if self._handle is None:
            raise ValueError(f"this {type(self).__name__.lower()} has been closed")
        return self._handle

    def close(self) -> None:
        """Frees the handle; more than once is nothing."""
        with self._closing:
            handle, self._handle = self._handle, None
        if handle is not None:
            getattr(self._library, self._free)(handle)

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _bytes(self, call: Callable[[Any, int, Any], int], room: int = 4096) -> bytes:
        """What a call writes into a buffer, which grows once to the length that it asks for."""
        length = c_size_t(room)
        for _ in range(2):
            buffer = (c_char * length.value)()
            result = call(buffer, len(buffer), byref(length))
            if result != Result.BUFFER_TOO_SMALL:
                break
        self._do(result)
        return buffer.raw[: length.value]

    def _do(self, result: int) -> None:
        """Raises what a result says."""
        why, self._told.why = getattr(self._told, "why", None), None
        if result != Result.OK:
            text: str = self._library.wardcard_result_text(result).decode()
            raise WardcardError(result, f"{text}: {why}" if why else text)


class PasscodeQuestion:
    """A person who has no passcode yet is to choose one. Answer at once or later, from any thread,
    within two minutes; the library waits."""

    def __init__(self, agent: Agent, number: int, person: str, least: int, most: int) -> None:
        self._agent = agent
        self._number = number
        #: 12 digits.
        self.person = person
        #: Shortest and longest passcode, in characters.
        self.min, self.max = least, most

    def answer(self, passcode: Optional[SecretInput]) -> None:
        """Answers with a passcode; None declines."""
        agent = self._agent
        with _Erased(passcode if passcode is not None else b"") as secret:
            agent._do(
                agent._library.wardcard_passcode_answer(
                    agent._live, self._number, secret.buffer, secret.length
                )
            )


class Agent(_Handle):
    """An agent: cards of people, policy, audit, endpoints.

    `configuration` is TOML text. `passcode` is called with a PasscodeQuestion when a person has no
    passcode yet; `diagnostic` with a sentence for the administrator when a call fails.
    """

    _free = "wardcard_agent_free"

    def __init__(
        self,
        configuration: str,
        passcode: Optional[Callable[[PasscodeQuestion], None]] = None,
        diagnostic: Optional[Callable[[str], None]] = None,
        library: Optional[str] = None,
    ) -> None:
        super().__init__(_native.load(library))
        self._passcode = passcode
        self._diagnostic = diagnostic
        # The library calls these until it is freed: they live as long as this object.
        self._callbacks = _native.Callbacks(
            size=ctypes.sizeof(_native.Callbacks),
            passcode_wanted=_native.PASSCODE_WANTED(self._asked),
            diagnostic=_native.DIAGNOSTIC(self._tell),
        )
        handle = _native.HANDLE()
        text = configuration.encode()
        self._do(
            self._library.wardcard_agent_new(
                text, len(text), byref(self._callbacks), byref(handle)
            )
        )
        self._handle = handle.value

    def serve(self) -> None:
        """Opens the endpoints that the configuration names."""
        self._do(self._library.wardcard_agent_serve(self._live))

    def stop(self) -> None:
        """Removes all cards and closes the endpoints; handles stay until they are closed."""
        self._do(self._library.wardcard_agent_stop(self._live))

    def request(
        self, user: Union[int, str, None] = None, logon: Optional[str] = None
    ) -> Request:
        """Makes the keys of a card for a user of this machine, and the nonce of its proof.

        The user is a user id, on Windows a security identifier; None is who the agent runs as.
        """
        handle = _native.HANDLE()
        who, name = ("" if user is None else str(user)).encode(), (logon or "").encode()
        self._do(
            self._library.wardcard_request_new_for(
                self._live, who, len(who), name, len(name), byref(handle)
            )
        )
        return Request(self, handle.value)

    def card(self, id: str) -> Card:
        """Finds a live card by the token's serial number."""
        handle = _native.HANDLE()
        text = id.encode()
        self._do(self._library.wardcard_agent_card(self._live, text, len(text), byref(handle)))
        return Card(self, handle.value)

    def register(self, person: str) -> Registration:
        """Begins to register a WebAuthn credential for a person whom the host vouches for."""
        handle = _native.HANDLE()
        who = person.encode()
        self._do(
            self._library.wardcard_registration_new(self._live, who, len(who), byref(handle))
        )
        return Registration(self, handle.value)

    def credentials(self, person: str) -> List[Dict[str, Any]]:
        """A person's WebAuthn credentials, as wardcard.h describes them."""
        call, who = self._library.wardcard_agent_credentials, person.encode()
        text = self._bytes(lambda *room: call(self._live, who, len(who), *room))
        found: List[Dict[str, Any]] = json.loads(text)
        return found

    def remove_credential(self, person: str, credential: Optional[str] = None) -> None:
        """Removes one of a person's WebAuthn credentials by its id; without one, all."""
        who, which = person.encode(), (credential or "").encode()
        self._do(
            self._library.wardcard_agent_remove_credential(
                self._live, who, len(who), which, len(which)
            )
        )

    def _asked(
        self, _: object, number: int, person: Any, length: int, least: int, most: int
    ) -> None:
        # No exception goes into C: what cannot be asked is declined.
        question = PasscodeQuestion(self, number, person[:length].decode(), least, most)
        try:
            if self._passcode is not None:
                self._passcode(question)
                return
        except Exception as error:
            self._told.why = f"the passcode callback failed: {type(error).__name__}"
        self._library.wardcard_passcode_answer(self._handle, number, None, 0)

    def _tell(self, _: object, result: int, text: Any, length: int) -> None:
        why = text[:length].decode()
        self._told.why = why
        if self._diagnostic is not None:
            try:
                self._diagnostic(why)
            except Exception:
                # The call that failed tells its own error.
                pass


class _Child(_Handle):
    """A handle that belongs to an agent, which it keeps."""

    def __init__(self, agent: Agent, handle: Optional[int]) -> None:
        super().__init__(agent._library)
        self._agent = agent
        self._told = agent._told
        self._handle = handle


class Request(_Child):
    """A request for a card, which waits for its proof."""

    _free = "wardcard_request_free"

    @property
    def nonce(self) -> str:
        """Send it as `nonce` with the OpenID Connect authentication request."""
        room = (c_char * 256)()
        length = c_size_t()
        self._do(
            self._library.wardcard_request_nonce(self._live, room, len(room), byref(length))
        )
        return room.raw[: length.value].decode()

    @property
    def expires(self) -> datetime:
        """Until when the proof may come."""
        moment = c_int64()
        self._do(self._library.wardcard_request_expires(self._live, byref(moment)))
        return _time(moment.value)

    def prove(
        self,
        token: SecretInput,
        passcode: Optional[SecretInput] = None,
        source: Optional[PasscodeSource] = None,
    ) -> Card:
        """Proves the request with the ID token of the sign-in; the card lies in its user's seat.

        With a `passcode` it is this card's own (or kept, with `PasscodeSource.GIVEN_AND_KEPT`);
        without, the person's kept one, which `passcode` of the agent is asked for at first use.
        """
        return self._prove(self._library.wardcard_request_prove, token, passcode, source)

    def prove_by(
        self,
        evidence: Union[Evidence, SecretInput],
        passcode: Optional[SecretInput] = None,
        source: Optional[PasscodeSource] = None,
    ) -> Card:
        """Proves the request with evidence of any kind, as JSON text or as what becomes it.

        One of `{"id_token": ...}`, `{"webauthn": ...}`, `{"certificate": ...}`, `{"host": ...}`,
        `{"relayed": {"id_token": ..., "attestation": ...}}` or `{"several": [...]}`; wardcard.h
        says what stands in each. All else is as with `prove`.
        """
        if isinstance(evidence, (str, bytes, bytearray)):
            text: SecretInput = evidence
        else:
            text = bytearray(json.dumps(evidence).encode())
        return self._prove(self._library.wardcard_request_prove_by, text, passcode, source)

    @property
    def card_challenge(self) -> bytes:
        """What an existing card signs for this request."""
        call = self._library.wardcard_request_card_challenge
        return self._bytes(lambda *room: call(self._live, *room))

    def webauthn_options(self, person: Optional[str] = None) -> str:
        """What the browser is asked, as JSON: for a person's credentials, or for anybody's."""
        call, who = self._library.wardcard_request_webauthn_options, (person or "").encode()
        return self._bytes(lambda *room: call(self._live, who, len(who), *room)).decode()

    def _prove(
        self,
        call: Any,
        token: SecretInput,
        passcode: Optional[SecretInput],
        source: Optional[PasscodeSource],
    ) -> Card:
        given = PasscodeSource.KEPT if passcode is None else PasscodeSource.GIVEN
        handle = _native.HANDLE()
        with _Erased(token) as proof, _Erased(passcode if passcode is not None else b"") as secret:
            how = _native.Passcode(
                size=ctypes.sizeof(_native.Passcode),
                source=int(given if source is None else source),
                passcode=ctypes.addressof(secret.buffer) if secret.length else None,
                passcode_length=secret.length,
            )
            self._do(call(self._live, proof.buffer, proof.length, byref(how), byref(handle)))
        return Card(self._agent, handle.value)


class Registration(_Child):
    """A registration of a WebAuthn credential, in progress for ten minutes."""

    _free = "wardcard_registration_free"

    @property
    def options(self) -> str:
        """What the browser is asked, as JSON."""
        call = self._library.wardcard_registration_options
        return self._bytes(lambda *room: call(self._live, *room)).decode()

    def finish(self, answer: str) -> None:
        """Ends it with what the browser answered, as JSON; once, whatever comes of it."""
        text = answer.encode()
        self._do(self._library.wardcard_registration_finish(self._live, text, len(text)))


class Card(_Child):
    """A card. Closing the handle does not remove the card."""

    _free = "wardcard_card_free"

    def info(self) -> CardInfo:
        """What is known of the card now."""
        raw = _native.CardInfo(size=ctypes.sizeof(_native.CardInfo))
        self._do(self._library.wardcard_card_info_read(self._live, byref(raw)))
        return CardInfo(
            id=raw.id.decode(),
            person=raw.person.decode(),
            state=CardState(raw.state),
            tries_left=None if raw.tries_left == 0xFFFFFFFF else raw.tries_left,
            sign_in=bool(raw.sign_in),
            content_commitment=bool(raw.content_commitment),
            authentication_level=raw.authentication_level,
            issued=_time(raw.issued),
            expires=_time(raw.expires),
            sha1_signatures=raw.sha1_signatures,
        )

    def certificate(self, key: Key = Key.AUTHENTICATION, index: int = 0) -> bytes:
        """A certificate in DER: index 0 is the key's own, 1 its issuer's, and so on to the root."""
        read = self._library.wardcard_card_certificate
        length = c_size_t()
        result = read(self._live, int(key), index, None, 0, byref(length))
        if result != Result.BUFFER_TOO_SMALL:
            self._do(result)
        room = (c_char * length.value)()
        self._do(read(self._live, int(key), index, room, len(room), byref(length)))
        return room.raw[: length.value]

    def lock(self) -> None:
        """The person is away: every connection verifies again before it goes on."""
        self._do(self._library.wardcard_card_lock(self._live))

    def unlock(self) -> None:
        """The person is back, which the host has made sure of."""
        self._do(self._library.wardcard_card_unlock(self._live))

    def remove(self, reason: Removal = Removal.TAP_OUT) -> None:
        """Removes the card from every face at once and erases its keys."""
        self._do(self._library.wardcard_card_remove(self._live, int(reason)))


def harden(library: Optional[str] = None) -> Hardening:
    """Hardens the process; call it before the first agent is made. What was achieved."""
    achieved = c_uint32()
    loaded = _native.load(library)
    result = loaded.wardcard_process_harden(byref(achieved))
    if result != Result.OK:
        raise WardcardError(result, loaded.wardcard_result_text(result).decode())
    return Hardening(achieved.value)


def version(library: Optional[str] = None) -> str:
    """The library's version."""
    text: str = _native.load(library).wardcard_version().decode()
    return text


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
