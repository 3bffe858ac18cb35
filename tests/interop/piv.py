#!/usr/bin/env python3
"""A PIV card through PC/SC, as a script of a trust's own would use it (SP 800-73-4, pyscard).

    piv.py PIN FOLDER    expects a card with an RSA-2048 key at 9A in the first reader

Writes FOLDER/script.der, the certificate, and FOLDER/script.sig, what 9A made of
SHA-256 over b"message"; prints the status words that it met, one line each.
"""

import gzip
import hashlib
import sys
import threading

from smartcard.CardMonitoring import CardMonitor, CardObserver
from smartcard.CardRequest import CardRequest
from smartcard.Exceptions import NoCardException
from smartcard.ExclusiveConnectCardConnection import ExclusiveConnectCardConnection
from smartcard.ExclusiveTransmitCardConnection import ExclusiveTransmitCardConnection
from smartcard.System import readers

AID = [0xA0, 0x00, 0x00, 0x03, 0x08]  # truncated, as clients send it
# EMSA-PKCS1-v1_5 of SHA-256 (RFC 8017 section 9.2).
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def ask(connection, *apdu):
    """One command; follows 61xx (ISO 7816-4)."""
    data, one, two = connection.transmit(list(apdu))
    while one == 0x61:
        more, one, two = connection.transmit([0x00, 0xC0, 0x00, 0x00, two])
        data += more
    return bytes(data), one << 8 | two


def chained(connection, instruction, one, two, data):
    """A command that is longer than one APDU, by command chaining."""
    while len(data) > 255:
        ask(connection, 0x10, instruction, one, two, 255, *data[:255])
        data = data[255:]
    return ask(connection, 0x00, instruction, one, two, len(data), *data, 0)


def value(data, tag):
    """The value of a BER-TLV's tag, which has to be its first."""
    assert data[: len(tag)] == tag, data[:4].hex()
    rest = data[len(tag) :]
    count = rest[0] & 0x7F if rest[0] & 0x80 else 0
    length = int.from_bytes(rest[1 : 1 + count], "big") if count else rest[0]
    return rest[1 + count : 1 + count + length]


def verify(connection, pin):
    return ask(connection, 0x00, 0x20, 0x00, 0x80, 8, *pin.encode().ljust(8, b"\xff"))[1]


class Watcher(CardObserver):
    """Told of cards by pyscard's own monitor."""

    def __init__(self):
        self.seen = threading.Event()

    def update(self, observable, actions):
        added, _ = actions
        if added:
            self.seen.set()


def main(pin, folder):
    watcher, monitor = Watcher(), CardMonitor()
    monitor.addObserver(watcher)
    assert watcher.seen.wait(10), "the monitor sees no card"
    monitor.deleteObserver(watcher)

    service = CardRequest(timeout=10, readers=readers()[:1]).waitforcard()
    connection = ExclusiveTransmitCardConnection(service.connection)
    connection.connect()
    connection.lock()  # SCardBeginTransaction
    properties, status = ask(connection, 0x00, 0xA4, 0x04, 0x00, len(AID), *AID, 0)
    assert status == 0x9000 and value(properties, b"\x61"), properties.hex()
    print("select", f"{status:04x}")

    print("status", f"{verify_status(connection):04x}")
    print("sign", f"{sign(connection)[1]:04x}")  # not before the PIN
    print("verify", f"{verify(connection, pin):04x}")
    print("status", f"{verify_status(connection):04x}")

    wanted = (0x5C, 3, 0x5F, 0xC1, 0x05)
    data, status = ask(connection, 0x00, 0xCB, 0x3F, 0xFF, len(wanted), *wanted, 0)
    print("certificate", f"{status:04x}")
    inner = value(data, b"\x53")
    certificate = value(inner, b"\x70")
    zipped = inner[inner.index(b"\x71\x01", len(certificate)) + 2]
    with open(f"{folder}/script.der", "wb") as file:
        file.write(gzip.decompress(certificate) if zipped & 1 else certificate)

    signature, status = sign(connection)
    print("sign", f"{status:04x}")
    with open(f"{folder}/script.sig", "wb") as file:
        file.write(signature)
    connection.unlock()
    connection.disconnect()

    # The next one who connects starts without a PIN, and alone.
    alone = ExclusiveConnectCardConnection(readers()[0].createConnection())
    alone.connect()
    ask(alone, 0x00, 0xA4, 0x04, 0x00, len(AID), *AID, 0)
    print("status", f"{verify_status(alone):04x}")
    other = readers()[0].createConnection()
    try:
        other.connect()
        print("shared")
    except Exception as error:  # pyscard has no type of its own for a sharing violation
        assert not isinstance(error, NoCardException), error
        print("alone")
    alone.disconnect()


def verify_status(connection):
    return ask(connection, 0x00, 0x20, 0x00, 0x80)[1]


def sign(connection):
    """GENERAL AUTHENTICATE with 9A, RSA-2048 (part 2 section 3.2.4)."""
    info = DIGEST_INFO + hashlib.sha256(b"message").digest()
    block = b"\x00\x01" + b"\xff" * (253 - len(info)) + b"\x00" + info
    template = b"\x82\x00" + b"\x81\x82\x01\x00" + block
    template = b"\x7c\x82" + len(template).to_bytes(2, "big") + template
    data, status = chained(connection, 0x87, 0x07, 0x9A, template)
    return (value(value(data, b"\x7c"), b"\x82") if data else b""), status


if __name__ == "__main__":
    main(*sys.argv[1:])
