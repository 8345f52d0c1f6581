package server

import (
	"crypto/ed25519"
	"sync"
	"time"

	"tactus/protocol/jointoken"
)

// keyLife is how long a key is trusted after its matchmaker has disconnected: as long
// as any seat waits for a token that was signed before.
const keyLife = maxHold

// keyring holds the keys of all matchmakers that are connected, or were until
// recently. It is safe for concurrent use.
type keyring struct {
	tokens *jointoken.Verifier

	mu      sync.Mutex
	streams int
	held    map[string]*heldKey // by the key itself: replicas may share it
}

type heldKey struct {
	streams int
	expiry  *time.Timer // runs while there is no stream
}

func newKeyring() *keyring {
	return &keyring{tokens: jointoken.NewVerifier(), held: map[string]*heldKey{}}
}

// trust adds the key of a stream. It is trusted until drop is called, and for keyLife
// after that.
func (k *keyring) trust(key ed25519.PublicKey) (drop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[string(key)]
	if h == nil {
		h = &heldKey{}
		k.held[string(key)] = h
		k.publishLocked()
	}
	if h.expiry != nil {
		h.expiry.Stop()
		h.expiry = nil
	}
	h.streams++
	k.streams++
	return func() { k.drop(string(key), h) }
}

func (k *keyring) drop(key string, h *heldKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.streams--
	if h.streams--; h.streams > 0 {
		return
	}
	var expiry *time.Timer
	expiry = time.AfterFunc(keyLife, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if h.expiry == expiry { // not trusted again since
			delete(k.held, key)
			k.publishLocked()
		}
	})
	h.expiry = expiry
}

func (k *keyring) publishLocked() {
	keys := make([]ed25519.PublicKey, 0, len(k.held))
	for key := range k.held {
		keys = append(keys, ed25519.PublicKey(key))
	}
	k.tokens.Replace(keys...)
}

// connected reports whether any stream is connected.
func (k *keyring) connected() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.streams > 0
}
