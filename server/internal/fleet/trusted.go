package fleet

import "crypto/ed25519"

// trustedKeys holds the keys of one matchmaker and its replicas. It is not safe for
// concurrent use; owned by the stream's receiving goroutine.
type trustedKeys struct {
	host Host
	own  ed25519.PublicKey
	done map[string]func() // by key
}

// replace trusts the matchmaker's own key and the given ones, and no longer those of
// earlier calls. Values that are not keys are ignored.
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

// drop removes all keys.
func (t *trustedKeys) drop() {
	for _, done := range t.done {
		done()
	}
	t.done = nil
}
