package tactuscmd

import (
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestPublicURL_correctsOrRejects(t *testing.T) {
	for _, c := range []struct {
		given, used string // used is empty where it is refused
		says        string // of the refusal, or of the line in the log; empty: no line
	}{
		{"", "", ""},
		{"wss://play.example.com/play", "wss://play.example.com/play", ""},
		{"ws://10.0.0.5:8081/eu1/play", "ws://10.0.0.5:8081/eu1/play", ""},
		{"ws://[::1]:8081/play", "ws://[::1]:8081/play", ""},
		{"https://play.example.com/play", "wss://play.example.com/play", "corrected"},
		{"HTTP://play.example.com:8081", "ws://play.example.com:8081/play", "corrected"},
		{"wss://play.example.com", "wss://play.example.com/play", "corrected"},
		{"wss://play.example.com/", "wss://play.example.com/play", "corrected"},
		{"wss://play.example.com/play/", "wss://play.example.com/play", "corrected"},
		{"wss://play.example.com/game/", "wss://play.example.com/game/play", "corrected"},
		{" wss://play.example.com/play ", "wss://play.example.com/play", "corrected"},
		{"10.0.0.5:8081", "ws://10.0.0.5:8081/play", "corrected"},
		{"localhost:8081/play", "ws://localhost:8081/play", "corrected"},
		{"wss://play.example.com/eu1", "wss://play.example.com/eu1", "without /play at its end"},
		{"play.example.com/play", "", "wss://play.example.com/play"},
		{"//play.example.com", "", "scheme is missing"},
		{"ftp://play.example.com/play", "", "want a URL"},
		{"wss://", "", "want a URL"},
		{"wss://:8081/play", "", "want a URL"},
		{"wss://play.example.com:99999/play", "", "want a URL"},
		{"wss://play example.com/play", "", "no spaces"},
		{"ws://0.0.0.0:8081/play", "", "unspecified address"},
		{"http://[::]:8081", "", "unspecified address"},
		{"0.0.0.0:8081", "", "unspecified address"},
		{"wss://play.example.com/play?x=1", "", "query"},
		{"wss://play.example.com/play#x", "", "fragment"},
		{"wss://ann@play.example.com/play", "", "user"},
	} {
		core, logs := observer.New(zap.WarnLevel)
		used, err := publicURL(c.given, zap.New(core))
		if used != c.used {
			t.Errorf("%q: %q, want %q", c.given, used, c.used)
		}
		message := ""
		if err != nil {
			message = err.Error()
		}
		for _, line := range logs.All() {
			message += line.Message
		}
		if (message == "") != (c.says == "") || !strings.Contains(message, c.says) {
			t.Errorf("%q: message %q, want %q", c.given, message, c.says)
		}
	}
}
