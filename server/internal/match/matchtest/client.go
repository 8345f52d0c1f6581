package matchtest

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"tactus/game"
	"tactus/internal/ws"
	"tactus/internal/ws/wstest"
	"tactus/protocol"
)

// Conn is both ends of a connection in memory.
type Conn struct {
	*wstest.Peer
	Server *ws.Conn
}

// NewConn makes both ends of a connection. Its round trip is measured as a millisecond.
func NewConn() *Conn {
	server, peer := wstest.Pair()
	peer.Measure(time.Millisecond, 0)
	return &Conn{Peer: peer, Server: server}
}

// Code is what the match closed the connection with, 0 while it is open. A
// connection that was lost got no close frame; it counts as idle, as in metrics.
func (c *Conn) Code() protocol.CloseCode {
	code, closed := c.Closed()
	if closed && code == 0 {
		return protocol.CloseIdle
	}
	return code
}

// Client is a test's client: a replica behind a connection in memory. Not safe for
// concurrent use; owned by the test.
type Client struct {
	t       *testing.T
	Conn    *Conn
	Replica *protocol.Replica
	Welcome protocol.Welcome
	Last    protocol.Snapshot
	Frames  int
	Pings   int
	Pongs   int
	Roster  map[game.Slot]protocol.RosterEntry
	Replies []protocol.Reply
	Notices []protocol.Notice
	Chats   []protocol.Chat
	Results []protocol.Result
	Events  []int32

	EventsAtResult, FramesAtResult int // that came before the result
}

// NewClient makes a client. Its connection is not part of a match yet.
func NewClient(t *testing.T) *Client {
	t.Helper()
	return &Client{t: t, Conn: NewConn(), Roster: map[game.Slot]protocol.RosterEntry{}}
}

// Secret is the part of the resume token behind the match and the slot.
func (p *Client) Secret() string { return strings.SplitN(p.Welcome.Resume, ".", 3)[2] }

// Read handles every frame that the match has sent. Each snapshot's hash is checked.
func (p *Client) Read() {
	p.t.Helper()
	p.Receive(p.Conn.Received())
}

// Receive handles frames that the match has sent.
func (p *Client) Receive(b []byte) {
	p.t.Helper()
	for _, message := range Messages(b) {
		if message == nil {
			p.Pings++
		} else {
			p.message(message)
		}
	}
}

// Messages returns the payloads of frames that a match has sent, nil for a ping.
func Messages(b []byte) (messages [][]byte) {
	for len(b) > 0 {
		size, head := int(b[1]), 2
		switch b[1] {
		case 126:
			size, head = int(binary.BigEndian.Uint16(b[2:])), 4
		case 127:
			size, head = int(binary.BigEndian.Uint64(b[2:])), 10
		}
		if b[0]&0xf == 9 {
			messages = append(messages, nil)
		} else {
			messages = append(messages, b[head:head+size])
		}
		b = b[head+size:]
	}
	return messages
}

// UpdateRoster applies a roster message to what a client knows.
func UpdateRoster(t *testing.T, known map[game.Slot]protocol.RosterEntry, message []byte) {
	t.Helper()
	r, err := protocol.ParseRoster(message)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Entries {
		known[e.Slot] = e
		if e.Flags&protocol.RosterGone != 0 {
			delete(known, e.Slot)
		}
	}
}

func (p *Client) message(b []byte) {
	p.t.Helper()
	kind, err := protocol.Type(b)
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatalf("message %d: %v", kind, err)
		}
	}
	must(err)
	switch kind {
	case protocol.TypeWelcome:
		p.Welcome, err = protocol.ParseWelcome(b)
		must(err)
		p.Replica = protocol.NewReplica(p.Welcome.Schema)
	case protocol.TypeSnapshot:
		must(protocol.ParseSnapshot(b, &p.Last))
		must(p.Replica.Apply(&p.Last))
		p.Frames++
		if got := p.Replica.Hash(); got != p.Last.Hash {
			p.t.Fatalf("tick %d: the client's state has hash %08x, the server says %08x", p.Last.Tick, got, p.Last.Hash)
		}
		p.takeEvents()
	case protocol.TypeRoster:
		UpdateRoster(p.t, p.Roster, b)
	case protocol.TypePong:
		p.Pongs++
	case protocol.TypeReply:
		r, err := protocol.ParseReply(b)
		must(err)
		p.Replies = append(p.Replies, r)
	case protocol.TypeNotice:
		n, err := protocol.ParseNotice(b)
		must(err)
		p.Notices = append(p.Notices, n)
	case protocol.TypeChat:
		c, err := protocol.ParseChat(b)
		must(err)
		p.Chats = append(p.Chats, c)
	case protocol.TypeResult:
		r, err := protocol.ParseResult(b)
		must(err)
		p.Results = append(p.Results, r)
		p.EventsAtResult, p.FramesAtResult = len(p.Events), p.Frames
	default:
		p.t.Fatalf("message %d is none that servers send", kind)
	}
}

func (p *Client) takeEvents() {
	r := p.Last.EventReader()
	var ev protocol.Event
	for r.Next(&ev) {
		words := ev.Words.Reader()
		p.Events = append(p.Events, words.Int())
	}
}

// Input sends the input of a tick.
func (p *Client) Input(seq, tick uint32, dx int32) {
	p.Conn.Send(protocol.AppendInput(nil, protocol.InputHeader{Seq: seq, Tick: tick}, []uint32{uint32(dx)}))
}

// Speak sends a message that has no effect.
func (p *Client) Speak() {
	p.Conn.Send(protocol.AppendSay(nil, &protocol.Say{}))
}

// Command sends a command, with id 0 one that wants no reply.
func (p *Client) Command(id uint32, name string, args ...int32) {
	p.Conn.Send(protocol.AppendCommand(nil, &protocol.Command{ID: id, Name: name, Args: args}))
}

// X is where the player's unit is.
func (p *Client) X() int32 { return int32(p.Replica.Row(0, int(p.Welcome.Slot))[0]) }

// Say sends a line of chat, with id 0 one that wants no reply.
func (p *Client) Say(text string, id uint32) {
	p.Conn.Send(protocol.AppendSay(nil, &protocol.Say{Text: text, ID: id}))
}

// Bye leaves for good.
func (p *Client) Bye() { p.Conn.Send(protocol.AppendBye(nil)) }

// TakeChats returns the texts of the chat that came since the last call.
func (p *Client) TakeChats() (texts []string) {
	for _, c := range p.Chats {
		texts = append(texts, c.Text)
	}
	p.Chats = nil
	return texts
}
