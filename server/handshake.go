package server

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/protocol/jointoken"
	"tactus/server/internal/match"
)

// Handler serves /play, /livez, /healthz and /readyz, and play under the path of
// the public URL, too.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(protocol.Path, s.play)
	if path, ok := s.playPath(); ok {
		mux.HandleFunc(path, s.play)
	}
	s.Probes().Register(mux)
	return mux
}

// play takes a WebSocket and waits for its hello. The connection is the
// handshake's until its token is verified; then it is handed to its match.
func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	if s.handshakes.Add(1) > maxHandshakes {
		s.handshakes.Add(-1)
		s.metrics.Refused.WithLabelValues("busy").Inc()
		http.Error(w, "too many connections are being opened; try again", http.StatusServiceUnavailable)
		return
	}
	defer s.handshakes.Add(-1)
	p, err := s.upgrader.Upgrade(w, r)
	if err != nil {
		s.metrics.Refused.WithLabelValues("upgrade").Inc()
		s.log.Debug("upgrade refused", zap.String("remote", r.RemoteAddr), zap.Error(err))
		return
	}
	msg, err := s.readHello(p)
	if err != nil {
		s.metrics.Refused.WithLabelValues("no_hello").Inc()
		s.log.Debug("no hello", zap.String("remote", r.RemoteAddr), zap.Error(err))
		p.Close(protocol.CloseIdle, protocol.CloseIdle.Text())
		return
	}
	hello, err := protocol.ParseHello(msg)
	if err != nil {
		s.refuse(p, protocol.CloseProtocol, "a hello was expected: "+err.Error())
		return
	}
	if hello.Resume != "" {
		s.resume(p, &hello)
		return
	}
	s.claim(p, &hello)
}

// readHello waits for the first message. A client whose hello was there, while the
// process was not, is not late.
func (s *Server) readHello(p *ws.Pending) ([]byte, error) {
	for {
		still := s.stoodStill()
		msg, err := p.ReadMessage(time.Now().Add(s.helloTimeout))
		if !errors.Is(err, os.ErrDeadlineExceeded) || s.stoodStill() == still {
			return msg, err
		}
	}
}

func (s *Server) refuse(p *ws.Pending, code protocol.CloseCode, sentence string) {
	s.metrics.Refused.WithLabelValues(code.Name()).Inc()
	p.Close(code, sentence)
}

// claim seats a player by his join token.
func (s *Server) claim(p *ws.Pending, hello *protocol.Hello) {
	claims, err := s.keys.tokens.Verify(hello.Token, s.cfg.ID, time.Now())
	if err != nil {
		code := protocol.CloseBadToken
		if errors.Is(err, jointoken.ErrExpired) {
			code = protocol.CloseTokenExpired
		}
		s.refuse(p, code, code.Text())
		return
	}
	missing := protocol.CloseMatchOver
	if time.Now().After(claims.Expires) {
		missing = protocol.CloseTokenExpired // the match may have ended for want of its player
	}
	if m, conn := s.handOver(p, claims.Match, hello, missing); conn != nil {
		m.Claim(conn, hello.Features, game.Slot(claims.Slot), claims.Player, claims.ID)
	}
}

// resume brings a player back to his seat. A resume token is the match's id, the
// slot and a secret, so that it needs no table of its own.
func (s *Server) resume(p *ws.Pending, hello *protocol.Hello) {
	id, rest, _ := strings.Cut(hello.Resume, ".")
	slotText, secret, _ := strings.Cut(rest, ".")
	slot, err := strconv.ParseUint(slotText, 10, 16)
	if err != nil || slot >= game.MaxSlots {
		s.refuse(p, protocol.CloseUnknownSession, protocol.CloseUnknownSession.Text())
		return
	}
	if m, conn := s.handOver(p, id, hello, protocol.CloseUnknownSession); conn != nil {
		m.Resume(conn, hello.Features, game.Slot(slot), secret, hello.Event)
	}
}

// handOver finds the match and makes the connection one that it can drive. It
// returns nil where the connection was refused or lost.
func (s *Server) handOver(p *ws.Pending, id string, hello *protocol.Hello, missing protocol.CloseCode) (*match.Driver, *ws.Conn) {
	m := s.match(id)
	if m == nil {
		s.refuse(p, missing, missing.Text())
		return nil, nil
	}
	if hello.Schema != 0 && hello.Schema != m.SchemaHash() {
		s.refuse(p, protocol.CloseBadSchema, protocol.CloseBadSchema.Text())
		return nil, nil
	}
	conn, err := p.Conn()
	if err != nil {
		s.log.Warn("connection could not be handed over", zap.Error(err))
		return nil, nil
	}
	return m, conn
}
