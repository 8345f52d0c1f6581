package match

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/game"
	"tactus/protocol"
	"tactus/server/internal/match/matchtest"
	"tactus/server/internal/metrics"
)

func TestMatch_byeCountsHoweverTheConnectionEnds(t *testing.T) {
	garbage := []byte{0xc1, 0xff}
	for name, end := range map[string]func(p *matchtest.Client){
		"bye alone":               (*matchtest.Client).Bye,
		"the client's close":      func(p *matchtest.Client) { p.Bye(); p.Conn.Close(1000) },
		"an empty close":          func(p *matchtest.Client) { p.Bye(); p.Conn.Close(1005) },
		"the end of the stream":   func(p *matchtest.Client) { p.Bye(); p.Conn.Lose(io.EOF) },
		"a reset":                 func(p *matchtest.Client) { p.Bye(); p.Conn.Lose(syscall.ECONNRESET) },
		"garbage behind it":       func(p *matchtest.Client) { p.Bye(); p.Conn.Send(garbage) },
		"a socket that is stuck":  func(p *matchtest.Client) { p.Conn.Block(true); p.Bye(); p.Conn.Lose(syscall.ETIMEDOUT) },
		"a connection just taken": nil,
	} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		b, a := h.join("bob"), h.join("ann")
		if end == nil {
			a = h.leaveBehindResume(a)
		} else {
			end(a)
			h.tick(1)
		}
		b.Read()
		_, closed := a.Conn.Closed()
		h.want(name+": the seat free within the tick", h.m.seating.Players() == 1 && closed)
		h.want(name+": the client's answer", name != "bye alone" || a.Conn.Code() == protocol.CloseLeft)
		if _, there := b.Roster[a.Welcome.Slot]; there {
			t.Errorf("%s: bob still sees ann", name)
		}
		h.want(name+": a quit in the log", slices.Contains(h.log.Lines, fmt.Sprintf("leave 1 why=%d", game.LeaveQuit)))
	}
}

// leaveBehindResume resumes with a connection that brings a bye and has ended.
func (h *harness) leaveBehindResume(a *matchtest.Client) *matchtest.Client {
	a.Conn.Lose(io.EOF)
	h.tick(1)
	next := matchtest.NewClient(h.t)
	next.Welcome = a.Welcome
	next.Conn.Lose(io.EOF)
	next.Bye()
	h.d.Resume(next.Conn.Server, 0, a.Welcome.Slot, a.Secret(), 0)
	h.tick(1)
	return next
}

func TestMatch_messagesBeforeTheEndOfAConnectionCount(t *testing.T) {
	for name, bye := range map[string]bool{"with a bye": true, "without": false} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		b, a := h.join("bob"), h.join("ann")
		a.Command(1, "boom", 7)
		a.Conn.Send(protocol.AppendSay(nil, &protocol.Say{Text: "gg"}))
		if bye {
			a.Bye()
			a.Command(2, "boom", 8)
		}
		a.Conn.Lose(io.EOF)
		h.tick(1)
		b.Read()
		h.want(name+": the command before, and none behind", fmt.Sprint(b.Events) == "[7]")
		h.want(name+": what was said", len(b.Chats) == 1 && b.Chats[0].Text == "gg")
		if taken, _ := h.m.sim.Taken(a.Welcome.Slot); taken == bye {
			t.Errorf("%s: seat taken %v", name, taken)
		}
	}
}

func TestMatch_byeAndResyncAreWholeMessages(t *testing.T) {
	for name, c := range map[string]struct {
		send   []byte
		closed protocol.CloseCode
	}{
		"a byte behind a bye":         {[]byte{0x91, 6, 0}, protocol.CloseProtocol},
		"a byte behind a resync":      {[]byte{0x91, 7, 0}, protocol.CloseProtocol},
		"an element behind a bye":     {[]byte{0x92, 6, 1}, protocol.CloseLeft},
		"an element behind a resync":  {[]byte{0x92, 7, 1}, 0},
		"half an element in a resync": {[]byte{0x92, 7}, protocol.CloseProtocol},
	} {
		h := newHarness(t, game.Mode{MaxPlayers: 4})
		a := h.join("ann")
		a.Conn.Send(c.send)
		h.tick(1)
		if a.Conn.Code() != c.closed {
			t.Errorf("%s: closed with %d, want %d", name, a.Conn.Code(), c.closed)
		}
	}
}

func TestMatch_resyncIsAnsweredOnceASecond(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	resync := func() { a.Conn.Send(protocol.AppendResync(nil)) }
	keyframes := func(ticks int) (n int) {
		for range ticks {
			before := a.Frames
			h.tick(1)
			a.Read()
			if a.Frames > before && a.Last.Flags&protocol.FlagKeyframe != 0 {
				n++
			}
		}
		return n
	}
	resync()
	h.want("the first answered at once", keyframes(1) == 1)
	resync()
	h.want("the second not within the second", keyframes(19) == 0)
	h.want("but when it is over", keyframes(1) == 1)
	h.want("and no other", keyframes(30) == 0)
}

func TestMatch_refusesSecretsItNeverIssued(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a := h.join("ann")
	conn := matchtest.NewConn()
	h.d.Resume(conn.Server, 0, a.Welcome.Slot, "00000001"+fmt.Sprintf("%032x", 7), 0)
	h.want("a false one refused without the match", conn.Code() == protocol.CloseUnknownSession && len(h.d.requests) == 0)
	secret := a.Secret()
	a.Bye()
	h.tick(1)
	conn = matchtest.NewConn()
	h.d.Resume(conn.Server, 0, a.Welcome.Slot, secret, 0)
	h.tick(1)
	h.want("that of a seat which was left refused", conn.Code() == protocol.CloseUnknownSession)
}

func TestMatch_countsLostConnections(t *testing.T) {
	registry := prometheus.NewRegistry()
	mode := game.Mode{Name: "m", MaxPlayers: 4}
	h := newHarnessFor(t, matchtest.Game{Mode: mode}, Config{Match: game.MatchConfig{Mode: mode}, Metrics: metrics.New(registry)})
	a, b := h.join("ann"), h.join("bob")
	a.Conn.Lose(syscall.ECONNRESET)
	b.Conn.Block(true)
	h.tick(11 * 20)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, c := range f.GetMetric() {
			if f.GetName() == "tactus_closed_total" && c.GetCounter().GetValue() > 0 {
				got[c.GetLabel()[0].GetValue()] = c.GetCounter().GetValue()
			}
		}
	}
	if want := map[string]float64{"lost": 1, "4002": 1}; !maps.Equal(got, want) {
		t.Errorf("closed: %v, want %v", got, want)
	}
}

func TestMatch_keptSeatReservedAgainIsHeldForTheToken(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	a, _ := h.join("ann"), h.join("bob")
	a.Conn.Lose(io.EOF)
	h.tick(25 * 20) // of 30 s
	slots, err := h.reserve(Request{Player: "ann", Name: "ann", Team: -1, Reservation: "again"})
	if err != nil || slots[0] != a.Welcome.Slot {
		t.Fatal(slots, err)
	}
	h.tick(10 * 20) // of 15 s
	again := h.claim(slots[0], "ann", "again", 0)
	h.want("the seat", again.Conn.Code() == 0 && again.Welcome.Resumed)
}
