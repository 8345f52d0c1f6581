package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	waitInterval = 250 * time.Millisecond
	// waitTimeout bounds one request. A server that does not answer is asked again.
	waitTimeout = 5 * time.Second
	// maxReportBytes bounds the answer. It is more than any report has.
	maxReportBytes = 64 << 10
)

// errNoPlayable means that the matchmaker is older than /playable.
var errNoPlayable = errors.New("no /playable there")

// awaitPlayable waits, at most as long as configured, until a ticket would find a
// seat. It writes what it waits for to the progress.
func (m *matchmaker) awaitPlayable(ctx context.Context, cfg *Config) error {
	if cfg.Wait <= 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	tick := time.NewTicker(waitInterval)
	defer tick.Stop()
	reported := ""
	for {
		err := m.playable(ctx, cfg.URL)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil && err.Error() != reported {
			reported = err.Error()
			if cfg.Progress != nil {
				fmt.Fprintf(cfg.Progress, "waiting for %s: %s\n", cfg.URL, reported)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("nobody can play at %s after %v: %s", cfg.URL, cfg.Wait, reported)
			}
			return ctx.Err()
		}
	}
}

// playable asks once. The error says what is missing.
func (m *matchmaker) playable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, waitTimeout)
	defer cancel()
	err := askPlayable(ctx, m.http, url+"/playable")
	if !errors.Is(err, errNoPlayable) {
		return err
	}
	answer, err := m.client.ListGames(ctx, connect.NewRequest(&matchmakerv1.ListGamesRequest{}))
	switch {
	case err != nil:
		return err
	case len(answer.Msg.GetGames()) == 0:
		return errors.New("servers: no game server is registered")
	}
	return nil
}

func askPlayable(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var report struct {
		OK         bool
		Conditions []struct {
			Name, Reason string
			OK           bool
		}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxReportBytes)).Decode(&report); err != nil || len(report.Conditions) == 0 {
		if resp.StatusCode >= 500 { // of a proxy whose matchmaker is away
			return errors.New(resp.Status)
		}
		return errNoPlayable
	}
	if report.OK {
		return nil
	}
	var missing []string
	for _, c := range report.Conditions {
		if !c.OK {
			missing = append(missing, c.Name+": "+c.Reason)
		}
	}
	return errors.New(strings.Join(missing, "; "))
}
