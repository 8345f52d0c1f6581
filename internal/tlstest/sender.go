package tlstest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
)

// Sender seals a client's records, also those that crypto/tls does not send. Not safe
// for concurrent use; owned by the test.
type Sender struct {
	t      testing.TB
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	number uint64
}

// Types of content (RFC 8446 section 5.1).
const (
	handshake = 22
	data      = 23
)

// keyUpdate is the message that asks the peer to change its keys, too (RFC 8446 section
// 4.6.3).
var keyUpdate = []byte{24, 0, 0, 1, 1}

// NewSender makes a sender for a client that has sent nothing since its handshake, by
// the lines of its key log. It skips the test for other suites than AES-128.
func NewSender(t testing.TB, keyLog string, suite uint16) *Sender {
	t.Helper()
	if suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Skipf("without AES in its processor this machine chooses %s", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(keyLog) {
		if fields := strings.Fields(line); fields[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				t.Fatal(err)
			}
			s := &Sender{t: t}
			s.use(secret)
			return s
		}
	}
	t.Fatal("the key log has no secret of the client")
	return nil
}

// Data appends a record with data, and padding behind them.
func (s *Sender) Data(dst, content []byte, padding int) []byte {
	return s.record(dst, data, content, padding)
}

// KeyUpdate appends a request for new keys, and uses its own from then on.
func (s *Sender) KeyUpdate(dst []byte) []byte {
	dst = s.record(dst, handshake, keyUpdate, 0)
	s.use(s.expand("traffic upd", len(s.secret)))
	return dst
}

// use derives the keys of a secret (RFC 8446 section 7.3).
func (s *Sender) use(secret []byte) {
	s.secret, s.number = secret, 0
	block, err := aes.NewCipher(s.expand("key", 16))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		s.t.Fatal(err)
	}
	s.iv = s.expand("iv", s.aead.NonceSize())
}

func (s *Sender) expand(label string, size int) []byte {
	label = "tls13 " + label
	info := string([]byte{byte(size >> 8), byte(size), byte(len(label))}) + label + "\x00"
	key, err := hkdf.Expand(sha256.New, s.secret, info, size)
	if err != nil {
		s.t.Fatal(err)
	}
	return key
}

func (s *Sender) record(dst []byte, kind byte, content []byte, padding int) []byte {
	plain := append(append(bytes.Clone(content), kind), make([]byte, padding)...)
	header := []byte{data, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(plain)+s.aead.Overhead()))
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(s.number >> (56 - 8*i))
	}
	s.number++
	return append(append(dst, header...), s.aead.Seal(nil, nonce, plain, header)...)
}
