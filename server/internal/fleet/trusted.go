package fleet

import "crypto/ed25519"

// trustedKeys are the keys that one matchmaker vouches for: its own, and those of
// its replicas. They belong to the stream's receiving goroutine.
type trustedKeys struct {
	host Host
	own  ed25519.PublicKey
	done map[string]func() // by key
}

// replace trusts the matchmaker's own key and these, and no others that it told
// of before. What is not a key is passed over.
func (t *trustedKeys) replace(keys [][]byte) {
	now := map[string]func(){}
	for _, key := range append([][]byte{t.own}, keys[:min(len(keys), maxReplicas)]...) {
		name := string(key)
		if len(key) != ed25519.PublicKeySize || now[name] != nil {
			continue
		}
		if now[name] = t.done[name]; now[name] == nil {
			now[name] = t.host.TrustKey(key)
		}
	}
	for name, done := range t.done {
		if now[name] == nil {
			done()
		}
	}
	t.done = now
}

// drop ends what the matchmaker vouches for.
func (t *trustedKeys) drop() {
	for _, done := range t.done {
		done()
	}
	t.done = nil
}
