package protocol_test

import (
	"encoding/hex"
	"strings"

	"tactus/protocol"
)

// refusedCase is a message that must be refused.
type refusedCase struct {
	name  string
	kind  protocol.MessageType
	bytes []byte
	err   error
}

func refusedCases() []refusedCase {
	raw := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			panic(err)
		}
		return b
	}
	say := func(text string) []byte { return protocol.AppendSay(nil, &protocol.Say{Text: text}) }
	hello := func(h protocol.Hello) []byte { return protocol.AppendHello(nil, &h) }
	command := func(c protocol.Command) []byte { return protocol.AppendCommand(nil, &c) }
	return []refusedCase{
		{"nothing", protocol.TypeHello, nil, protocol.ErrMalformed},
		{"not an array", protocol.TypeHello, raw("81 01 02"), protocol.ErrMalformed},
		{"an empty array", protocol.TypeBye, raw("90"), protocol.ErrMalformed},
		{"another type", protocol.TypePing, raw("91 06"), protocol.ErrType},
		{"a type that is no number", protocol.TypeBye, raw("91 a1 36"), protocol.ErrMalformed},
		{"a byte left over", protocol.TypeBye, raw("91 06 00"), protocol.ErrMalformed},
		{"an array longer than the message", protocol.TypeBye, raw("dd ff ff ff ff 06"), protocol.ErrMalformed},
		{"a trailing element cut short", protocol.TypeBye, raw("92 06 d9 ff 41"), protocol.ErrMalformed},
		{"a trailing array longer than the message", protocol.TypeBye, raw("92 06 dd 7f ff ff ff"), protocol.ErrMalformed},
		{"a reserved byte", protocol.TypeBye, raw("92 06 c1"), protocol.ErrMalformed},
		{"hello without a token", protocol.TypeHello, hello(protocol.Hello{Client: "x"}), protocol.ErrMissing},
		{"hello with both tokens", protocol.TypeHello, hello(protocol.Hello{Token: "a", Resume: "b"}), protocol.ErrMissing},
		{"hello without a map", protocol.TypeHello, raw("92 01 90"), protocol.ErrMalformed},
		{"hello with a number for a token", protocol.TypeHello, raw("92 01 81 a5 746f6b656e 05"), protocol.ErrMalformed},
		{"hello with a schema hash over 32 bits", protocol.TypeHello, raw("92 01 81 a6 736368656d61 cf 0000000100000000"), protocol.ErrRange},
		{"hello with too many features", protocol.TypeHello, raw("92 01 82 a5 746f6b656e a1 61 a8 6665617475726573 dc 0011 " + strings.Repeat("a161", protocol.MaxFeatures+1)), protocol.ErrTooLong},
		{"hello with too long a feature", protocol.TypeHello, raw("92 01 82 a5 746f6b656e a1 61 a8 6665617475726573 91 b9 " + strings.Repeat("61", protocol.MaxFeatureName+1)), protocol.ErrTooLong},
		{"hello with a number for a feature", protocol.TypeHello, raw("92 01 82 a5 746f6b656e a1 61 a8 6665617475726573 91 05"), protocol.ErrMalformed},
		{"hello with too long a token", protocol.TypeHello, hello(protocol.Hello{Token: strings.Repeat("a", protocol.MaxToken+1)}), protocol.ErrTooLong},
		{"hello with a string longer than the message", protocol.TypeHello, raw("92 01 81 a5 746f6b656e d9 20 41"), protocol.ErrMalformed},
		{"input with too few words", protocol.TypeInput, raw("97 02 01 02 03 04 05 06"), protocol.ErrMalformed},
		{"input with a word over 32 bits", protocol.TypeInput, raw("98 02 01 02 03 04 05 06 ce 80 00 00 00"), protocol.ErrRange},
		{"input with a float", protocol.TypeInput, raw("98 02 01 02 03 04 05 06 ca 3f 80 00 00"), protocol.ErrMalformed},
		{"input with a negative tick", protocol.TypeInput, raw("98 02 01 ff 03 04 05 06 07"), protocol.ErrRange},
		{"input with a lag over 255", protocol.TypeInput, raw("98 02 01 02 cd 01 00 04 05 06 07"), protocol.ErrRange},
		{"command with too long a name", protocol.TypeCommand, command(protocol.Command{Name: strings.Repeat("a", protocol.MaxCommandName+1)}), protocol.ErrTooLong},
		{"command with too many arguments", protocol.TypeCommand, command(protocol.Command{Name: "a", Args: make([]int32, protocol.MaxCommandArgs+1)}), protocol.ErrTooLong},
		{"command with nested arguments", protocol.TypeCommand, raw("94 03 01 a1 61 91 91 01"), protocol.ErrMalformed},
		{"text over the limit", protocol.TypeSay, say(strings.Repeat("a", protocol.MaxChat+1)), protocol.ErrTooLong},
		{"text that is not UTF-8", protocol.TypeSay, say("a\xffb"), protocol.ErrText},
		{"text with a control character", protocol.TypeSay, say("a\nb"), protocol.ErrText},
		{"text that turns what follows around", protocol.TypeSay, say("a\u202Eb"), protocol.ErrText},
		{"say with text for its id", protocol.TypeSay, raw("93 04 a1 61 a1 62"), protocol.ErrMalformed},
		{"reply with too long a reason", protocol.TypeReply, protocol.AppendReply(nil, &protocol.Reply{Reason: strings.Repeat("a", protocol.MaxReason+1)}), protocol.ErrTooLong},
		{"binary for text", protocol.TypeSay, raw("92 04 c4 01 61"), protocol.ErrMalformed},
		{"ping without a time", protocol.TypePing, raw("91 05"), protocol.ErrMalformed},
		{"snapshot without its hash", protocol.TypeSnapshot, raw("9a 11 01 00 00 00 05 c0 c0 c0 c0"), protocol.ErrMalformed},
		{"snapshot with a string in a section", protocol.TypeSnapshot, raw("9a 11 01 00 00 00 01 91 a0 c0 c0 c0"), protocol.ErrMalformed},
		{"snapshot with an event of two elements", protocol.TypeSnapshot, raw("9a 11 01 00 00 00 01 c0 c0 c0 91 92 01 02"), protocol.ErrMalformed},
		{"roster with a slot that no match has", protocol.TypeRoster, raw("92 12 91 94 cd ff ff a1 61 00 00"), protocol.ErrRange},
		{
			"roster with too long a name", protocol.TypeRoster,
			protocol.AppendRoster(nil, &protocol.Roster{Entries: []protocol.RosterEntry{{Name: strings.Repeat("ä", protocol.MaxName+1)}}}), protocol.ErrTooLong,
		},
	}
}
