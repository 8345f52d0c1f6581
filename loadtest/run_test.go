package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"tactus/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quickConfig(s *fakeServer) Config {
	return Config{
		URL: s.URL, Players: 8, PerMatch: 4, Duration: time.Second,
		Ramp: time.Millisecond, WarmUp: time.Millisecond, Verify: true,
	}
}

func mustRun(t *testing.T, c Config) *Report {
	t.Helper()
	report, err := Run(t.Context(), c, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func (s *fakeServer) check(t *testing.T) {
	t.Helper()
	s.seats.Wait()
	if s.inputErr != nil {
		t.Errorf("a bot sent a bad input: %v", s.inputErr)
	}
}

// TestRun_speaksTLSAtTheTick: bots over wss are served by the engines of plain ones.
func TestRun_speaksTLSAtTheTick(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{secure: true})
	c := quickConfig(s)
	c.TLS = s.Client().Transport.(*http.Transport).TLSClientConfig
	c.Wait = time.Minute
	r := newRun(c.withDefaults(), zap.NewNop(), nil)
	if err := r.matchmaker.awaitPlayable(t.Context(), &r.cfg); err != nil {
		t.Fatal(err)
	}
	if err := r.matchmaker.chooseGame(t.Context(), c.URL, c.PerMatch); err != nil {
		t.Fatal(err)
	}
	report, err := r.execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.check(t)
	if report.Clients != 8 || len(report.Errors) != 0 || report.Verify.Checked == 0 || report.Verify.Mismatched != 0 || report.EchoMS.P50 <= 0 {
		t.Errorf("report is not that of 8 bots without errors: %+v", report)
	}
	if runtime.GOOS == "linux" && r.portable.meter.snapshots != 0 {
		t.Error("bots over TLS had goroutines of their own")
	}
}

func TestRun_playsMeasuresAndVerifies(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{})
	var progress bytes.Buffer
	c := quickConfig(s)
	c.Progress = &progress
	c.Thresholds = []string{"errors==0", "mismatched==0", "clients==8"}
	r := mustRun(t, c)
	s.check(t)
	if r.Failed || r.Clients != 8 || len(r.Errors) != 0 || r.Matches != 2 {
		t.Errorf("report is not that of 8 bots in 2 matches without errors: %+v", r)
	}
	if r.Snapshots == 0 || r.GapMS.P50 <= 0 || r.EchoMS.P50 <= 0 || r.BytesPerClientS <= 0 || r.Delivered <= 0 {
		t.Errorf("something was not measured: %+v", r)
	}
	if r.Verify == nil || r.Verify.Checked == 0 || r.Verify.Mismatched != 0 {
		t.Errorf("verification: %+v, want hashes checked and none mismatched", r.Verify)
	}
	var table bytes.Buffer
	if err := r.Print(&table); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"dots/all, 20 Hz", "8 of 8 in 2 matches", "errors", "none", "0 mismatched", "errors==0   ok"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is missing in the table:\n%s", want, table.String())
		}
	}
	if !strings.Contains(progress.String(), "measuring") {
		t.Errorf("no progress was shown: %q", progress.String())
	}
	s.seats.Wait()
	if s.byes != 8 {
		t.Errorf("%d bots said bye, want 8", s.byes)
	}
}

func TestRun_givesGroupsMatchesOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{})
	c := quickConfig(s)
	c.Players = 6
	mustRun(t, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	var sizes []int
	for _, players := range s.joined {
		sizes = append(sizes, len(players))
	}
	slices.Sort(sizes)
	if !slices.Equal(sizes, []int{2, 4}) {
		t.Errorf("matches of %v bots, want 2 and 4", sizes)
	}
}

func TestRun_findsStatesThatDiffer(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{badHashes: true})
	c := quickConfig(s)
	c.Thresholds = []string{"mismatched==0"}
	r := mustRun(t, c)
	if r.Verify.Mismatched == 0 || !r.Failed {
		t.Errorf("verification %+v, failed %v; want mismatches and a failed threshold", r.Verify, r.Failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resyncs == 0 {
		t.Error("no bot asked for a keyframe after a mismatch")
	}
}

func TestRun_resumesSeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		code    protocol.CloseCode
		isError bool
	}{
		{"restart", protocol.CloseRestart, false},
		{"without a close frame", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t, fakeRules{closeAt: 4, closeWith: c.code})
			config := quickConfig(s)
			config.Duration = 2 * time.Second
			r := mustRun(t, config)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.resumed != 8 || total(r.Reconnects) != 8 {
				t.Errorf("%d seats resumed, %v reconnects, want 8", s.resumed, r.Reconnects)
			}
			if got := total(r.Errors) > 0; got != c.isError {
				t.Errorf("errors %v, want some: %v", r.Errors, c.isError)
			}
		})
	}
}

