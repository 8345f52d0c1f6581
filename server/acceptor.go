package server

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/origin"
	"tactus/internal/publicport"
	"tactus/internal/webpolicy"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/protocol/jointoken"
	"tactus/server/internal/driver"
	"tactus/server/internal/match"
	"tactus/server/internal/metrics"
)

// maxHandshakes bounds connections that have not sent a hello yet, for programs that
// serve the handler by an HTTP server of their own. A [publicport.Port] has its limits.
const maxHandshakes = 2048

// acceptor upgrades connections, reads their hello and hands them to their matches.
// It is safe for concurrent use.
type acceptor struct {
	serverID     string // that tokens are bound to
	log          *zap.Logger
	metrics      *metrics.Metrics
	matches      *registry
	tokens       *jointoken.Verifier
	bans         *bans
	presence     *presence
	participants *participants

	hideAddresses bool
	upgrader      ws.Upgrader
	foreign       *origin.Refusals // logs pages that may not connect
	helloTimeout  time.Duration
	tokenTime     func() time.Time     // at which join tokens are checked
	stoodStill    func() time.Duration // how long the process was suspended so far
	open          atomic.Int64         // connections without a hello
}

// Handler serves /play, /livez, /healthz and /readyz. It serves play also under the
// path of the public URL.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(protocol.Path, s.acceptor.play)
	if path, ok := s.playPath(); ok {
		mux.HandleFunc(path, s.acceptor.play)
	}
	s.Probes().Register(mux)
	return webpolicy.Data(mux)
}

// play upgrades a connection and waits for its hello. It owns the connection until
// the token is verified, and then hands it to the match.
func (a *acceptor) play(w http.ResponseWriter, r *http.Request) {
	if a.open.Add(1) > maxHandshakes && !publicport.IsCounted(r.Context()) {
		a.open.Add(-1)
		w.Header().Set("Retry-After", "2")
		a.metrics.Refused.WithLabelValues("busy").Inc()
		http.Error(w, "too many connections are being opened; try again", http.StatusServiceUnavailable)
		return
	}
	defer a.open.Add(-1)
	p, err := a.upgrader.Upgrade(w, r)
	if errors.Is(err, ws.ErrOrigin) {
		a.metrics.Refused.WithLabelValues("origin").Inc()
		a.foreign.Log(r)
		return
	}
	if err != nil {
		a.metrics.Refused.WithLabelValues("upgrade").Inc()
		a.log.Debug("upgrade refused", a.remote(r), zap.Error(err))
		return
	}
	msg, err := a.readHello(p)
	if err != nil {
		a.metrics.Refused.WithLabelValues("no_hello").Inc()
		a.log.Debug("no hello", a.remote(r), zap.Error(err))
		p.Close(protocol.CloseIdle, protocol.CloseIdle.Text())
		return
	}
	hello, err := protocol.ParseHello(msg)
	if err != nil {
		a.refuse(p, protocol.CloseProtocol, "a hello was expected: "+err.Error())
		return
	}
	from := source{address: clientAddress(r), seated: func() { publicport.Seated(r.Context()) }}
	if ban, banned := a.bans.find("", from.address); banned {
		a.refuse(p, protocol.CloseKicked, ban.CloseText())
		return
	}
	publicport.Settled(r.Context())
	if hello.Resume != "" {
		a.resume(p, &hello, from)
		return
	}
	a.claim(p, &hello, from)
}

// clientAddress is the client's address, as far as proxies in front are trusted.
func clientAddress(r *http.Request) netip.Addr {
	if client, ok := publicport.ClientOf(r.Context()); ok {
		return client.Addr
	}
	return addressOf(r.RemoteAddr)
}

// source is where a connection comes from.
type source struct {
	address netip.Addr
	seated  func() // to be called when the connection has a seat
}

// attached returns what records a player that has a seat of the match now.
func (a *acceptor) attached(id string, from source) func(match.Occupant) {
	return func(o match.Occupant) {
		from.seated()
		a.presence.connected(o.Player, from.address)
		a.participants.add(id, o)
	}
}

