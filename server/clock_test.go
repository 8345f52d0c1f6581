package server

import (
	"crypto/ed25519"
	"encoding/binary"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"tactus/protocol"
	"tactus/protocol/jointoken"
)

// answerTo sends a hello and returns the close code, or 0 for a player that is seated.
func answerTo(t *testing.T, url string, hello *protocol.Hello) protocol.CloseCode {
	t.Helper()
	dialer := ws.Dialer{Protocols: []string{protocol.Subprotocol}}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+url[len("http"):]+protocol.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := ws.WriteFrame(conn, ws.MaskFrameInPlace(ws.NewBinaryFrame(protocol.AppendHello(nil, hello)))); err != nil {
		t.Fatal(err)
	}
	f, err := ws.ReadFrame(conn)
	switch {
	case err != nil:
		t.Fatal(err)
	case f.Header.OpCode == ws.OpClose:
		return protocol.CloseCode(binary.BigEndian.Uint16(f.Payload))
	}
	if _, err := protocol.ParseWelcome(f.Payload); err != nil {
		t.Fatalf("neither closed nor welcome: %v", err)
	}
	return 0
}

// The seat counts: a join token has not expired because the wall clock jumped.
func TestClaim_outlivesJumpsOfTheWallClock(t *testing.T) {
	s := newTestServer(t, Config{})
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.keys.tokens.Replace(key.Public().(ed25519.PublicKey))
	r := teamMatch("m", seatFor("ann", -1), seatFor("ben", -1))
	res := s.ask(r)
	if len(res.GetSlots()) != 2 {
		t.Fatalf("%v", res)
	}
	const jump = time.Hour // within which the tokens were made
	token := func(seat int, match string) *protocol.Hello {
		player := r.GetSeats()[seat].GetPlayerId()
		text, err := jointoken.NewSigner(key).Mint(jointoken.Claims{
			Player: player, Match: match, Server: s.ID(), Slot: res.GetSlots()[seat], ID: "r-" + player,
			Expires: time.Now().Add(jointoken.Life - jump),
		})
		if err != nil {
			t.Fatal(err)
		}
		return &protocol.Hello{Token: text}
	}
	hs := httptest.NewServer(s.Handler())
	defer s.acceptor.upgrader.Wait()
	defer hs.Close()

	usual := s.acceptor.tokenTime
	if code := answerTo(t, hs.URL, token(0, "m")); code != protocol.CloseTokenExpired {
		t.Errorf("an old token without a jump: %d", code)
	}
	s.acceptor.tokenTime = func() time.Time { return usual().Add(-jump) } // as steady.WallClock.Lenient does
	if code := answerTo(t, hs.URL, token(0, "m")); code != 0 {
		t.Errorf("a held seat after a jump: %d", code)
	}
	if code := answerTo(t, hs.URL, token(0, "gone")); code != protocol.CloseMatchOver {
		t.Errorf("a match that is over, after a jump: %d", code)
	}
	s.acceptor.tokenTime = func() time.Time { return usual().Add(-jump / 2) } // the minute is over
	if code := answerTo(t, hs.URL, token(1, "m")); code != protocol.CloseTokenExpired {
		t.Errorf("beyond the jump: %d", code)
	}
}
