package protocol_test

import (
	"tactus/game"
	"tactus/protocol"
)

// messageCase is a message that both sides must read alike.
type messageCase struct {
	name  string
	kind  protocol.MessageType
	bytes []byte
	// again parses the bytes and writes what it got: the same bytes, for
	// messages in their shortest form.
	again func(b []byte) ([]byte, error)
}

func (m messageCase) from() string { return origin(m.kind) }

func origin(t protocol.MessageType) string {
	if t.FromClient() {
		return "client"
	}
	return "server"
}

// roundTrip makes a case of a value and its two functions.
func roundTrip[T any](name string, kind protocol.MessageType, v T,
	appendTo func([]byte, *T) []byte, parse func([]byte) (T, error),
) messageCase {
	return messageCase{
		name: name, kind: kind, bytes: appendTo(nil, &v),
		again: func(b []byte) ([]byte, error) {
			got, err := parse(b)
			if err != nil {
				return nil, err
			}
			return appendTo(nil, &got), nil
		},
	}
}

func inputCase(name string, h protocol.InputHeader, words ...uint32) messageCase {
	return messageCase{
		name: name, kind: protocol.TypeInput, bytes: protocol.AppendInput(nil, h, words),
		again: func(b []byte) ([]byte, error) {
			got := make([]uint32, len(words))
			h, err := protocol.ParseInput(b, got)
			return protocol.AppendInput(nil, h, got), err
		},
	}
}

func emptyCase(name string, kind protocol.MessageType, appendTo func([]byte) []byte, parse func([]byte) error) messageCase {
	return messageCase{
		name: name, kind: kind, bytes: appendTo(nil),
		again: func(b []byte) ([]byte, error) { return appendTo(nil), parse(b) },
	}
}

func messageCases() []messageCase {
	minus := func(n int32) uint32 { return uint32(-n) }
	return []messageCase{
		roundTrip("hello with a join token", protocol.TypeHello,
			protocol.Hello{Token: "eyJhbGci.e30.c2ln", Schema: 0xDEADBEEF, Client: "example/1.0"},
			protocol.AppendHello, protocol.ParseHello),
		roundTrip("hello with a resume token", protocol.TypeHello,
			protocol.Hello{Resume: "r-5f3c", Event: 41, Client: "example/1.0"},
			protocol.AppendHello, protocol.ParseHello),
		roundTrip("hello with features", protocol.TypeHello,
			protocol.Hello{Token: "eyJhbGci.e30.c2ln", Client: "example/1.0", Features: protocol.FeatureReply},
			protocol.AppendHello, protocol.ParseHello),
		inputCase("input", protocol.InputHeader{Seq: 1, Tick: 1205, Lag: 24}, 65536, minus(65536), 16384, 5),
		inputCase("input with the largest numbers", protocol.InputHeader{Seq: 70000, Tick: 1<<32 - 1, Lag: 255}, 0, 1<<31, 1<<31-1, minus(1)),
		roundTrip("command", protocol.TypeCommand, protocol.Command{ID: 7, Name: "emote", Args: []int32{2, -1}},
			protocol.AppendCommand, protocol.ParseCommand),
		roundTrip("command without arguments, no reply wanted", protocol.TypeCommand, protocol.Command{Name: "ready"},
			protocol.AppendCommand, protocol.ParseCommand),
		roundTrip("say", protocol.TypeSay, protocol.Say{Text: "gg, schön! 👋"}, protocol.AppendSay, protocol.ParseSay),
		roundTrip("say with an id", protocol.TypeSay, protocol.Say{Text: "gg", ID: 8}, protocol.AppendSay, protocol.ParseSay),
		roundTrip("ping", protocol.TypePing, protocol.Ping{Time: 4_000_000_000}, protocol.AppendPing, protocol.ParsePing),
		emptyCase("bye", protocol.TypeBye, protocol.AppendBye, protocol.ParseBye),
		emptyCase("resync", protocol.TypeResync, protocol.AppendResync, protocol.ParseResync),
		roundTrip("welcome", protocol.TypeWelcome, exampleWelcome(), protocol.AppendWelcome, protocol.ParseWelcome),
		roundTrip("welcome with features", protocol.TypeWelcome, welcomeWithFeatures(), protocol.AppendWelcome, protocol.ParseWelcome),
		roundTrip("roster", protocol.TypeRoster, protocol.Roster{Entries: []protocol.RosterEntry{
			{Slot: 0, Name: "Ada", Flags: protocol.RosterConnected, Team: 1},
			{Slot: 5, Name: "Müller ☂", Flags: 0, Team: -1},
			{Slot: 300, Name: "Bot 3", Flags: protocol.RosterBot | protocol.RosterConnected | protocol.RosterGone, Team: 0},
		}}, protocol.AppendRoster, protocol.ParseRoster),
		roundTrip("reply", protocol.TypeReply, protocol.Reply{ID: 7, OK: true, Words: []int32{150, -150}},
			protocol.AppendReply, protocol.ParseReply),
		roundTrip("reply that refuses", protocol.TypeReply, protocol.Reply{ID: 8}, protocol.AppendReply, protocol.ParseReply),
		roundTrip("reply that refuses, with a reason", protocol.TypeReply, protocol.Reply{ID: 8, Reason: protocol.ReasonBusy},
			protocol.AppendReply, protocol.ParseReply),
		roundTrip("chat", protocol.TypeChat, protocol.Chat{Slot: 5, Text: "gg"}, protocol.AppendChat, protocol.ParseChat),
		roundTrip("pong", protocol.TypePong, protocol.Pong{Time: 4_000_000_000, Tick: 1205}, protocol.AppendPong, protocol.ParsePong),
		roundTrip("result", protocol.TypeResult, protocol.Result{
			Over: true, Next: 15000,
			Results: []protocol.ResultEntry{
				{Slot: 0, Name: "Ada", Team: -1, Score: 12, Rank: 1},
				{Slot: 2, Name: "Bot 1", Team: -1, Score: -3, Rank: 2, Bot: true},
			},
		}, protocol.AppendResult, protocol.ParseResult),
		roundTrip("notice", protocol.TypeNotice, protocol.Notice{Code: protocol.CloseDraining, Text: "The server restarts in 60 s."},
			protocol.AppendNotice, protocol.ParseNotice),
	}
}

