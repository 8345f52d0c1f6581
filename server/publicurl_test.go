package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/game/tag"
)

func TestGuessedURL_namesLoopback(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:8081":  "ws://127.0.0.1:8081/play",
		"0.0.0.0:8081":    "ws://127.0.0.1:8081/play",
		"[::]:8081":       "ws://127.0.0.1:8081/play",
		"[::1]:8081":      "ws://[::1]:8081/play",
		"192.0.2.10:8081": "ws://192.0.2.10:8081/play",
	} {
		at, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := GuessedURL(at, ""); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestServer_warnsOnceOfAGuessThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		given, listen string
		matchmakers   []string
		warned        int
	}{
		{"", "0.0.0.0:8081", []string{"203.0.113.9:8090", "mm.example:8090"}, 1},
		{"", "127.0.0.1:8081", []string{"mm.example:8090"}, 1},
		{"", "127.0.0.1:8081", []string{"127.0.0.1:8090", "localhost:8090", "[::]:8090"}, 0},
		{"", "192.0.2.10:8081", []string{"203.0.113.9:8090"}, 0},
		{"wss://eu1.example.com/play", "0.0.0.0:8081", []string{"203.0.113.9:8090"}, 0},
	} {
		core, logs := observer.New(zap.WarnLevel)
		s, err := New(Config{MaxPlayers: 10, PublicURL: c.given, Matchmakers: c.matchmakers}, zap.New(core), tag.Game)
		if err != nil {
			t.Fatal(err)
		}
		at, err := net.ResolveTCPAddr("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		s.GuessPublicURL(at, "")
		if logs.Len() != c.warned {
			t.Errorf("%+v: %d warnings", c, logs.Len())
		}
		if s.guessed != (c.given == "") {
			t.Errorf("%+v: guessed %v", c, s.guessed)
		}
	}
}

func TestHandler_servesPathOfPublicURL(t *testing.T) {
	for _, u := range []string{
		"wss://example.com/game/play", "wss://example.com/my%20game/play", "wss://example.com/%7Bx/play",
		"wss://example.com/{x}/play", "wss://example.com/spi\u00ebl/play", "wss://example.com/livez/play",
	} {
		s, err := New(Config{PublicURL: u}, zap.NewNop(), tag.Game)
		if err != nil {
			t.Fatal(err)
		}
		h := s.Handler()
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http"+u[len("wss"):], nil))
		if answer.Code != http.StatusUpgradeRequired && answer.Code != http.StatusBadRequest {
			t.Errorf("%s: %d, want the refusal of a request that is no upgrade", u, answer.Code)
		}
		answer = httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/other/play", nil))
		if answer.Code != http.StatusNotFound {
			t.Errorf("%s: another path is answered with %d", u, answer.Code)
		}
	}
}
