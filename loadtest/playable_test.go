package loadtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// lateGames is a matchmaker that has a game from the third request on.
type lateGames struct {
	matchmakerv1connect.UnimplementedMatchmakerServiceHandler
	asked int
}

func (l *lateGames) ListGames(context.Context, *connect.Request[matchmakerv1.ListGamesRequest]) (*connect.Response[matchmakerv1.ListGamesResponse], error) {
	l.asked++
	res := &matchmakerv1.ListGamesResponse{}
	if l.asked >= 3 {
		res.Games = append(res.Games, &matchmakerv1.GameInfo{Name: "dots"})
	}
	return connect.NewResponse(res), nil
}

// playable serves /playable, which holds from the third request on.
func playable(asked *int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		ok := *asked >= 3
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, `{"ok":%v,"conditions":[{"name":"store","ok":true,"reason":"connected"},{"name":"servers","ok":%v,"reason":"no game server is registered"}]}`, ok, ok)
	}
}

func TestMatchmaker_waitsUntilPlayable(t *testing.T) {
	for name, older := range map[string]bool{"/playable": false, "an older matchmaker": true} {
		t.Run(name, func(t *testing.T) {
			games, asked := &lateGames{}, 0
			mux := http.NewServeMux()
			mux.Handle(matchmakerv1connect.NewMatchmakerServiceHandler(games))
			if !older {
				mux.Handle("GET /playable", playable(&asked))
			}
			s := httptest.NewServer(mux)
			defer s.Close()
			var progress bytes.Buffer
			cfg := Config{URL: s.URL, Wait: time.Minute, Progress: &progress}
			if err := newMatchmaker(&cfg).awaitPlayable(context.Background(), &cfg); err != nil {
				t.Fatal(err)
			}
			if older && games.asked != 3 || !older && (asked != 3 || games.asked != 0) {
				t.Errorf("asked /playable %d times, ListGames %d times", asked, games.asked)
			}
			if shown := progress.String(); strings.Count(shown, "\n") != 1 || !strings.Contains(shown, "servers: no game server is registered") || strings.Contains(shown, "store") {
				t.Errorf("progress %q", shown)
			}
		})
	}
}

func TestMatchmaker_stopsWaiting(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "nobody home", http.StatusBadGateway)
	}))
	defer s.Close()
	cfg := Config{URL: s.URL, Wait: time.Nanosecond}
	if err := newMatchmaker(&cfg).awaitPlayable(context.Background(), &cfg); err == nil || !strings.Contains(err.Error(), s.URL) {
		t.Errorf("waiting in vain ended with %v", err)
	}
	cfg.Wait = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	cfg.Progress = writerFunc(func([]byte) { cancel() })
	if err := newMatchmaker(&cfg).awaitPlayable(ctx, &cfg); err == nil {
		t.Error("a canceled wait says that somebody can play")
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }
