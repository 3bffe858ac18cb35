"""The layer says what wardcard.h says: numbers, signatures, structures."""

import ctypes
import enum
import pathlib
import re
import sys
import unittest
from typing import Any, Type

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "src"))

import wardcard  # noqa: E402
from wardcard import _native  # noqa: E402

HEADER = re.sub(
    r"/\*.*?\*/", "", (PACKAGE.parents[1] / "include/wardcard.h").read_text(), flags=re.S
)

NUMBERS = {
    "size_t": ctypes.c_size_t,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "int64_t": ctypes.c_int64,
}
NUMBERS.update(
    (name, ctypes.c_uint32) for name in re.findall(r"typedef uint32_t (\w+);", HEADER)
)
HANDLES = set(re.findall(r"typedef struct (\w+) \1;", HEADER))
STRUCTURES = {
    "wardcard_callbacks": _native.Callbacks,
    "wardcard_passcode": _native.Passcode,
    "wardcard_card_info": _native.CardInfo,
    "wardcard_enrolment_info": _native.EnrolmentInfo,
    "wardcard_card_life": _native.CardLife,
    "wardcard_sign_in": _native.SignIn,
}
CALLBACKS = {
    "wardcard_passcode_wanted": _native.PASSCODE_WANTED,
    "wardcard_diagnostic": _native.DIAGNOSTIC,
}


def declarator(text: str) -> "tuple[str, str, int]":
    """Type without const, name, and the count of an array (0 for none)."""
    found = re.fullmatch(r"(?:const )?(\w+) (\**)(\w+)(?:\[(\d+)\])?", text.strip())
    assert found is not None, text
    return found[1] + found[2], found[3], int(found[4] or 0)


def native(kind: str, callback: bool = False) -> Any:
    """The ctypes type that a C type has in this layer."""
    if kind in NUMBERS:
        return NUMBERS[kind]
    if kind in CALLBACKS:
        return CALLBACKS[kind]
    base, stars = kind.rstrip("*"), len(kind) - len(kind.rstrip("*"))
    if base in HANDLES:
        return _native.HANDLE if stars == 1 else ctypes.POINTER(_native.HANDLE)
    if base in STRUCTURES:
        return ctypes.POINTER(STRUCTURES[base])
    if base in NUMBERS:
        return ctypes.POINTER(NUMBERS[base])
    if callback and base == "char":
        return ctypes.POINTER(ctypes.c_char)
    return ctypes.c_void_p


class Header(unittest.TestCase):
    def numbers(self, prefix: str) -> "dict[str, int]":
        found = re.findall(rf"#define {prefix}(\w+) (\d+)u", HEADER)
        self.assertTrue(found, prefix)
        return {name: int(number) for name, number in found}

    def same(self, prefix: str, words: Type[enum.IntEnum]) -> None:
        self.assertEqual(self.numbers(prefix), {word.name: int(word) for word in words})

    def test_numbers(self) -> None:
        self.assertEqual(self.numbers("WARDCARD_ABI_"), {"VERSION": _native.ABI_VERSION})
        self.assertEqual(self.numbers("WARDCARD_O"), {"K": wardcard.Result.OK})
        errors = {word.name: int(word) for word in wardcard.Result if word.name != "OK"}
        self.assertEqual(self.numbers("WARDCARD_ERROR_"), errors)
        self.same("WARDCARD_PASSCODE_", wardcard.PasscodeSource)
        self.same("WARDCARD_CARD_", wardcard.CardState)
        self.same("WARDCARD_REMOVAL_", wardcard.Removal)
        self.same("WARDCARD_KEY_", wardcard.Key)
        self.same("WARDCARD_TOKEN_", wardcard.Token)
        self.same("WARDCARD_WHY_", wardcard.Why)
        self.same("WARDCARD_HARDENED_", wardcard.Hardening)  # type: ignore[arg-type]
        words = [
            wardcard.PasscodeSource,
            wardcard.CardState,
            wardcard.Removal,
            wardcard.Key,
            wardcard.Token,
            wardcard.Why,
        ]
        known = 1 + len(wardcard.Result) + len(wardcard.Hardening) + sum(map(len, words))
        self.assertEqual(len(re.findall(r"#define WARDCARD_\w+ \d", HEADER)), known)

    def test_signatures(self) -> None:
        functions = re.findall(r"^([\w ]+[ *]+)(wardcard_\w+)\(([^)]*)\);", HEADER, flags=re.M)
        self.assertEqual({name for _, name, _ in functions}, set(_native.SIGNATURES))
        for result, name, arguments in functions:
            with self.subTest(name):
                given, taken = _native.SIGNATURES[name]
                returned = {"void": None, "const char *": ctypes.c_char_p}
                result = result.strip()
                self.assertIs(given, returned[result] if result in returned else native(result))
                wanted = [
                    native(declarator(" ".join(argument.split()))[0])
                    for argument in arguments.split(",")
                    if argument.strip() != "void"
                ]
                self.assertEqual(taken, wanted)

    def test_callbacks(self) -> None:
        found = re.findall(r"typedef void \(\*(\w+)\)\(([^)]*)\);", HEADER)
        self.assertEqual({name for name, _ in found}, set(CALLBACKS))
        for name, arguments in found:
            with self.subTest(name):
                wanted = [
                    native(declarator(" ".join(argument.split()))[0], callback=True)
                    for argument in arguments.split(",")
                ]
                kind: Any = CALLBACKS[name]
                self.assertEqual(list(kind._argtypes_), wanted)
                self.assertIsNone(kind._restype_)

    def test_structures(self) -> None:
        found = dict(re.findall(r"typedef struct (\w+) \{([^}]*)\}", HEADER))
        self.assertEqual(set(found), set(STRUCTURES))
        for name, body in found.items():
            fields = []
            for line in body.split(";"):
                if line.strip():
                    kind, field, count = declarator(" ".join(line.split()))
                    one = ctypes.c_char if kind == "char" else native(kind)
                    fields.append((field, one * count if count else one))
            with self.subTest(name):
                self.assertEqual(STRUCTURES[name]._fields_, fields)
                wanted = type(name, (ctypes.Structure,), {"_fields_": fields})
                self.assertEqual(ctypes.sizeof(STRUCTURES[name]), ctypes.sizeof(wanted))


if __name__ == "__main__":
    unittest.main()
