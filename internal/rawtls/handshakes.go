package rawtls

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"
)

// handshakeWait is the longest time that a client's hello waits for its turn.
const handshakeWait = 5 * time.Second

// errHandshakes is the error of a handshake whose turn did not come.
var errHandshakes = errors.New("rawtls: too many handshakes at the same time")

// Handshakes bounds how many handshakes of a server compute at the same time. In a storm
// of clients all others wait, without a processor, so that the rest of the process gets
// its share: with thousands of goroutines that are ready to run, each waits for all.
// Safe for concurrent use.
type Handshakes struct {
	places  chan struct{}
	waiting atomic.Int64
}

// NewHandshakes allows n handshakes at the same time.
func NewHandshakes(n int) *Handshakes { return &Handshakes{places: make(chan struct{}, n)} }

// Bound bounds the handshakes of a configuration that is used over Transport. A place is
// taken when a client's hello has arrived, so that silent clients have none. It is given
// back with the first bytes of the answer, which come after most of the work.
func (h *Handshakes) Bound(cfg *tls.Config) {
	choose := cfg.GetConfigForClient
	cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if t, ok := hello.Conn.(*transport); ok {
			if err := h.enter(hello, t); err != nil {
				return nil, err
			}
		}
		if choose == nil {
			return nil, nil //nolint:nilnil // crypto/tls then uses cfg
		}
		return choose(hello)
	}
}

func (h *Handshakes) enter(hello *tls.ClientHelloInfo, t *transport) error {
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	timer := time.NewTimer(handshakeWait)
	defer timer.Stop()
	select {
	case h.places <- struct{}{}:
		t.handshakes = h
		t.inHandshake.Store(true)
		return nil
	case <-timer.C:
		return errHandshakes
	case <-hello.Context().Done():
		return hello.Context().Err()
	}
}

// leave gives the place of a handshake back, once.
func (t *transport) leave() {
	if t.inHandshake.CompareAndSwap(true, false) {
		<-t.handshakes.places
	}
}
