"""A Python application that uses a card through PyKCS11: card.py MODULE PASSCODE COMMAND."""

import hashlib
import sys

import PyKCS11
from PyKCS11 import LowLevel as ck

# Of 2.40; PyKCS11 has the names of 2.20.
CKR_ACTION_PROHIBITED = 0x1B
MESSAGE = b"a message for the spine"


class Card:
    def __init__(self, module):
        self.library = PyKCS11.PyKCS11Lib()
        self.library.load(module)

    def open(self, slot, passcode=None, user=ck.CKU_USER):
        flags = ck.CKF_SERIAL_SESSION | ck.CKF_RW_SESSION
        session = self.library.openSession(slot, flags)
        if passcode is not None:
            session.login(passcode, user)
        return session


def only(session, *template):
    found = session.findObjects(list(template))
    assert len(found) == 1, (template, len(found))
    return found[0]


def refused(code, call, *arguments):
    try:
        call(*arguments)
    except PyKCS11.PyKCS11Error as error:
        assert error.value == code, (hex(error.value), hex(code))
    else:
        raise AssertionError(f"{call} was not refused")


def sign_and_verify(session, private, public, mechanism, message=MESSAGE):
    signature = bytes(session.sign(private, message, mechanism))
    assert session.verify(public, message, signature, mechanism)
    assert not session.verify(public, message[:-1] + b"?", signature, mechanism)
    return signature


def derived(card, passcode):
    """What an application does with a card that a sign-in brought."""
    slot = card.library.getSlotList(tokenPresent=True)[0]
    token = card.library.getTokenInfo(slot)
    assert token.label.strip().startswith("NHS Smartcard"), token
    assert token.manufacturerID.strip() == "Wardcard", token
    session = card.open(slot)
    assert not session.findObjects([(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY)])
    session.login(passcode)
    key = only(session, (ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), (ck.CKA_DECRYPT, True))
    identity = bytes(session.getAttributeValue(key, [ck.CKA_ID])[0])
    public = only(session, (ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), (ck.CKA_ID, identity))
    everything = only(session, (ck.CKA_CLASS, ck.CKO_CERTIFICATE), (ck.CKA_ID, identity)).to_dict()
    assert everything["CKA_CERTIFICATE_TYPE"] == "CKC_X_509", everything
    # PyKCS11's way to say CKR_ATTRIBUTE_SENSITIVE.
    assert session.getAttributeValue(key, [ck.CKA_PRIVATE_EXPONENT]) == [None]
    for kind in (ck.CKM_SHA1_RSA_PKCS, ck.CKM_SHA256_RSA_PKCS, ck.CKM_SHA512_RSA_PKCS):
        sign_and_verify(session, key, public, PyKCS11.Mechanism(kind))
    salted = PyKCS11.RSA_PSS_Mechanism(
        ck.CKM_SHA256_RSA_PKCS_PSS, ck.CKM_SHA256, ck.CKG_MGF1_SHA256, 32)
    sign_and_verify(session, key, public, salted)
    secret = session.encrypt(public, MESSAGE, PyKCS11.MechanismRSAPKCS1)
    assert bytes(session.decrypt(key, secret, PyKCS11.MechanismRSAPKCS1)) == MESSAGE
    digest = session.digest(MESSAGE, PyKCS11.Mechanism(ck.CKM_SHA256))
    assert bytes(digest) == hashlib.sha256(MESSAGE).digest()
    assert len(session.generateRandom(33)) == 33
    refused(CKR_ACTION_PROHIBITED, session.destroyObject, key)
    refused(CKR_ACTION_PROHIBITED, session.setAttributeValue, key, [(ck.CKA_LABEL, "mine")])
    session.logout()
    assert not session.findObjects([(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY)])


