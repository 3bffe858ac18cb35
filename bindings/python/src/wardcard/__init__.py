"""A virtual NHS smartcard for SSO agents: a typed layer over libwardcard (wardcard.h)."""

from ._agent import Agent, Card, Evidence, PasscodeQuestion, Registration, Request
from ._agent import SecretInput, harden, version
from ._words import CardInfo, CardState, Hardening, Key, PasscodeSource, Removal, Result
from ._words import Token, WardcardError, Why

__all__ = [
    "Agent",
    "Card",
    "CardInfo",
    "CardState",
    "Evidence",
    "Hardening",
    "Key",
    "PasscodeQuestion",
    "PasscodeSource",
    "Registration",
    "Removal",
    "Request",
    "Result",
    "SecretInput",
    "Token",
    "WardcardError",
    "Why",
    "harden",
    "version",
]
