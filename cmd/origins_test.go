package tactuscmd

import (
	"context"
	"net"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"tactus/game"
	"tactus/game/arena"
	"tactus/internal/testtime"
	"tactus/matchmaker"
	"tactus/server"
)

func TestServer_takesOriginsOfItsMatchmakers(t *testing.T) {
	internal, err := listen("internal", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.WarnLevel)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gs, err := server.New(server.Config{
		Matchmakers: []string{internal.Addr().String()}, MatchmakerOrigins: true, ReplayDir: t.TempDir(),
	}, zap.New(core), arena.Game)
	if err != nil {
		t.Fatal(err)
	}
	gs.GuessPublicURL(ln.Addr(), "")
	runUntilEnd(t, gs.Host)
	runUntilEnd(t, func(ctx context.Context) error { return serve(ctx, publicServer(gs.Handler()), ln) })
	addr := ln.Addr().String()
	const own, foreign = "https://play.example.com", "https://evil.example"
	for _, from := range []string{own, foreign} {
		if status := upgradeFrom(t, addr, from); status != http.StatusSwitchingProtocols {
			t.Errorf("before any matchmaker has answered, %s gets %d", from, status)
		}
	}

	mm, err := matchmaker.New(matchmaker.Config{InternalListener: internal, AllowedOrigins: []string{own}}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, mm.Run)
	testtime.Until(t, "the matchmaker's origins hold", func() bool {
		return upgradeFrom(t, addr, foreign) == http.StatusForbidden
	})
	for from, want := range map[string]int{
		own: http.StatusSwitchingProtocols, "http://127.0.0.1:1234": http.StatusSwitchingProtocols,
		foreign: http.StatusForbidden, "http://localhost:1234": http.StatusForbidden, "null": http.StatusForbidden,
	} {
		if status := upgradeFrom(t, addr, from); status != want {
			t.Errorf("%s gets %d, want %d", from, status, want)
		}
	}
	refused := logs.FilterMessage("page refused").All()
	if len(refused) != 1 || refused[0].ContextMap()["origin"] != foreign {
		t.Errorf("%d lines about refused pages, want one an hour: %v", len(refused), refused)
	}
}

func TestMatchmaker_logsRefusedPages(t *testing.T) {
	core, logs := observer.New(zapcore.WarnLevel)
	cfg := devConfig{listen: "127.0.0.1:0", internal: "127.0.0.1:0", data: t.TempDir(), admin: adminFlags{listen: "127.0.0.1:0"}}
	p, err := openDev(&cfg, zap.New(core), []game.Game{arena.Game})
	if err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, p.run)
	addr := p.public.Addr().String()
	for _, from := range []string{"http://" + addr, "https://evil.example", "https://other.example"} {
		preflightFrom(t, addr, from)
	}
	refused := logs.FilterMessage("page refused").All()
	if len(refused) != 1 || refused[0].ContextMap()["origin"] != "https://evil.example" {
		t.Errorf("%d lines about refused pages, want one: %v", len(refused), refused)
	}
}
