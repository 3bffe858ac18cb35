"""A browser with the software authenticator `soft_fido2`: one line of JSON in, one out.

{"create": OPTIONS, "format": "none" | "packed-self", "key": "ES256" | "RS256" | "EdDSA"}
{"get": OPTIONS}
"""

import json
import sys

import soft_fido2
from cryptography.hazmat.primitives.asymmetric import ed25519
from soft_fido2 import KeyPair


def key_pair(name):
    if name == "RS256":
        return KeyPair.generate_rsa()
    if name == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
        return KeyPair(key, key.public_key())
    return KeyPair.generate_ecdsa()


def as_a_browser_writes_it(answer):
    """Base64url without padding, as toJSON() has it."""
    response = answer["response"]
    answer["response"] = {name: value.rstrip("=") for name, value in response.items()}
    return json.dumps(answer)


authenticator = None
for line in sys.stdin:
    asked = json.loads(line)
    if "create" in asked:
        authenticator = soft_fido2.Fido2Authenticator(keyPair=key_pair(asked["key"]))
        answer = authenticator.credential_create(asked["create"], asked["format"])
    else:
        answer = authenticator.credential_request(asked["get"])
    print(as_a_browser_writes_it(answer), flush=True)
