package tactuscmd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"

	"tactus/game"
	"tactus/game/arena"
	"tactus/protocol"
	"tactus/protocol/jointoken"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/server"
)

// The tests go the way of a player in one process: ticket, assignment, token,
// WebSocket, hello, welcome, snapshots.

func TestPlay_fromTicketToSnapshot(t *testing.T) {
	for _, portable := range []bool{false, true} {
		p := startDev(t, func(c *devConfig) { c.portable = portable })
		a, ticket := assign(t, p, &matchmakerv1.CreateTicketRequest{Mode: "ffa", PlayerName: "Ann"})
		s := dial(t, a.GetUrl())
		w, r := s.enter(protocol.Hello{Token: a.GetJoinToken()})
		if w.Game != "arena" || w.Mode.Name != "ffa" || w.Player != ticket.GetPlayerId() || w.Match != a.GetMatchId() {
			t.Errorf("welcome to %s %s as %s in %s", w.Game, w.Mode.Name, w.Player, w.Match)
		}
		if r.Len(0) == 0 {
			t.Error("the first snapshot shows nothing")
		}
		checked := 0
		var snap protocol.Snapshot
		for checked < 2 { // two state hashes, a second apart
			msg, code := s.next()
			if code != 0 {
				t.Fatalf("closed with %v", code)
			}
			if kind, _ := protocol.Type(msg); kind != protocol.TypeSnapshot {
				continue
			}
			if err := errors.Join(protocol.ParseSnapshot(msg, &snap), r.Apply(&snap)); err != nil {
				t.Fatal(err)
			}
			if snap.Flags&protocol.FlagHash != 0 {
				checked++
				if r.Hash() != snap.Hash {
					t.Fatalf("tick %d: the state differs from the server's", snap.Tick)
				}
			}
		}
	}
}

func TestPlay_secondPlayerMeetsFirst(t *testing.T) {
	p := startDev(t, nil)
	a, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{PlayerName: "Ann"})
	dial(t, a.GetUrl()).enter(protocol.Hello{Token: a.GetJoinToken()})
	b, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{PlayerName: "Bob"})
	w, _ := dial(t, b.GetUrl()).enter(protocol.Hello{Token: b.GetJoinToken()})
	if b.GetMatchId() != a.GetMatchId() || w.Slot == 0 {
		t.Errorf("matches %s and %s, slot %d: want the same match", a.GetMatchId(), b.GetMatchId(), w.Slot)
	}
}

func TestPlay_resumesSeat(t *testing.T) {
	p := startDev(t, nil)
	a, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{})
	first := dial(t, a.GetUrl())
	w, _ := first.enter(protocol.Hello{Token: a.GetJoinToken()})
	_ = first.conn.Close()
	back := dial(t, a.GetUrl())
	again, _ := back.enter(protocol.Hello{Resume: w.Resume, Schema: w.Schema.Hash()})
	if again.Slot != w.Slot || !again.Resumed {
		t.Errorf("came back to slot %d (resumed %v), want %d", again.Slot, again.Resumed, w.Slot)
	}
	back.send(protocol.AppendPing(nil, &protocol.Ping{}))
	for kind := protocol.MessageType(0); kind != protocol.TypePong; {
		msg, code := back.next()
		if code != 0 {
			t.Fatalf("closed with %v", code)
		}
		kind, _ = protocol.Type(msg)
	}
	stale := dial(t, a.GetUrl())
	stale.send(protocol.AppendHello(nil, &protocol.Hello{Resume: w.Resume}))
	stale.wantClose(protocol.CloseUnknownSession)
}

func TestPlay_secondLoginReplacesFirst(t *testing.T) {
	p := startDev(t, nil)
	a, ticket := assign(t, p, &matchmakerv1.CreateTicketRequest{Mode: "ffa"})
	first := dial(t, a.GetUrl())
	first.enter(protocol.Hello{Token: a.GetJoinToken()})
	b, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{Mode: "duel", GuestToken: ticket.GetGuestToken(), Replace: true})
	dial(t, b.GetUrl()).enter(protocol.Hello{Token: b.GetJoinToken()})
	first.wantClose(protocol.CloseReplaced)
}

