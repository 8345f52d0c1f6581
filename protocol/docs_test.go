package protocol_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"tactus/protocol"
)

func contract(t *testing.T) string {
	t.Helper()
	return readPage(t, "protocol.md")
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// examplePages are the pages with annotated messages.
var examplePages = []string{"protocol.md", "protocol-walkthrough.md"}

// example is an annotated message: lines of bytes, with what they mean behind at
// least two spaces.
type example struct {
	name  string
	bytes []byte
}

var (
	fence      = regexp.MustCompile("(?ms)^```hex (.*?)\n(.*?)^```$")
	annotation = regexp.MustCompile(`  +.*`)
)

func examples(t *testing.T) (out []example) {
	t.Helper()
	var pages strings.Builder
	for _, name := range examplePages {
		pages.WriteString(readPage(t, name))
	}
	for _, m := range fence.FindAllStringSubmatch(pages.String(), -1) {
		e := example{name: m[1]}
		for line := range strings.Lines(m[2]) {
			digits := strings.ReplaceAll(annotation.ReplaceAllString(strings.TrimRight(line, "\n"), ""), " ", "")
			b, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("example %q, line %q: %v", e.name, line, err)
			}
			e.bytes = append(e.bytes, b...)
		}
		out = append(out, e)
	}
	return out
}

func TestDocument_examplesEqualVectors(t *testing.T) {
	vectors := map[string][]byte{}
	for _, v := range load[messageVector](t, "messages.json") {
		vectors[v.Name] = unhex(t, v.Hex)
	}
	for _, v := range load[sequenceVector](t, "snapshots.json") {
		for _, f := range v.Frames {
			vectors[v.Name+": "+f.Name] = unhex(t, f.Hex)
		}
	}
	shown := map[protocol.MessageType]bool{}
	for _, e := range examples(t) {
		if !bytes.Equal(e.bytes, vectors[e.name]) {
			t.Errorf("example %q: %x\nvector: %x", e.name, e.bytes, vectors[e.name])
			continue
		}
		kind, err := protocol.Type(e.bytes)
		if err != nil {
			t.Errorf("example %q: %v", e.name, err)
		}
		shown[kind] = true
	}
	for kind := range parsers {
		if !shown[kind] {
			t.Errorf("no example of a message of type %d", kind)
		}
	}
}

func TestDocument_tablesEqualConstants(t *testing.T) {
	doc := contract(t)
	joined := strings.Join(strings.Fields(doc), " ") // a line may break anywhere
	want := []string{
		fmt.Sprintf("subprotocol `%s`", protocol.Subprotocol),
		fmt.Sprintf("`GET %s`", protocol.Path),
		fmt.Sprintf("plus %d in a block whose groups hold values", protocol.BlockAbsolute),
		fmt.Sprintf("| client message | %d bytes |", protocol.MaxClientMessage),
		fmt.Sprintf("| server message | %d bytes |", protocol.MaxServerMessage),
		fmt.Sprintf("| join token | %d bytes |", protocol.MaxToken),
		fmt.Sprintf("| resume token | %d bytes |", protocol.MaxResume),
		fmt.Sprintf("| client's name in hello | %d bytes |", protocol.MaxClientName),
		fmt.Sprintf("| player's name | %d characters |", protocol.MaxName),
		fmt.Sprintf("| text of say | %d bytes |", protocol.MaxChat),
		fmt.Sprintf("| text of a notice | %d bytes |", protocol.MaxNotice),
		fmt.Sprintf("| reason of a reply | %d bytes |", protocol.MaxReason),
		fmt.Sprintf("| features of a hello or welcome | %d |", protocol.MaxFeatures),
		fmt.Sprintf("| name of a feature | %d bytes |", protocol.MaxFeatureName),
		fmt.Sprintf("| command name | %d bytes |", protocol.MaxCommandName),
		fmt.Sprintf("| words of a command or reply | %d |", protocol.MaxCommandArgs),
		fmt.Sprintf("| input ahead of the server | %d ticks |", protocol.MaxAheadTicks),
		fmt.Sprintf("| lag of an input | %d |", protocol.MaxLag),
		fmt.Sprintf("| time to say hello | %d s |", protocol.HelloTimeout/time.Second),
		fmt.Sprintf("| silence before the server pings | %d s |", protocol.HeartbeatAfter/time.Second),
		fmt.Sprintf("| silence | %d s |", protocol.IdleTimeout/time.Second),
		fmt.Sprintf("| taking nothing | %d s |", protocol.SlowTimeout/time.Second),
		fmt.Sprintf("| seat of a lost connection | %d s, see `grace` |", protocol.SeatGrace/time.Second),
	}
	for kind, name := range map[protocol.MessageType]string{
		protocol.TypeHello: "hello", protocol.TypeInput: "input", protocol.TypeCommand: "command", protocol.TypeSay: "say",
		protocol.TypePing: "ping", protocol.TypeBye: "bye", protocol.TypeResync: "resync", protocol.TypeWelcome: "welcome",
		protocol.TypeSnapshot: "snapshot", protocol.TypeRoster: "roster", protocol.TypeReply: "reply", protocol.TypeChat: "chat",
		protocol.TypePong: "pong", protocol.TypeResult: "result", protocol.TypeNotice: "notice",
	} {
		want = append(want, fmt.Sprintf("| %d | %s |", kind, name))
	}
	for _, name := range protocol.ServerFeatures.Names() {
		want = append(want, fmt.Sprintf("\n| `%s` |", name))
	}
	for _, reason := range []string{protocol.ReasonRefused, protocol.ReasonBusy, protocol.ReasonTooLong, protocol.ReasonBadText, protocol.ReasonMuted} {
		want = append(want, fmt.Sprintf("| `%s` |", reason))
	}
	for _, c := range protocol.CloseCodes() {
		want = append(want, fmt.Sprintf("| %d | %s |", c, c.Name()))
	}
	for _, s := range want {
		if !strings.Contains(doc, s) && !strings.Contains(joined, s) {
			t.Errorf("docs/protocol.md does not say %q", s)
		}
	}
}
