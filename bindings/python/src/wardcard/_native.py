"""wardcard.h in ctypes: types, signatures, and the way to the library. Numbers stand in _words."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import threading
from ctypes import CFUNCTYPE, POINTER, Structure
from ctypes import c_char, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any, Optional

#: The version of the header that this layer is written for.
ABI_VERSION = 0

RESULT = c_uint32
HANDLE = c_void_p

#: wardcard_passcode_wanted: userdata, question, person, person_length, min, max.
PASSCODE_WANTED = CFUNCTYPE(
    None, c_void_p, c_uint64, POINTER(c_char), c_size_t, c_size_t, c_size_t
)
#: wardcard_diagnostic: userdata, result, text, text_length.
DIAGNOSTIC = CFUNCTYPE(None, c_void_p, RESULT, POINTER(c_char), c_size_t)


class Callbacks(Structure):
    """wardcard_callbacks"""

    _fields_ = [
        ("size", c_size_t),
        ("userdata", c_void_p),
        ("passcode_wanted", PASSCODE_WANTED),
        ("diagnostic", DIAGNOSTIC),
    ]


class Passcode(Structure):
    """wardcard_passcode"""

    _fields_ = [
        ("size", c_size_t),
        ("source", c_uint32),
        ("passcode", c_void_p),
        ("passcode_length", c_size_t),
    ]


class CardInfo(Structure):
    """wardcard_card_info"""

    _fields_ = [
        ("size", c_size_t),
        ("id", c_char * 17),
        ("person", c_char * 13),
        ("state", c_uint32),
        ("tries_left", c_uint32),
        ("sign_in", c_uint32),
        ("content_commitment", c_uint32),
        ("authentication_level", c_uint32),
        ("issued", c_int64),
        ("expires", c_int64),
        ("sha1_signatures", c_uint64),
    ]


class EnrolmentInfo(Structure):
    """wardcard_enrolment_info"""

    _fields_ = [
        ("size", c_size_t),
        ("person", c_char * 13),
        ("card", c_char * 17),
        ("waiting", c_uint32),
        ("renew", c_uint32),
        ("enrolled", c_int64),
        ("ends", c_int64),
        ("released", c_int64),
    ]


class CardLife(Structure):
    """wardcard_card_life"""

    _fields_ = [
        ("size", c_size_t),
        ("state", c_uint32),
        ("why", c_uint32),
        ("claims", c_uint32),
        ("offline", c_uint32),
        ("break_glass", c_uint32),
        ("away_until", c_int64),
        ("ends_by", c_char * 64),
    ]


class SignIn(Structure):
    """wardcard_sign_in"""

    _fields_ = [
        ("size", c_size_t),
        ("provider", c_void_p),
        ("provider_length", c_size_t),
        ("login_hint", c_void_p),
        ("login_hint_length", c_size_t),
        ("prompt", c_void_p),
        ("prompt_length", c_size_t),
        ("acr_values", c_void_p),
        ("acr_values_length", c_size_t),
        ("max_age", c_uint64),
    ]


#: Result and argument types of each function of the header.
SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "wardcard_result_text": (c_char_p, [RESULT]),
    "wardcard_abi_version": (c_uint32, []),
    "wardcard_version": (c_char_p, []),
    "wardcard_process_harden": (RESULT, [POINTER(c_uint32)]),
    "wardcard_agent_new": (RESULT, [c_void_p, c_size_t, POINTER(Callbacks), POINTER(HANDLE)]),
    "wardcard_agent_serve": (RESULT, [HANDLE]),
    "wardcard_agent_card": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(HANDLE)]),
    "wardcard_agent_stop": (RESULT, [HANDLE]),
    "wardcard_agent_free": (None, [HANDLE]),
    "wardcard_request_new": (RESULT, [HANDLE, c_uint32, c_void_p, c_size_t, POINTER(HANDLE)]),
    "wardcard_request_new_for": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(HANDLE)],
    ),
    "wardcard_request_nonce": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_request_expires": (RESULT, [HANDLE, POINTER(c_int64)]),
    "wardcard_request_prove": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, POINTER(Passcode), POINTER(HANDLE)],
    ),
    "wardcard_request_free": (None, [HANDLE]),
    "wardcard_request_prove_by": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, POINTER(Passcode), POINTER(HANDLE)],
    ),
    "wardcard_request_card_challenge": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_request_webauthn_options": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_registration_new": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(HANDLE)]),
    "wardcard_registration_options": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_registration_finish": (RESULT, [HANDLE, c_void_p, c_size_t]),
    "wardcard_registration_free": (None, [HANDLE]),
    "wardcard_agent_credentials": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_agent_remove_credential": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t],
    ),
    "wardcard_card_info_read": (RESULT, [HANDLE, POINTER(CardInfo)]),
    "wardcard_card_certificate": (
        RESULT,
        [HANDLE, c_uint32, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_card_lock": (RESULT, [HANDLE]),
    "wardcard_card_unlock": (RESULT, [HANDLE]),
    "wardcard_card_remove": (RESULT, [HANDLE, c_uint32]),
    "wardcard_card_free": (None, [HANDLE]),
    "wardcard_request_new_release": (
        RESULT,
        [HANDLE, c_uint32, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(HANDLE)],
    ),
    "wardcard_request_new_release_for": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(HANDLE)],
    ),
    "wardcard_enrolment_new": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(HANDLE)],
    ),
    "wardcard_enrolment_find": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(HANDLE)]),
    "wardcard_enrolment_info_read": (RESULT, [HANDLE, POINTER(EnrolmentInfo)]),
    "wardcard_enrolment_request": (
        RESULT,
        [HANDLE, c_uint32, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_enrolment_import": (RESULT, [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t]),
    "wardcard_enrolment_renew": (RESULT, [HANDLE, c_void_p, c_size_t]),
    "wardcard_enrolment_remove": (RESULT, [HANDLE, c_void_p, c_size_t]),
    "wardcard_enrolment_free": (None, [HANDLE]),
    "wardcard_enrolments_new": (RESULT, [HANDLE, POINTER(HANDLE)]),
    "wardcard_enrolments_info_read": (RESULT, [HANDLE, c_size_t, POINTER(EnrolmentInfo)]),
    "wardcard_enrolments_free": (None, [HANDLE]),
    "wardcard_request_sign_in_begin": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(SignIn)]),
    "wardcard_request_sign_in_url": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_request_sign_in_finish": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, POINTER(Passcode), POINTER(HANDLE), POINTER(HANDLE)],
    ),
    "wardcard_tokens_read": (
        RESULT,
        [HANDLE, c_uint32, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_tokens_free": (None, [HANDLE]),
    "wardcard_agent_logout_token": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_person_end": (RESULT, [HANDLE, c_void_p, c_size_t, c_uint32, POINTER(c_size_t)]),
    "wardcard_person_suspend": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_person_resume": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_agent_stop_all": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_uint32, POINTER(c_size_t)],
    ),
    "wardcard_agent_start_again": (RESULT, [HANDLE]),
    "wardcard_agent_cards": (RESULT, [HANDLE, c_void_p, c_size_t, POINTER(c_size_t)]),
    "wardcard_card_tap_out": (RESULT, [HANDLE]),
    "wardcard_card_suspend": (RESULT, [HANDLE]),
    "wardcard_card_resume": (RESULT, [HANDLE]),
    "wardcard_request_new_step_up": (RESULT, [HANDLE, POINTER(HANDLE)]),
    "wardcard_card_life_read": (RESULT, [HANDLE, POINTER(CardLife)]),
    "wardcard_card_one_time_passcode": (
        RESULT,
        [HANDLE, c_void_p, c_size_t, c_void_p, c_size_t, POINTER(c_size_t)],
    ),
    "wardcard_passcode_answer": (RESULT, [HANDLE, c_uint64, c_void_p, c_size_t]),
}

_loaded: dict[str, ctypes.CDLL] = {}
_loading = threading.Lock()


def _installed() -> Optional[str]:
    """The system's library. On Windows not one from the PATH, which may be anybody's."""
    if os.name != "nt":
        return ctypes.util.find_library("wardcard")
    folder = os.environ.get("ProgramFiles", r"C:\Program Files")
    place = os.path.join(folder, "Wardcard", "wardcard.dll")
    return place if os.path.isfile(place) else None


def load(path: Optional[str] = None) -> ctypes.CDLL:
    """The library at `path`, else of $WARDCARD_LIBRARY, else the system's.

    Raises OSError where there is none, or one of another interface.
    """
    name = path or os.environ.get("WARDCARD_LIBRARY") or _installed()
    if name is None:
        raise OSError("the library is not found; install it, or set WARDCARD_LIBRARY to its path")
    with _loading:
        if name not in _loaded:
            library = ctypes.CDLL(name)
            for function, (result, arguments) in SIGNATURES.items():
                found = getattr(library, function, None)
                if found is None:
                    raise OSError(f"{name} has no {function}: it is not the library of this layer")
                found.restype, found.argtypes = result, arguments
            version = library.wardcard_abi_version()
            if version != ABI_VERSION:
                raise OSError(f"{name} has interface {version}, this layer is for {ABI_VERSION}")
            _loaded[name] = library
        return _loaded[name]