// exampleWelcome is the welcome of docs/protocol.md, with a schema small enough
// to be read there.
func welcomeWithFeatures() protocol.Welcome {
	w := exampleWelcome()
	w.Features = protocol.FeatureReply
	return w
}

func exampleWelcome() protocol.Welcome {
	type mote struct {
		X    int32
		Size uint32 `tactus:"server"`
	}
	ts := game.NewTables()
	game.NewTable[mote](ts, "mote", 10, game.Global)
	type press struct {
		Key uint32 `tactus:"min=0,max=3"`
	}
	schema := &game.Schema{Game: "motes", Version: "1.0.0", Input: game.DefineInput[press]().Schema().TableSchema}
	for _, t := range ts.Tables() {
		schema.Tables = append(schema.Tables, *t.Schema())
	}
	return protocol.Welcome{
		Match: "m-1", Slot: 3, Player: "p-9", Resume: "r-5f3c", Tick: 1200, Rate: 30, Game: "motes", Version: "1.0.0",
		Mode:   protocol.WelcomeMode{Name: "ffa", Title: "Free for all", Max: 16, Options: []game.Option{{Name: "seconds", Value: 180}}},
		Schema: schema, Grace: 30000, Every: 1,
	}
}

// integerCase is an integer in one of its forms.
type integerCase struct {
	value    int64
	bytes    []byte
	shortest bool
}

func integerCases() []integerCase {
	short := func(v int64, b ...byte) integerCase { return integerCase{v, b, true} }
	wide := func(v int64, b ...byte) integerCase { return integerCase{v, b, false} }
	return []integerCase{
		short(0, 0x00), short(1, 0x01), short(127, 0x7f), short(-1, 0xff), short(-32, 0xe0),
		short(128, 0xcc, 0x80), short(255, 0xcc, 0xff), short(-33, 0xd0, 0xdf), short(-128, 0xd0, 0x80),
		short(256, 0xcd, 0x01, 0x00), short(65535, 0xcd, 0xff, 0xff),
		short(-129, 0xd1, 0xff, 0x7f), short(-32768, 0xd1, 0x80, 0x00),
		short(65536, 0xce, 0, 1, 0, 0), short(1<<31-1, 0xce, 0x7f, 0xff, 0xff, 0xff),
		short(-32769, 0xd2, 0xff, 0xff, 0x7f, 0xff), short(-1<<31, 0xd2, 0x80, 0, 0, 0),
		short(1<<31, 0xce, 0x80, 0, 0, 0), short(1<<32-1, 0xce, 0xff, 0xff, 0xff, 0xff),
		wide(5, 0xcc, 5), wide(5, 0xcd, 0, 5), wide(5, 0xce, 0, 0, 0, 5), wide(5, 0xcf, 0, 0, 0, 0, 0, 0, 0, 5),
		wide(5, 0xd0, 5), wide(5, 0xd1, 0, 5), wide(5, 0xd2, 0, 0, 0, 5), wide(5, 0xd3, 0, 0, 0, 0, 0, 0, 0, 5),
		wide(-5, 0xd0, 0xfb), wide(-5, 0xd1, 0xff, 0xfb), wide(-5, 0xd2, 0xff, 0xff, 0xff, 0xfb),
		wide(-5, 0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfb),
	}
}
