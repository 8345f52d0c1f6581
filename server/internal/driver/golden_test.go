package driver

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tactus/game"
	"tactus/protocol"
)

// The golden tests hold down what a match writes into its log, sends to its
// clients, and reports, all in order. A restructuring must not change a golden
// file; a change of the wire or of behaviour writes them again by
//
//	go test ./server/internal/driver -run Golden -update
//
// and says in its commit what changed in them, and why.

var update = flag.Bool("update", false, "write the golden files again")

// golden compares what a test made to a golden file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s, line %d:\n got %q\nwant %q", name, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s has %d lines, want %d", name, len(g), len(w))
}

// logText is a Recorder that keeps every record as a line.
type logText struct{ bytes.Buffer }

func (r *logText) Checkpoint(sim *game.Simulation) {
	fmt.Fprintf(r, "checkpoint %d state=%016x\n", sim.Tick(), sumOf(sim.Save(nil)))
}

func (r *logText) Join(p game.Slot, i game.PlayerInfo, player, name string) {
	fmt.Fprintf(r, "join %d player=%q name=%q bot=%v team=%d\n", p, player, name, i.Bot, i.Team)
}

func (r *logText) Leave(p game.Slot, why game.LeaveReason) {
	fmt.Fprintf(r, "leave %d why=%d\n", p, why)
}

func (r *logText) Seal(p game.Slot, seal []byte) { fmt.Fprintf(r, "seal %d %x\n", p, seal) }

func (r *logText) Command(p game.Slot, name string, args []int32) {
	fmt.Fprintf(r, "command %d %s %v\n", p, name, args)
}

func (r *logText) Input(p game.Slot, lag int32, words []uint32) {
	fmt.Fprintf(r, "input %d lag=%d %v\n", p, lag, words)
}

func (r *logText) Tick(t game.Tick, hash uint64) { fmt.Fprintf(r, "tick %d %016x\n", t, hash) }
func (r *logText) Close(reason string)           { fmt.Fprintf(r, "close %s\n", reason) }
func (r *logText) Abandon(reason string)         { fmt.Fprintf(r, "abandon %s\n", reason) }

func sumOf(b []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}

// script plays a match by hand and notes everything that comes out of it.
type script struct {
	*scripted
	t       *testing.T
	records logText
	stream  bytes.Buffer // messages of clients, by time and client
	reports bytes.Buffer // what the match reports to the server
	logDir  string
	passed  time.Duration
	known   string // the status that was noted last
	clients []*scriptClient
	seats   map[string][]game.Slot // by answer of reserve
}

// scriptClient is a player with one connection after the other.
type scriptClient struct {
	s          *script
	name       string
	conn       *scriptConn
	slot       game.Slot
	secret     string
	closedSeen bool // that the connection was closed
	seq        uint32
	tick       uint32 // of the last snapshot
	event      uint32
	replica    *protocol.Replica
	last       protocol.Snapshot
	blind      bool   // it does not apply snapshots
	sum        uint64 // over all messages of a crowd's client
	bytes      int
}

func newScript(t *testing.T, cfg scriptConfig) *script {
	t.Helper()
	s := &script{t: t, logDir: t.TempDir(), seats: map[string][]game.Slot{}}
	cfg.record, cfg.logDir = &s.records, s.logDir
	report := func(what string) func(string) {
		return func(text string) { fmt.Fprintf(&s.reports, "%6d ms %s %s\n", s.passed.Milliseconds(), what, text) }
	}
	cfg.seated, cfg.over, cfg.ended = report("seated"), report("over"), report("ended")
	s.scripted = newScripted(t, cfg)
	s.run(2) // the first tick is due when the second begins
	return s
}

// tickTime is the time between the ticks of the golden tests' game.
const tickTime = 50 * time.Millisecond

