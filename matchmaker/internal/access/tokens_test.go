package access

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

const (
	first  = "0123456789abcdef"
	second = "fedcba9876543210"
)

func TestTokens_followTheirFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# of the fleet\n\nserver/eu-1 " + first + "\noperator " + first + "\n")
	core, logs := observer.New(zap.InfoLevel)
	tokens, err := OpenTokens(path, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	now := tokens.checked
	tokens.now = func() time.Time { return now }
	if c, ok := tokens.Find(first); !ok || c != (Caller{Roles: GameServer | Operator, Server: "eu-1"}) {
		t.Errorf("two lines of one token: %+v %v", c, ok)
	}
	write("matchmaker " + second + "\n")
	if _, ok := tokens.Find(second); ok {
		t.Error("the file is read with every call")
	}
	now = now.Add(checkInterval)
	if _, ok := tokens.Find(first); ok {
		t.Error("a token that was removed is still good")
	}
	if md, err := tokens.GetRequestMetadata(t.Context()); err != nil || md["authorization"] != "Bearer "+second {
		t.Errorf("shown to replicas: %v %v", md, err)
	}
	for _, broken := range []string{"server\n", "sever " + second, "server short", "# nothing\n", "server/ " + second, "operator/x " + second} {
		write(broken)
		for range 2 {
			now = now.Add(checkInterval)
			if !tokens.HasMatchmaker() {
				t.Errorf("%q replaced the last good file", broken)
			}
		}
		if _, err := OpenTokens(path, zap.NewNop()); err == nil {
			t.Errorf("%q was accepted at start", broken)
		}
	}
	if n := logs.FilterMessage("changed tokens of the internal port not usable, keeping the old ones").Len(); n != 6 {
		t.Errorf("%d warnings for 6 mistakes", n)
	}
	_ = os.Remove(path)
	now = now.Add(checkInterval)
	if _, ok := tokens.Find(second); !ok {
		t.Error("without its file the last tokens do not count")
	}
}
