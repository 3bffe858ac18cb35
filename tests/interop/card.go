// A Go application that uses a card through miekg/pkcs11: card MODULE PASSCODE COMMAND.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"os"
	"sync"

	"github.com/miekg/pkcs11"
)

var message = []byte("a message for the spine")

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(right bool, what ...any) {
	if !right {
		panic(fmt.Sprint(what...))
	}
}

type card struct {
	*pkcs11.Ctx
	slot uint
}

func (c card) open() pkcs11.SessionHandle {
	session, err := c.OpenSession(c.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(err)
	return session
}

func (c card) find(session pkcs11.SessionHandle, template ...*pkcs11.Attribute) []pkcs11.ObjectHandle {
	must(c.FindObjectsInit(session, template))
	found, _, err := c.FindObjects(session, 100)
	must(err)
	must(c.FindObjectsFinal(session))
	return found
}

func (c card) attribute(session pkcs11.SessionHandle, object pkcs11.ObjectHandle, kind uint) []byte {
	values, err := c.GetAttributeValue(session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(kind, nil)})
	must(err)
	return values[0].Value
}

func (c card) sign(session pkcs11.SessionHandle, key pkcs11.ObjectHandle, kind uint, data []byte) []byte {
	must(c.SignInit(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(kind, nil)}, key))
	signature, err := c.Sign(session, data)
	must(err)
	return signature
}

func class(class uint) *pkcs11.Attribute { return pkcs11.NewAttribute(pkcs11.CKA_CLASS, class) }

// What an application does with a card that a sign-in brought; eight goroutines at once.
func derived(c card, passcode string) {
	info, err := c.GetTokenInfo(c.slot)
	must(err)
	check(info.ManufacturerID == "Wardcard", info)
	session := c.open()
	must(c.Login(session, pkcs11.CKU_USER, passcode))
	err = c.Login(session, pkcs11.CKU_USER, passcode)
	check(err == pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN), err)
	keys := c.find(session, class(pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true))
	check(len(keys) == 1, keys)
	id := pkcs11.NewAttribute(pkcs11.CKA_ID, c.attribute(session, keys[0], pkcs11.CKA_ID))
	certificates := c.find(session, class(pkcs11.CKO_CERTIFICATE), id)
	check(len(certificates) == 1, certificates)
	certificate, err := x509.ParseCertificate(c.attribute(session, certificates[0], pkcs11.CKA_VALUE))
	must(err)
	public := certificate.PublicKey.(*rsa.PublicKey)

	var group sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			own := c.open()
			for turn := 0; turn < 25; turn++ {
				signature := c.sign(own, keys[0], pkcs11.CKM_SHA256_RSA_PKCS, message)
				digest := sha256.Sum256(message)
				must(rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature))
			}
			must(c.CloseSession(own))
		}()
	}
	group.Wait()

	_, err = c.GenerateRandom(session, 16)
	must(err)
	_, err = c.GetAttributeValue(session, keys[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_PRIME_1, nil)})
	check(err == pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE), err)
	must(c.Logout(session))
	must(c.CloseAllSessions(c.slot))
}

// What a registration tool does with a blank card.
func enrol(c card, passcode string) {
	slots, err := c.GetSlotList(true)
	must(err)
	c.slot = slots[len(slots)-1]
	must(c.InitToken(c.slot, "87654321", "made in Go"))
	session := c.open()
	must(c.Login(session, pkcs11.CKU_SO, "87654321"))
	must(c.InitPIN(session, passcode))
	must(c.Logout(session))
	must(c.Login(session, pkcs11.CKU_USER, passcode))

	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 3, 132, 0, 34})
	must(err)
	id := pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{7})
	onToken := pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)
	public, private, err := c.GenerateKeyPair(session,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve), onToken, id},
		[]*pkcs11.Attribute{onToken, id})
	must(err)
	var point []byte
	_, err = asn1.Unmarshal(c.attribute(session, public, pkcs11.CKA_EC_POINT), &point)
	must(err)
	x, y := elliptic.Unmarshal(elliptic.P384(), point)
	key := &ecdsa.PublicKey{Curve: elliptic.P384(), X: x, Y: y}
	digest := sha256.Sum256(message)
	signature := c.sign(session, private, pkcs11.CKM_ECDSA, digest[:])
	check(len(signature) == 96, len(signature))
	r, s := new(big.Int).SetBytes(signature[:48]), new(big.Int).SetBytes(signature[48:])
	check(ecdsa.Verify(key, digest[:], r, s), "the signature is wrong")
	_, err = c.GetAttributeValue(session, private, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
	check(err == pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE), err)

	// A derived secret of the session is the same from both ends.
	other, otherPrivate, err := c.GenerateKeyPair(session,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)})
	must(err)
	third, thirdPrivate, err := c.GenerateKeyPair(session,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_DERIVE, true)})
	must(err)
	agree := func(private, public pkcs11.ObjectHandle) []byte {
		_, err := asn1.Unmarshal(c.attribute(session, public, pkcs11.CKA_EC_POINT), &point)
		must(err)
		parameters := pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point)
		secret, err := c.DeriveKey(session,
			[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, parameters)}, private,
			[]*pkcs11.Attribute{class(pkcs11.CKO_SECRET_KEY),
				pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
				pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
				pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true)})
		must(err)
		return c.attribute(session, secret, pkcs11.CKA_VALUE)
	}
	ours, theirs := agree(otherPrivate, third), agree(thirdPrivate, other)
	check(len(ours) == 48 && bytes.Equal(ours, theirs), "two secrets")

	must(c.SetAttributeValue(session, private, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "renamed")}))
	must(c.CloseAllSessions(c.slot))
	session = c.open()
	check(len(c.find(session, class(pkcs11.CKO_PRIVATE_KEY))) == 0, "a private key without login")
	must(c.Login(session, pkcs11.CKU_USER, passcode))
	found := c.find(session, class(pkcs11.CKO_PRIVATE_KEY), id)
	check(len(found) == 1, found)
	check(string(c.attribute(session, found[0], pkcs11.CKA_LABEL)) == "renamed", "another label")
	must(c.DestroyObject(session, found[0]))
	check(len(c.find(session, class(pkcs11.CKO_PRIVATE_KEY))) == 0, "it is still there")
}

func main() {
	context := pkcs11.New(os.Args[1])
	check(context != nil, "the module cannot be loaded")
	must(context.Initialize())
	slots, err := context.GetSlotList(true)
	must(err)
	check(len(slots) > 0, "no token")
	commands := map[string]func(card, string){"derived": derived, "enrol": enrol}
	commands[os.Args[3]](card{context, slots[0]}, os.Args[2])
	must(context.Finalize())
	context.Destroy()
	fmt.Println("done")
}
