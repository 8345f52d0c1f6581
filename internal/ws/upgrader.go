package ws

import (
	"cmp"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"tactus/internal/origin"
	"tactus/protocol"
)

// upgradeTimeout bounds the writing of the handshake's answer.
const upgradeTimeout = 5 * time.Second

// Upgrader turns HTTP requests into connections. Its zero value takes pages of
// the same host and clients that are no browsers. It is safe for concurrent
// use and must not be copied.
type Upgrader struct {
	// Origins are further pages that may connect.
	Origins *origin.Policy
	// Subprotocol is the one that clients must offer, with a version behind its
	// last dot. Empty means [protocol.Subprotocol].
	Subprotocol string
	// MaxMessage bounds a client's message in bytes; 0 means
	// [protocol.MaxClientMessage].
	MaxMessage int
	// ForcePortable keeps connections off raw descriptors.
	ForcePortable bool

	work closers
}

// closers counts the goroutines that work for connections, and bounds those
// that only wait for a peer to read its close frame.
type closers struct {
	sync.WaitGroup
	lingering atomic.Int32
}

// refusal is an upgrade that is answered by an HTTP status.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// Upgrade answers a WebSocket handshake and takes the connection over from
// net/http. A refused request is answered with its HTTP status (403 for a
// foreign Origin, 426 for another version, else 400 or 405) and an error that
// says why. One that offers another version of the protocol only is upgraded and
// closed with [protocol.CloseBadVersion], since a page is told no HTTP status.
// Bytes that came behind the handshake are kept.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request) (*Pending, error) {
	if no := u.check(r); no != nil {
		answerRefusal(w, no)
		return nil, no
	}
	chosen := chooseProtocol(r.Header, u.subprotocol())
	upgrader := ws.HTTPUpgrader{
		Timeout:  upgradeTimeout,
		Protocol: func(offer string) bool { return offer == chosen },
	}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		if conn != nil {
			err = errors.Join(err, conn.Close())
		}
		return nil, err
	}
	early, err := rw.Reader.Peek(rw.Reader.Buffered())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	p := u.pending(conn, early)
	if chosen != u.subprotocol() {
		p.Close(protocol.CloseBadVersion, protocol.CloseBadVersion.Text())
		return nil, &refusal{http.StatusBadRequest, "the client speaks " + strconv.Quote(chosen) + " only"}
	}
	return p, nil
}

// Wait returns when the goroutines of all connections have ended, which is at
// most two seconds after the last was closed. Call it when the HTTP server
// takes no more requests.
func (u *Upgrader) Wait() { u.work.Wait() }

func (u *Upgrader) subprotocol() string { return cmp.Or(u.Subprotocol, protocol.Subprotocol) }

func (u *Upgrader) maxMessage() int {
	if u.MaxMessage > 0 {
		return u.MaxMessage
	}
	return protocol.MaxClientMessage
}

func (u *Upgrader) check(r *http.Request) *refusal {
	switch {
	case r.Method != http.MethodGet:
		return &refusal{http.StatusMethodNotAllowed, "a WebSocket handshake is a GET request"}
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return &refusal{http.StatusHTTPVersionNotSupported, "a WebSocket handshake needs HTTP/1.1"}
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return &refusal{http.StatusUpgradeRequired, "this address speaks WebSocket"}
	case r.ContentLength != 0:
		return &refusal{http.StatusBadRequest, "a WebSocket handshake has no body"}
	case only(r.Header, "Sec-Websocket-Version") != "13":
		return &refusal{http.StatusUpgradeRequired, "the WebSocket version has to be 13"}
	case !validKey(only(r.Header, "Sec-Websocket-Key")):
		return &refusal{http.StatusBadRequest, "Sec-WebSocket-Key has to be 16 bytes in base64"}
	case !u.allows(r):
		return &refusal{http.StatusForbidden, "pages of this origin may not connect"}
	case chooseProtocol(r.Header, u.subprotocol()) == "":
		return &refusal{http.StatusBadRequest, "the WebSocket subprotocol has to be " + u.subprotocol()}
	}
	return nil
}

// allows compares the page's Origin. Browsers always send one; a client
// without one could send any and is no threat to a player's browser.
func (u *Upgrader) allows(r *http.Request) bool {
	if len(r.Header["Origin"]) == 0 {
		return true
	}
	from := only(r.Header, "Origin")
	return origin.SameHost(from, r.Host) || u.Origins.Allows(from, r.Host)
}

func answerRefusal(w http.ResponseWriter, no *refusal) {
	switch no.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet)
	case http.StatusUpgradeRequired:
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	http.Error(w, no.reason, no.status)
}

// only returns a header that has to stand in the request exactly once, else "".
func only(h http.Header, canonicalName string) string {
	if values := h[canonicalName]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func validKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(raw) == 16 && len(key) == 24
}

func hasToken(h http.Header, canonicalName, token string) bool {
	for _, line := range h[canonicalName] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// chooseProtocol returns the server's subprotocol when it is offered, else an
// offered one of another version, else "". Subprotocols are case-sensitive.
func chooseProtocol(h http.Header, own string) (chosen string) {
	anyVersion := own[:strings.LastIndexByte(own, '.')+1]
	for _, line := range h["Sec-Websocket-Protocol"] {
		for part := range strings.SplitSeq(line, ",") {
			switch offer := strings.TrimSpace(part); {
			case offer == own:
				return offer
			case chosen == "" && anyVersion != "" && strings.HasPrefix(offer, anyVersion):
				chosen = offer
			}
		}
	}
	return chosen
}

func (u *Upgrader) pending(conn net.Conn, early []byte) *Pending {
	p := &Pending{
		conn: conn, parser: frameParser{maxMessage: u.maxMessage()},
		work: &u.work, portable: u.ForcePortable,
	}
	if need := max(headerMax+u.maxMessage(), len(early)); need <= largeBuffer {
		p.buf = largeBuffers.Get().(*[largeBuffer]byte)[:0]
	} else {
		p.buf = make([]byte, 0, need)
	}
	p.buf = append(p.buf, early...)
	return p
}
