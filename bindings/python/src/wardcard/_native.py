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
    "wardcard_passcode_answer": (RESULT, [HANDLE, c_uint64, c_void_p, c_size_t]),
}

_loaded: dict[str, ctypes.CDLL] = {}
_loading = threading.Lock()


def load(path: Optional[str] = None) -> ctypes.CDLL:
    """The library at `path`, else of $WARDCARD_LIBRARY, else the system's.

    Raises OSError where there is none, or one of another interface.
    """
    name = path or os.environ.get("WARDCARD_LIBRARY") or ctypes.util.find_library("wardcard")
    if name is None:
        raise OSError("libwardcard is not found; install it, or set WARDCARD_LIBRARY to its path")
    with _loading:
        if name not in _loaded:
            library = ctypes.CDLL(name)
            for function, (result, arguments) in SIGNATURES.items():
                found = getattr(library, function)
                found.restype, found.argtypes = result, arguments
            version = library.wardcard_abi_version()
            if version != ABI_VERSION:
                raise OSError(f"{name} has interface {version}, this layer is for {ABI_VERSION}")
            _loaded[name] = library
        return _loaded[name]
