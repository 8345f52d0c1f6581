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

// upgradeTimeout is the longest time to write the response to a handshake.
const upgradeTimeout = 5 * time.Second

// Upgrader turns HTTP requests into connections. Its zero value accepts pages of the
// same host, and clients that are not browsers. It is safe for concurrent use and
// must not be copied.
//
// Connections are served on their descriptors if they are TCP connections, [Detacher]s,
// or of [NewTLSListener] over either.
type Upgrader struct {
	// Origins are the other pages that may connect. Nil: none.
	Origins Origins
	// Subprotocol is the one that clients must offer. It ends with a dot and a
	// version. Empty means [protocol.Subprotocol].
	Subprotocol string
	// MaxMessage is the size of a client's longest message in bytes; 0 means
	// [protocol.MaxClientMessage].
	MaxMessage int
	// Proxied reports whether the peer of a request's socket is a proxy that the
	// operator trusts, and not the client itself. What the kernel measures of such a
	// connection says nothing about the client. nil: none is.
	Proxied func(*http.Request) bool
	// ForcePortable serves all connections by goroutines, never on raw descriptors.
	ForcePortable bool

	work closers
}

// Origins decides which pages of other hosts may connect. Implementations are safe for
// concurrent use. [origin.Policy] and [origin.Announced] are two.
type Origins interface {
	// Allows receives the headers Origin and Host of a request.
	Allows(origin, host string) bool
}

// ErrOrigin is returned by [Upgrader.Upgrade] for a page that may not connect.
var ErrOrigin = errors.New("pages of this origin may not connect")

// closers counts the goroutines that serve connections, and limits those that wait
// for a client to read its close frame.
type closers struct {
	sync.WaitGroup
	lingering atomic.Int32
}

// refusal is the reason for an HTTP status instead of an upgrade.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// Is makes the refusal of an origin an [ErrOrigin].
func (r *refusal) Is(target error) bool {
	return target == ErrOrigin && r.status == http.StatusForbidden
}

// Upgrade responds to a WebSocket handshake and takes the connection over from
// net/http. It rejects a request with an HTTP status (403 for a foreign Origin, 426
// for another version of WebSocket, else 400 or 405) and returns the reason as an
// error. A client that offers only another version of the subprotocol is upgraded and
// closed with [protocol.CloseBadVersion], because a page can't see an HTTP status.
// Bytes that arrived with the handshake are kept.
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
	p.proxied = u.Proxied != nil && u.Proxied(r)
	if chosen != u.subprotocol() {
		p.Close(protocol.CloseBadVersion, protocol.CloseBadVersion.Text())
		return nil, &refusal{http.StatusBadRequest, "the client speaks " + strconv.Quote(chosen) + " only"}
	}
	return p, nil
}

// Wait returns when the goroutines of all connections have ended: at most two seconds
// after the last connection was closed. Call it when the HTTP server accepts no more
// requests.
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
		return &refusal{http.StatusHTTPVersionNotSupported, "a WebSocket handshake needs HTTP/1.1: connect without h2 in ALPN"}
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return &refusal{http.StatusUpgradeRequired, "this address speaks WebSocket"}
	case r.ContentLength != 0:
		return &refusal{http.StatusBadRequest, "a WebSocket handshake has no body"}
	case only(r.Header, "Sec-Websocket-Version") != "13":
		return &refusal{http.StatusUpgradeRequired, "the WebSocket version has to be 13"}
	case !validKey(only(r.Header, "Sec-Websocket-Key")):
		return &refusal{http.StatusBadRequest, "Sec-WebSocket-Key has to be 16 bytes in base64"}
	case !u.allows(r):
		return &refusal{http.StatusForbidden, ErrOrigin.Error()}
	case chooseProtocol(r.Header, u.subprotocol()) == "":
		return &refusal{http.StatusBadRequest, "the WebSocket subprotocol has to be " + u.subprotocol()}
	}
	return nil
}

// allows checks the page's Origin. Browsers always send one. Other clients can send
// any Origin or none; they are no threat to a player's browser.
func (u *Upgrader) allows(r *http.Request) bool {
	if len(r.Header["Origin"]) == 0 {
		return true
	}
	from := only(r.Header, "Origin")
	return origin.SameHost(from, r.Host) || u.Origins != nil && u.Origins.Allows(from, r.Host)
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

// only returns the value of a header that must occur once in the request, else "".
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

// chooseProtocol returns the server's own subprotocol if it is offered, else an offered
// one of another version, else "". Subprotocols are case-sensitive.
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