// readHello waits for the first message. The timeout does not count time in which the
// process was suspended.
func (a *acceptor) readHello(p *ws.Pending) ([]byte, error) {
	for {
		still := a.stoodStill()
		msg, err := p.ReadMessage(time.Now().Add(a.helloTimeout))
		if !errors.Is(err, os.ErrDeadlineExceeded) || a.stoodStill() == still {
			return msg, err
		}
	}
}

func (a *acceptor) refuse(p *ws.Pending, code protocol.CloseCode, reason string) {
	a.metrics.Refused.WithLabelValues(code.Name()).Inc()
	p.Close(code, reason)
}

// claim seats a player by the join token. A jump of the wall clock does not expire it:
// the match knows whether it still holds the seat.
func (a *acceptor) claim(p *ws.Pending, hello *protocol.Hello, from source) {
	now := a.tokenTime()
	claims, err := a.tokens.Verify(hello.Token, a.serverID, now)
	if err != nil {
		code := protocol.CloseBadToken
		if errors.Is(err, jointoken.ErrExpired) {
			code = protocol.CloseTokenExpired
		}
		a.refuse(p, code, code.Text())
		return
	}
	if ban, banned := a.bans.find(claims.Player, from.address); banned {
		a.refuse(p, protocol.CloseKicked, ban.CloseText())
		return
	}
	missing := protocol.CloseMatchOver
	if now.After(claims.Expires) {
		missing = protocol.CloseTokenExpired // the match may have ended for want of its player
	}
	m, conn := a.handOver(p, claims.Match, hello, missing)
	if conn != nil {
		m.Claim(conn, hello.Features, game.Slot(claims.Slot), claims.Player, claims.ID)
		m.Attached(conn, game.Slot(claims.Slot), a.attached(m.ID(), from))
		if len(claims.Seal) > 0 {
			m.Seal(conn, game.Slot(claims.Slot), []byte(claims.Seal))
		}
	}
}

// resume returns a player to their seat. A resume token consists of the match's id,
// the slot and a secret, so that no table of tokens is needed.
func (a *acceptor) resume(p *ws.Pending, hello *protocol.Hello, from source) {
	id, rest, _ := strings.Cut(hello.Resume, ".")
	slotText, secret, _ := strings.Cut(rest, ".")
	slot, err := strconv.ParseUint(slotText, 10, 16)
	if err != nil || slot >= game.MaxSlots {
		a.refuse(p, protocol.CloseUnknownSession, protocol.CloseUnknownSession.Text())
		return
	}
	m, conn := a.handOver(p, id, hello, protocol.CloseUnknownSession)
	if conn != nil {
		m.Resume(conn, hello.Features, game.Slot(slot), secret, hello.Event)
		m.Attached(conn, game.Slot(slot), a.attached(m.ID(), from))
	}
}

// remote is the field of a log line with the address of a connection.
func (a *acceptor) remote(r *http.Request) zap.Field {
	if a.hideAddresses {
		return zap.Skip()
	}
	return zap.String("remote", r.RemoteAddr)
}

// handOver finds the match and makes a connection that it can own. It returns nil if
// the connection was rejected or lost.
func (a *acceptor) handOver(p *ws.Pending, id string, hello *protocol.Hello, missing protocol.CloseCode) (*driver.Driver, *ws.Conn) {
	m := a.matches.match(id)
	if m == nil {
		if a.matches.recent.failed(id) {
			missing = protocol.CloseGameError
		}
		a.refuse(p, missing, missing.Text())
		return nil, nil
	}
	if hello.Schema != 0 && hello.Schema != m.SchemaHash() {
		a.refuse(p, protocol.CloseBadSchema, protocol.CloseBadSchema.Text())
		return nil, nil
	}
	conn, err := p.Conn()
	if err != nil {
		a.log.Warn("connection could not be handed over", zap.Error(err))
		return nil, nil
	}
	return m, conn
}