// run advances by ticks and notes what came out after each.
func (s *script) run(ticks int) {
	s.t.Helper()
	for range ticks {
		s.passed += tickTime
		s.advance(tickTime)
		for _, c := range s.clients {
			c.note()
		}
		if st := s.status(); st != s.known {
			s.known = st
			fmt.Fprintf(&s.reports, "%6d ms status %s\n", s.passed.Milliseconds(), st)
		}
	}
}

// finish compares the script's notes to its golden files.
func (s *script) finish(name string) {
	s.t.Helper()
	s.end()
	for _, c := range s.clients {
		c.note()
	}
	golden(s.t, name+".records", s.records.Bytes())
	golden(s.t, name+".stream", s.stream.Bytes())
	golden(s.t, name+".reports", s.reports.Bytes())
	files, err := filepath.Glob(filepath.Join(s.logDir, "*"))
	if err != nil || len(files) != 1 {
		s.t.Fatalf("logs %v, %v, want one", files, err)
	}
	log, err := os.ReadFile(files[0])
	if err != nil {
		s.t.Fatal(err)
	}
	golden(s.t, name+".tlog", log)
}

// ask reserves seats; what comes of it is noted under a label.
func (s *script) ask(label string, hold time.Duration, places ...place) {
	s.reserve(hold, places, func(slots []game.Slot, refused string) {
		s.seats[label] = slots
		fmt.Fprintf(&s.records, "# reserve %s: %v %s\n", label, slots, refused)
	})
}

// client is a new player.
func (s *script) client(name string) *scriptClient {
	c := &scriptClient{s: s, name: name}
	s.clients = append(s.clients, c)
	return c
}

// claim connects the client to a seat by a reservation.
func (c *scriptClient) claim(slot game.Slot, reservation string, features protocol.Features) {
	c.leaveOld()
	c.s.claim(c.conn, features, slot, c.name, reservation)
}

// resume connects the client by the secret of its last welcome.
func (c *scriptClient) resume(secret string) {
	c.leaveOld()
	c.s.resume(c.conn, protocol.FeatureReply, c.slot, secret, c.event)
}

// leaveOld gives the client a new connection. The old one is watched for its
// close code by a client of its own.
func (c *scriptClient) leaveOld() {
	if c.conn != nil && !c.closedSeen {
		c.s.clients = append(c.s.clients, &scriptClient{s: c.s, name: c.name + "'", conn: c.conn, replica: c.replica})
	}
	c.conn, c.closedSeen, c.replica = &scriptConn{}, false, nil
}

// sit reserves a seat and claims it in the next turn.
func (c *scriptClient) sit(team int32) {
	c.s.ask(c.name, time.Minute, place{player: c.name, name: c.name, team: team, reservation: "r-" + c.name, skill: 1000 + 10*float64(len(c.name))})
	c.s.run(1)
	c.claim(c.s.seats[c.name][0], "r-"+c.name, protocol.FeatureReply)
}

func (c *scriptClient) input(dx, dy int32) {
	c.seq++
	h := protocol.InputHeader{Seq: c.seq, Tick: c.tick + 2}
	c.conn.send(protocol.AppendInput(nil, h, []uint32{uint32(dx), uint32(dy)}))
}

func (c *scriptClient) command(id uint32, name string, args ...int32) {
	c.conn.send(protocol.AppendCommand(nil, &protocol.Command{ID: id, Name: name, Args: args}))
}

func (c *scriptClient) say(text string, id uint32) {
	c.conn.send(protocol.AppendSay(nil, &protocol.Say{Text: text, ID: id}))
}

// note writes down what the client received.
func (c *scriptClient) note() {
	if c.conn == nil {
		return
	}
	eachFrame(c.conn.received(), func(payload []byte, ping bool) {
		at := fmt.Sprintf("%6d ms %-5s", c.s.passed.Milliseconds(), c.name)
		if ping {
			fmt.Fprintln(&c.s.stream, at, "heartbeat")
			return
		}
		kind, detail := c.message(payload)
		fmt.Fprintf(&c.s.stream, "%s %-8s %5d %016x %s\n", at, kind, len(payload), sumOf(payload), detail)
	})
	if code := c.conn.closed(); code != 0 && !c.closedSeen {
		c.closedSeen = true
		fmt.Fprintf(&c.s.stream, "%6d ms %-5s closed %d\n", c.s.passed.Milliseconds(), c.name, code)
	}
}