func TestRun_playsAgainTogetherAfterMatch(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{overAt: 8})
	r := mustRun(t, quickConfig(s))
	if r.Matches < 4 || len(r.Errors) != 0 {
		t.Errorf("%d matches, errors %v; want each of 2 groups in 2 matches or more, and none", r.Matches, r.Errors)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for match, players := range s.joined {
		if len(players) > 4 {
			t.Errorf("match %s had %d bots, want at most 4: %v", match, len(players), players)
		}
	}
}

func TestRun_countsFinalCloseAsError(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{closeAt: 4, closeWith: protocol.CloseKicked})
	r := mustRun(t, quickConfig(s))
	if r.Errors["4505 kicked"] < 8 || len(r.Reconnects) != 0 {
		t.Errorf("errors %v, reconnects %v; want 8 or more of 4505 and none", r.Errors, r.Reconnects)
	}
}

func TestRun_leavesSlowReadersOut(t *testing.T) {
	t.Parallel()
	for _, as := range slownesses {
		t.Run(string(as), func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t, fakeRules{})
			c := quickConfig(s)
			c.SlowReaders, c.SlowAs = 2, as
			r := mustRun(t, c)
			if r.Clients != 6 || r.SlowReaders == nil || r.SlowReaders.Clients != 2 {
				t.Errorf("%d clients, slow readers %+v; want 6 and 2", r.Clients, r.SlowReaders)
			}
		})
	}
}

func TestRun_worksOnPortableEngine(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{closeAt: 4, closeWith: protocol.CloseRestart})
	c := quickConfig(s)
	c.Duration = 2 * time.Second
	r := newRun(c.withDefaults(), zap.NewNop(), nil)
	for _, b := range r.bots {
		b.engine = r.portable
	}
	if err := r.matchmaker.chooseGame(t.Context(), c.URL, c.PerMatch); err != nil {
		t.Fatal(err)
	}
	report, err := r.execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.check(t)
	if report.Clients != 8 || len(report.Errors) != 0 || report.Verify.Checked == 0 || total(report.Reconnects) != 8 {
		t.Errorf("report %+v, verify %+v", report, report.Verify)
	}
}

func TestRun_returnsWhyItCannotTakePlace(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{})
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"unreachable":  {Config{URL: "http://127.0.0.1:1"}, "no matchmaker answers at http://127.0.0.1:1"},
		"unknown game": {Config{URL: s.URL, Game: "chess"}, `game "chess" is not hosted; hosted are dots`},
		"unknown mode": {Config{URL: s.URL, Mode: "none"}, `game dots has no mode "none"; it has all, some`},
		"too many":     {Config{URL: s.URL, Mode: "some", PerMatch: 3}, "per-match 3 does not fit: mode some of dots has 2 seats"},
		"bad config":   {Config{URL: "ftp://x", Players: -1, Thresholds: []string{"gap_p98<1"}}, "url \"ftp://x\" is not an origin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), c.config, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestRun_reportsInterruptedMeasurement(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{})
	c := quickConfig(s)
	c.Duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Progress = cancelWhenMeasuring{cancel}
	r, err := Run(ctx, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.DurationS >= 3600 {
		t.Errorf("%v s measured, want the time until the interruption", r.DurationS)
	}
}

type cancelWhenMeasuring struct{ cancel func() }

func (w cancelWhenMeasuring) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("measuring")) {
		w.cancel()
	}
	return len(b), nil
}

func TestReport_hasKeys(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(&Report{Errors: map[string]int{}, Verify: &VerifyReport{}})
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"clients", "delivered", "gap_ms", "echo_ms", "bytes_per_client_s", "cpu_us_per_client_tick", "errors"} {
		if _, there := keys[key]; !there {
			t.Errorf("key %s is missing in %s", key, text)
		}
	}
	for key, want := range map[string][]string{"gap_ms": {"max", "p50", "p99"}, "echo_ms": {"p50", "p99"}, "verify": {"checked", "mismatched"}} {
		inner, _ := keys[key].(map[string]any)
		for _, name := range want {
			if _, there := inner[name]; !there {
				t.Errorf("%s.%s is missing in %s", key, name, text)
			}
		}
	}
}
