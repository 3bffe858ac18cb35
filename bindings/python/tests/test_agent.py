"""The layer over a real library. What needs a provider asks the other side of standard input and
output for it, which tests/python.rs stands on: `token NONCE`, `sign PASSCODE`."""

import os
import pathlib
import sys
import threading
import unittest
from typing import List

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE / "src"))

import wardcard  # noqa: E402
from wardcard import CardState, PasscodeSource, Removal, Result, WardcardError  # noqa: E402

CONFIGURATION = os.environ.get("WARDCARD_TEST_CONFIGURATION", "")


def other_side(line: str) -> str:
    print(line, flush=True)
    return sys.stdin.readline().rstrip("\n")


@unittest.skipUnless(os.environ.get("WARDCARD_LIBRARY"), "WARDCARD_LIBRARY is not set")
class Library(unittest.TestCase):
    def test_version_and_hardening(self) -> None:
        self.assertRegex(wardcard.version(), r"^\d+\.\d+\.\d+$")
        self.assertIn(wardcard.Hardening.NO_CORE, wardcard.harden())

    def test_a_configuration_that_does_not_hold(self) -> None:
        told: List[str] = []
        with self.assertRaises(WardcardError) as caught:
            wardcard.Agent("mode = 1", diagnostic=told.append)
        self.assertEqual(caught.exception.result, Result.CONFIGURATION)
        self.assertIn("mode", caught.exception.text)
        self.assertEqual(len(told), 1)

    def test_no_library(self) -> None:
        with self.assertRaises(OSError):
            wardcard.Agent("", library="/nowhere/libwardcard.so")


@unittest.skipUnless(CONFIGURATION, "tests/python.rs sets WARDCARD_TEST_CONFIGURATION")
class Card(unittest.TestCase):
    def setUp(self) -> None:
        self.questions: List[wardcard.PasscodeQuestion] = []
        self.later: List[threading.Timer] = []
        self.agent = wardcard.Agent(
            pathlib.Path(CONFIGURATION).read_text(), passcode=self.choose
        )
        self.addCleanup(self.agent.close)
        self.agent.serve()

    def choose(self, question: wardcard.PasscodeQuestion) -> None:
        """Answers later, from another thread."""
        self.questions.append(question)
        secret = bytearray(b"246813")
        timer = threading.Timer(0.05, question.answer, [secret])
        self.later.append(timer)
        timer.start()

    def token(self, request: wardcard.Request) -> bytearray:
        return bytearray(other_side(f"token {request.nonce}").encode())

    def test_from_a_request_to_a_card(self) -> None:
        with self.agent.request(os.getuid()) as request:
            self.assertEqual(len(request.nonce), 43)
            token = self.token(request)
            card = request.prove(token)
            self.assertEqual(bytes(token), bytes(len(token)), "the token is erased")
            with self.assertRaises(WardcardError) as caught:
                request.prove(b"x")
            self.assertEqual(caught.exception.result, Result.REQUEST)
        self.assertEqual([question.person for question in self.questions], ["555000000001"])
        self.assertEqual((self.questions[0].min, self.questions[0].max), (6, 8))
        for timer in self.later:
            timer.join()
        with self.assertRaises(WardcardError) as caught:
            self.questions[0].answer(None)
        self.assertEqual(caught.exception.result, Result.NO_SUCH_QUESTION)

        info = card.info()
        self.assertEqual((info.person, info.state), ("555000000001", CardState.INSERTED))
        self.assertEqual((info.tries_left, info.authentication_level), (3, 3))
        self.assertFalse(info.sign_in or info.content_commitment)
        self.assertGreater(info.expires, info.issued)
        chain = [card.certificate(index=index) for index in range(3)]
        self.assertTrue(all(certificate[0] == 0x30 for certificate in chain))
        with self.assertRaises(WardcardError) as caught:
            card.certificate(index=3)
        self.assertEqual(caught.exception.result, Result.NO_SUCH_KEY)

        self.assertEqual(other_side("sign 135791"), "CKR 0xa0")
        self.assertEqual(card.info().tries_left, 2)
        self.assertEqual(other_side("sign 246813"), "256")
        card.lock()
        self.assertEqual(card.info().state, CardState.LOCKED)
        card.unlock()
        self.assertEqual(self.agent.card(info.id).info().state, CardState.INSERTED)
        card.remove(Removal.SESSION_END)
        with self.assertRaises(WardcardError) as caught:
            card.info()
        self.assertEqual(caught.exception.result, Result.CARD_GONE)
        card.close()
        card.close()
        with self.assertRaises(ValueError):
            card.info()

    def test_a_proof_by_evidence_of_any_kind(self) -> None:
        with self.agent.request(os.getuid()) as request:
            self.assertTrue(request.card_challenge.endswith(request.nonce.encode()))
            token = self.token(request).decode()
            card = request.prove_by({"id_token": token}, passcode=b"135791")
        card.remove(Removal.SESSION_END)
        with self.agent.request(os.getuid()) as request:
            with self.assertRaises(WardcardError) as caught:
                request.prove_by("{}")
            self.assertEqual(caught.exception.result, Result.ARGUMENT)
            with self.assertRaises(WardcardError) as caught:
                request.prove_by({"webauthn": "{}"})
            self.assertEqual(caught.exception.result, Result.PROOF)
            self.assertIn("[webauthn]", caught.exception.text)
            for asked in (
                lambda: request.webauthn_options("555000000001"),
                lambda: self.agent.register("555000000001"),
                lambda: self.agent.credentials("555000000001"),
                lambda: self.agent.remove_credential("555000000001"),
            ):
                with self.assertRaises(WardcardError) as caught:
                    asked()
                self.assertIn("[webauthn]", caught.exception.text)

    def test_a_passcode_given_with_the_proof(self) -> None:
        secret = bytearray(b"97531864")
        with self.agent.request(os.getuid()) as request:
            with request.prove(self.token(request), passcode=secret):
                self.assertEqual(bytes(secret), bytes(8), "the passcode is erased")
                self.assertEqual(other_side("sign 97531864"), "256")
        self.assertEqual(self.questions, [])
        with self.agent.request(os.getuid()) as request:
            with self.assertRaises(WardcardError) as caught:
                request.prove(b"x", passcode=b"123456", source=PasscodeSource.SIGN_IN)
        self.assertEqual(caught.exception.result, Result.ARGUMENT)

    def test_a_token_that_does_not_hold(self) -> None:
        with self.agent.request(os.getuid()) as request:
            token = self.token(request)
        with self.agent.request(os.getuid()) as other:
            with self.assertRaises(WardcardError) as caught:
                other.prove(token)
        self.assertEqual(caught.exception.result, Result.PROOF)
        self.assertIn("nonce", caught.exception.text)

    def test_another_users_seat(self) -> None:
        with self.assertRaises(WardcardError) as caught:
            self.agent.request(os.getuid() + 1)
        self.assertEqual(caught.exception.result, Result.SEAT)

    def test_after_the_agent(self) -> None:
        request = self.agent.request(os.getuid())
        self.agent.stop()
        with self.assertRaises(WardcardError) as caught:
            self.agent.request(os.getuid())
        self.assertEqual(caught.exception.result, Result.STOPPED)
        self.agent.close()
        with self.assertRaises(WardcardError) as caught:
            request.prove(b"x")
        self.assertEqual(caught.exception.result, Result.STOPPED)
        request.close()
        with self.assertRaises(ValueError):
            self.agent.serve()


if __name__ == "__main__":
    unittest.main()
