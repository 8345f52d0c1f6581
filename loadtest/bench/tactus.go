//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"

	"connectrpc.com/connect"
)

// tactusServer is a game server in a process of its own, which is measured, and a
// matchmaker in another.
type tactusServer struct {
	*process   // the game server
	matchmaker *process
	public     string // the matchmaker's origin
	internal   string // its gRPC address
	play       string // the game server's public address
	admin      string // the game server's admin address
}

const program = "bin/tactusbench"

// startTactus starts both and waits until the server has registered. flags are
// for the game server.
func startTactus(ctx context.Context, p pins, flags ...string) (*tactusServer, error) {
	return startTactusAs(ctx, p, tactusPlan{program: program, flags: flags})
}

// tactusPlan describes a game server and its matchmaker.
type tactusPlan struct {
	program         string // of the game server
	secure          bool   // players speak TLS with it
	beside          string // suffix of its files, where another runs at the same time
	matchmakerFlags []string
	flags           []string // of the game server
}

// startTactusAs starts both by a plan.
func startTactusAs(ctx context.Context, p pins, plan tactusPlan) (*tactusServer, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	t := &tactusServer{public: "http://" + loopback(ports[0]), internal: loopback(ports[1]), play: loopback(ports[3]), admin: loopback(ports[4])}
	data := filepath.Join(cacheDir, "data"+plan.beside)
	mmArgs := append([]string{
		"matchmaker", "--listen", loopback(ports[0]), "--internal", t.internal,
		"--admin", loopback(ports[2]), "--data", data, "--log-level", "warn",
	}, plan.matchmakerFlags...)
	t.matchmaker, err = start("matchmaker"+plan.beside, p.load, program, mmArgs...)
	if err != nil {
		return nil, err
	}
	if err = t.matchmaker.waitUntilListening(ctx, t.internal); err == nil {
		args := append([]string{
			"server", "--listen", t.play, "--matchmaker", t.internal,
			"--admin", t.admin, "--data", data, "--log-level", "warn",
		}, plan.flags...)
		if plan.secure {
			args = append(args, "--tls-cert", certFile, "--tls-key", keyFile)
		}
		t.process, err = start("server"+plan.beside, p.server, plan.program, args...)
	}
	if err == nil {
		err = t.waitUntilRegistered(ctx)
	}
	if err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// waitUntilRegistered waits until the matchmaker lists the server's games.
func (t *tactusServer) waitUntilRegistered(ctx context.Context) error {
	client := matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, t.public)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		list, err := client.ListGames(ctx, connect.NewRequest(&matchmakerv1.ListGamesRequest{}))
		if err == nil && len(list.Msg.GetGames()) > 0 {
			return nil
		}
		select {
		case <-t.done:
			return t.exitError()
		case <-ctx.Done():
			return fmt.Errorf("the game server has not registered in %v: %w", startTimeout, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (t *tactusServer) stop() {
	if t.process != nil {
		t.process.stop()
	}
	t.matchmaker.stop()
}

func (t *tactusServer) url() string { return t.public }

// collectGarbage makes the server free its memory. It does so twice, since objects
// with a finaliser take two rounds.
func (t *tactusServer) collectGarbage(ctx context.Context) error {
	for range 2 {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.admin+"/debug/pprof/heap?gc=1", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			return fmt.Errorf("the server's admin port: %w", err)
		}
		if err := answer.Body.Close(); err != nil {
			return err
		}
	}
	return nil
}