def enrol(card, passcode):
    """What a registration tool does with a blank card."""
    slot = card.library.getSlotList(tokenPresent=True)[-1]
    card.library.initToken(slot, "87654321", "made in Python")
    session = card.open(slot, "87654321", ck.CKU_SO)
    session.initPin("first passcode")
    session.logout()
    session.closeSession()
    session = card.open(slot, "first passcode")
    session.setPin("first passcode", passcode)
    refused(ck.CKR_USER_ALREADY_LOGGED_IN, session.login, passcode)
    session.logout()
    refused(ck.CKR_PIN_INCORRECT, session.login, "first passcode")
    session.login(passcode)

    rsa = session.generateKeyPair(
        [(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), (ck.CKA_TOKEN, True), (ck.CKA_VERIFY, True),
         (ck.CKA_ENCRYPT, True), (ck.CKA_MODULUS_BITS, 2048), (ck.CKA_ID, (1,)),
         (ck.CKA_PUBLIC_EXPONENT, (1, 0, 1)), (ck.CKA_LABEL, "pair")],
        [(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), (ck.CKA_TOKEN, True), (ck.CKA_PRIVATE, True),
         (ck.CKA_SIGN, True), (ck.CKA_DECRYPT, True), (ck.CKA_ID, (1,)), (ck.CKA_LABEL, "pair")])
    curve = (0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07)
    ec = session.generateKeyPair(
        [(ck.CKA_CLASS, ck.CKO_PUBLIC_KEY), (ck.CKA_TOKEN, True), (ck.CKA_VERIFY, True),
         (ck.CKA_KEY_TYPE, ck.CKK_EC), (ck.CKA_EC_PARAMS, curve), (ck.CKA_ID, (2,))],
        [(ck.CKA_CLASS, ck.CKO_PRIVATE_KEY), (ck.CKA_TOKEN, True), (ck.CKA_PRIVATE, True),
         (ck.CKA_KEY_TYPE, ck.CKK_EC), (ck.CKA_SIGN, True), (ck.CKA_ID, (2,))],
        mecha=PyKCS11.MechanismECGENERATEKEYPAIR)
    sign_and_verify(session, rsa[1], rsa[0], PyKCS11.Mechanism(ck.CKM_SHA256_RSA_PKCS))
    sign_and_verify(session, ec[1], ec[0], PyKCS11.Mechanism(ck.CKM_ECDSA_SHA256))
    padding = PyKCS11.RSAOAEPMechanism(ck.CKM_SHA256, ck.CKG_MGF1_SHA256)
    assert bytes(session.decrypt(rsa[1], session.encrypt(rsa[0], MESSAGE, padding), padding)) == MESSAGE

    aes = session.generateKey(
        [(ck.CKA_CLASS, ck.CKO_SECRET_KEY), (ck.CKA_KEY_TYPE, ck.CKK_AES), (ck.CKA_VALUE_LEN, 32),
         (ck.CKA_TOKEN, False), (ck.CKA_ENCRYPT, True), (ck.CKA_DECRYPT, True),
         (ck.CKA_WRAP, True), (ck.CKA_UNWRAP, True)],
        PyKCS11.MechanismAESGENERATEKEY)
    for mechanism in (
        PyKCS11.Mechanism(ck.CKM_AES_CBC_PAD, bytes(16)),
        PyKCS11.AES_GCM_Mechanism(bytes(range(12)), b"and this", 128),
    ):
        ciphertext = session.encrypt(aes, MESSAGE, mechanism)
        assert bytes(ciphertext) != MESSAGE
        assert bytes(session.decrypt(aes, ciphertext, mechanism)) == MESSAGE
    secret = session.createObject(
        [(ck.CKA_CLASS, ck.CKO_SECRET_KEY), (ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
         (ck.CKA_VALUE, tuple(range(32))), (ck.CKA_EXTRACTABLE, True), (ck.CKA_SENSITIVE, False),
         (ck.CKA_TOKEN, False), (ck.CKA_SIGN, True), (ck.CKA_VERIFY, True)])
    sign_and_verify(session, secret, secret, PyKCS11.Mechanism(ck.CKM_SHA256_HMAC))
    wrapped = session.wrapKey(aes, secret, PyKCS11.Mechanism(ck.CKM_AES_KEY_WRAP_PAD))
    again = session.unwrapKey(
        aes, wrapped,
        [(ck.CKA_CLASS, ck.CKO_SECRET_KEY), (ck.CKA_KEY_TYPE, ck.CKK_GENERIC_SECRET),
         (ck.CKA_EXTRACTABLE, True), (ck.CKA_SENSITIVE, False), (ck.CKA_TOKEN, False)],
        PyKCS11.Mechanism(ck.CKM_AES_KEY_WRAP_PAD))
    assert bytes(session.getAttributeValue(again, [ck.CKA_VALUE])[0]) == bytes(range(32))
    refused(ck.CKR_KEY_UNEXTRACTABLE, session.wrapKey, aes, rsa[1],
            PyKCS11.Mechanism(ck.CKM_AES_KEY_WRAP_PAD))

    note = session.createObject(
        [(ck.CKA_CLASS, ck.CKO_DATA), (ck.CKA_TOKEN, True), (ck.CKA_PRIVATE, True),
         (ck.CKA_LABEL, "note"), (ck.CKA_VALUE, b"a note")])
    session.setAttributeValue(note, [(ck.CKA_LABEL, "another name")])
    session.setAttributeValue(rsa[1], [(ck.CKA_LABEL, "renamed")])
    session.destroyObject(ec[0])
    session.destroyObject(ec[1])
    session.closeSession()

    # Another look at the card finds what was left on it.
    session = card.open(slot, passcode)
    only(session, (ck.CKA_CLASS, ck.CKO_DATA), (ck.CKA_LABEL, "another name"))
    key = only(session, (ck.CKA_CLASS, ck.CKO_PRIVATE_KEY))
    label, local = session.getAttributeValue(key, [ck.CKA_LABEL, ck.CKA_LOCAL])
    assert (label, bool(local)) == ("renamed", True), (label, local)
    session.logout()


if __name__ == "__main__":
    MODULE, PASSCODE, COMMAND = sys.argv[1:]
    {"derived": derived, "enrol": enrol}[COMMAND](Card(MODULE), PASSCODE)
    print("done")