// eachFrame takes what a server wrote apart.
func eachFrame(b []byte, each func(payload []byte, ping bool)) {
	for len(b) > 0 {
		size, head := int(b[1]), 2
		switch b[1] {
		case 126:
			size, head = int(b[2])<<8|int(b[3]), 4
		case 127:
			size, head = int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
		}
		each(b[head:head+size], b[0]&0xf == 9)
		b = b[head+size:]
	}
}

// message reads a message, and puts zeros in place of what is random in it.
func (c *scriptClient) message(b []byte) (kind, detail string) {
	c.s.t.Helper()
	of, err := protocol.Type(b)
	c.must(err)
	switch of {
	case protocol.TypeWelcome:
		w, err := protocol.ParseWelcome(b)
		c.must(err)
		c.slot, c.replica, c.tick = w.Slot, protocol.NewReplica(w.Schema), w.Tick
		c.secret = w.Resume[strings.LastIndexByte(w.Resume, '.')+1:]
		if at := bytes.Index(b, []byte(c.secret)); at >= 0 {
			copy(b[at:], bytes.Repeat([]byte("0"), len(c.secret)))
		}
		return "welcome", fmt.Sprintf("slot=%d tick=%d resumed=%v", w.Slot, w.Tick, w.Resumed)
	case protocol.TypeSnapshot:
		return "snapshot", c.snapshot(b)
	case protocol.TypeRoster:
		r, err := protocol.ParseRoster(b)
		c.must(err)
		return "roster", fmt.Sprint(r.Entries)
	case protocol.TypeReply:
		r, err := protocol.ParseReply(b)
		c.must(err)
		return "reply", fmt.Sprint(r)
	case protocol.TypeChat:
		m, err := protocol.ParseChat(b)
		c.must(err)
		return "chat", fmt.Sprint(m)
	case protocol.TypePong:
		return "pong", ""
	case protocol.TypeResult:
		r, err := protocol.ParseResult(b)
		c.must(err)
		return "result", fmt.Sprint(r)
	case protocol.TypeNotice:
		n, err := protocol.ParseNotice(b)
		c.must(err)
		return "notice", fmt.Sprint(n)
	}
	return fmt.Sprint("message ", of), ""
}

// snapshot applies a snapshot to the client's replica.
func (c *scriptClient) snapshot(b []byte) string {
	c.s.t.Helper()
	if c.blind {
		h, err := protocol.ParseSnapshotHeader(b)
		c.must(err)
		c.tick = h.Tick
		return ""
	}
	c.must(protocol.ParseSnapshot(b, &c.last))
	if c.replica == nil {
		c.s.t.Fatalf("%s: a snapshot before the welcome", c.name)
	}
	c.must(c.replica.Apply(&c.last))
	if got := c.replica.Hash(); c.last.Hash != 0 && got != c.last.Hash {
		c.s.t.Fatalf("%s, tick %d: the client's state has hash %08x, the server's %08x", c.name, c.last.Tick, got, c.last.Hash)
	}
	c.tick, c.event = c.last.Tick, c.replica.EventSeq()
	return fmt.Sprintf("tick=%d flags=%d ack=%d slack=%d percent=%d", c.last.Tick, c.last.Flags, c.last.Ack, c.last.Slack, c.last.Percent)
}

func (c *scriptClient) must(err error) {
	c.s.t.Helper()
	if err != nil {
		c.s.t.Fatalf("%s at %v: %v", c.name, c.s.passed, err)
	}
}
