"""The numbers of wardcard.h, what is known of a card, and the error."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Optional


class Result(enum.IntEnum):
    """What a call came to (WARDCARD_OK and WARDCARD_ERROR_*)."""

    OK = 0
    ARGUMENT = 1
    BUFFER_TOO_SMALL = 2
    CONFIGURATION = 3
    PART = 4
    PROOF = 5
    POLICY = 6
    REPLAY = 7
    ISSUER = 8
    REQUEST = 9
    PASSCODE_UNSET = 10
    PASSCODE_SHAPE = 11
    CARD_GONE = 12
    NO_SUCH_KEY = 13
    CARD_STATE = 14
    LIMIT = 15
    STOPPED = 16
    AUDIT = 17
    SEAT = 18
    NO_SUCH_QUESTION = 19
    INTERNAL = 20
    ALL_STOPPED = 30
    NOT_ENROLLED = 40
    ENROLMENT = 41
    CERTIFICATES = 42


class PasscodeSource(enum.IntEnum):
    """Where the passcode of a card comes from (WARDCARD_PASSCODE_*)."""

    KEPT = 0
    GIVEN = 1
    GIVEN_AND_KEPT = 2
    SIGN_IN = 3
    ONE_TIME = 4


class CardState(enum.IntEnum):
    """Where a card is in its life (WARDCARD_CARD_*)."""

    INSERTED = 1
    LOCKED = 2
    SUSPENDED = 3
    REMOVED = 4
    EXPIRED = 5


class Removal(enum.IntEnum):
    """Why a card is removed, for the audit log (WARDCARD_REMOVAL_*)."""

    TAP_OUT = 1
    SESSION_END = 2
    ADMINISTRATOR = 3


class Key(enum.IntEnum):
    """Which of a card's keys (WARDCARD_KEY_*)."""

    AUTHENTICATION = 1
    CONTENT_COMMITMENT = 2


class Token(enum.IntEnum):
    """Which token of a sign-in (WARDCARD_TOKEN_*)."""

    ID = 1
    ACCESS = 2
    REFRESH = 3
    USERINFO = 4


class Why(enum.IntEnum):
    """Why a card is locked or suspended (WARDCARD_WHY_*)."""

    NONE = 0
    AWAY = 1
    IDLE = 2
    SUSPENDED = 3
    PERSON_SUSPENDED = 4


class Hardening(enum.IntFlag):
    """What hardening a process achieved (WARDCARD_HARDENED_*)."""

    UNDUMPABLE = 1
    NO_CORE = 2
    MEMORY = 4
    SECRETS = 8


@dataclass(frozen=True)
class CardInfo:
    """What is known of a card."""

    #: The token's serial number: 16 hexadecimal digits.
    id: str
    #: The person: 12 digits.
    person: str
    state: CardState
    #: Passcode tries left; None when the store cannot say.
    tries_left: Optional[int]
    #: Whether the sign-in stands for the passcode.
    sign_in: bool
    #: Whether the card has a content commitment key.
    content_commitment: bool
    #: Authentication assurance level of the sign-in (0 to 3).
    authentication_level: int
    issued: datetime
    expires: datetime
    #: SHA-1 signatures made with it.
    sha1_signatures: int


class WardcardError(Exception):
    """A call failed."""

    def __init__(self, result: int, text: str) -> None:
        super().__init__(text)
        #: Which of `Result`; a plain number where the library is newer than this layer.
        self.result: int = Result(result) if result in _RESULTS else result
        #: What it means, and why where the library told.
        self.text: str = text


_RESULTS = frozenset(int(result) for result in Result)