func TestPlay_rejectsBadHello(t *testing.T) {
	p := startDev(t, nil)
	a, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{})
	dial(t, a.GetUrl()).enter(protocol.Hello{Token: a.GetJoinToken()})
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := jointoken.NewSigner(stranger).Mint(jointoken.Claims{
		Player: "p", Name: "n", Match: a.GetMatchId(), Server: p.server.ID(), Game: "arena", Mode: "ffa", ID: "r", Expires: time.Now().Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := loadKey(p.dataDir)
	if err != nil {
		t.Fatal(err)
	}
	mint := func(c jointoken.Claims) string {
		c.Player, c.Name, c.Game, c.Mode, c.ID = "p", "n", "arena", "ffa", "r"
		token, err := jointoken.NewSigner(key).Mint(c)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	soon, past := time.Now().Add(time.Minute), time.Now().Add(-time.Minute)
	for name, c := range map[string]struct {
		message []byte
		want    protocol.CloseCode
	}{
		"used":            {protocol.AppendHello(nil, &protocol.Hello{Token: a.GetJoinToken()}), protocol.CloseTokenUsed},
		"forged":          {protocol.AppendHello(nil, &protocol.Hello{Token: forged}), protocol.CloseBadToken},
		"garbage token":   {protocol.AppendHello(nil, &protocol.Hello{Token: "x.y.z"}), protocol.CloseBadToken},
		"other server":    {protocol.AppendHello(nil, &protocol.Hello{Token: mint(jointoken.Claims{Match: a.GetMatchId(), Server: "other", Expires: soon})}), protocol.CloseBadToken},
		"expired":         {protocol.AppendHello(nil, &protocol.Hello{Token: mint(jointoken.Claims{Match: a.GetMatchId(), Server: p.server.ID(), Expires: past})}), protocol.CloseTokenExpired},
		"match is over":   {protocol.AppendHello(nil, &protocol.Hello{Token: mint(jointoken.Claims{Match: "gone", Server: p.server.ID(), Expires: soon})}), protocol.CloseMatchOver},
		"unknown session": {protocol.AppendHello(nil, &protocol.Hello{Resume: "gone.0.abc"}), protocol.CloseUnknownSession},
		"other schema":    {protocol.AppendHello(nil, &protocol.Hello{Token: a.GetJoinToken(), Schema: 1}), protocol.CloseBadSchema},
		"no hello":        {protocol.AppendPing(nil, &protocol.Ping{}), protocol.CloseProtocol},
		"garbage":         {[]byte{0xc1, 0, 1, 2}, protocol.CloseProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			s := dial(t, a.GetUrl())
			s.send(c.message)
			s.wantClose(c.want)
		})
	}
}

func TestPlay_rejectsOtherVersion(t *testing.T) {
	p := startDev(t, nil)
	d := ws.Dialer{Protocols: []string{"tactus.v999"}, Timeout: 5 * time.Second}
	conn, buffered, _, err := d.Dial(context.Background(), server.GuessedURL(p.public.Addr(), ""))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := &socket{t: t, conn: conn, in: conn}
	if buffered != nil {
		s.in = io.MultiReader(buffered, conn)
	}
	s.wantClose(protocol.CloseBadVersion)
}

func TestDev_publicPort(t *testing.T) {
	p := startDev(t, nil)
	base := "http://" + p.public.Addr().String()
	get := func(path string, header ...string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if code, body := get("/healthz"); code != 200 || !strings.Contains(body, `"ok":true`) {
		t.Errorf("/healthz: %d %q", code, body)
	}
	upgrade := []string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol", protocol.Subprotocol,
	}
	if code, _ := get("/play", append(upgrade, "Origin", "https://elsewhere.example")...); code != http.StatusForbidden {
		t.Errorf("foreign Origin: %d, want 403", code)
	}
	if code, _ := get("/play"); code < 400 || code >= 500 {
		t.Errorf("/play without an upgrade: %d, want a client error", code)
	}
}

func TestProgram_operatorMistakesAreOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"port in use":       {[]string{"dev", "--listen", taken.Addr().String()}, "in use"},
		"bad flag":          {[]string{"dev", "--nonsense"}, "unknown flag"},
		"bad option":        {[]string{"dev", "--listen", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--option", "x"}, "name=number"},
		"admin in public":   {[]string{"dev", "--listen", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--admin", "0.0.0.0:0"}, "--admin-token"},
		"bad public url":    {[]string{"server", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--public-url", "ftp://x"}, "wss://"},
		"page without page": {[]string{"dev", "--listen", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--page", t.TempDir()}, "index.html"},
		"unknown command":   {[]string{"devv"}, "unknown command"},
		"bad log level":     {[]string{"dev", "--log-level", "loud"}, "--log-level"},
		"missing replay":    {[]string{"replay", "info", "/nonexistent.tlog"}, "no such file"},
		"unknown game":      {[]string{"loadtest", "--url", "http://127.0.0.1:1", "--game", "chess", "--players", "1", "--duration", "1s"}, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot([]game.Game{arena.Game})
			root.SetArgs(append(c.args, dataFlag(t, c.args[0])...))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			err := root.ExecuteContext(context.Background())
			if err == nil || errors.Is(err, errFailed) {
				t.Fatalf("ended with %v, want a mistake", err)
			}
			if line := oneLine(err); !strings.Contains(line, c.want) || strings.Contains(line, "\n") {
				t.Errorf("said %q, want one line with %q", line, c.want)
			}
		})
	}
}

// dataFlag keeps tests out of the working folder.
func dataFlag(t *testing.T, command string) []string {
	t.Helper()
	if command == "dev" || command == "server" {
		return []string{"--data", t.TempDir()}
	}
	return nil
}

func TestServer_drainNotifiesPlayersAndContinues(t *testing.T) {
	p := startDev(t, nil)
	a, _ := assign(t, p, &matchmakerv1.CreateTicketRequest{})
	s := dial(t, a.GetUrl())
	s.enter(protocol.Hello{Token: a.GetJoinToken()})
	p.matchmaker.Drain(p.server.ID(), time.Minute, "test")
	// The server drains: the player gets a notice, and plays on.
	for {
		msg, code := s.next()
		if code != 0 {
			t.Fatalf("closed with %v, want to play on", code)
		}
		if kind, _ := protocol.Type(msg); kind == protocol.TypeNotice {
			n, err := protocol.ParseNotice(msg)
			if err != nil || n.Code != protocol.CloseDraining {
				t.Errorf("notice %+v, %v", n, err)
			}
			break
		}
	}
	s.next()
}

func TestLoadKey_makesKeyOnce(t *testing.T) {
	dir := t.TempDir()
	a, err := loadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := loadKey(dir)
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("a second start has another key (%v)", err)
	}
}

func TestLoadKey_concurrentCallsShareAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	keys := make(chan []byte)
	for range 8 {
		go func() {
			key, err := loadKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	first := <-keys
	for range 7 {
		if !bytes.Equal(first, <-keys) {
			t.Error("two matchmakers have different keys")
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v: %v", files, err)
	}
}

// TestMatchmaker_twoServers runs the parts as separate processes would:
// one matchmaker, two game servers, each with its own port.
func TestMatchmaker_twoServers(t *testing.T) {
	mm := startMatchmaker(t)
	urls := map[string]bool{}
	for range 2 {
		urls[startServer(t, mm.internal.Addr().String(), 1)] = true
	}
	seen := map[string]bool{}
	for range 2 { // each server takes one match, so the second has to go to the other
		room := createRoom(t, mm)
		a, _ := assign(t, mm, &matchmakerv1.CreateTicketRequest{RoomCode: room})
		w, _ := dial(t, a.GetUrl()).enter(protocol.Hello{Token: a.GetJoinToken()})
		if !urls[a.GetUrl()] || w.Match != a.GetMatchId() {
			t.Errorf("assigned to %s, match %s", a.GetUrl(), w.Match)
		}
		seen[a.GetUrl()] = true
	}
	if len(seen) != 2 {
		t.Errorf("two matches on servers %v, want one on each", seen)
	}
	_, err := mm.client().CreateTicket(context.Background(), connect.NewRequest(&matchmakerv1.CreateTicketRequest{RoomCode: createRoom(t, mm)}))
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a third match: %v, want resource_exhausted", err)
	}
}
