package server

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/game"
	"tactus/game/tag"
	"tactus/internal/testtime"
	"tactus/protocol"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/server/internal/watchdog"
)

// moody is tag with rules that fail where a test wants it.
type moody struct {
	fault *atomic.Pointer[func(where string)]
}

func newMoody() moody {
	m := moody{new(atomic.Pointer[func(string)])}
	m.behave(func(string) {})
	return m
}

func (m moody) behave(f func(where string)) { m.fault.Store(&f) }
func (m moody) at(where string)             { (*m.fault.Load())(where) }

func (m moody) Info() game.Info {
	info := tag.Game.Info()
	info.Name = "moody"
	info.Modes[0].Teams = 2
	return info
}

func (m moody) NewWorld(cfg game.MatchConfig) game.World {
	m.at("NewWorld")
	return moodyWorld{tag.Game.NewWorld(cfg), m}
}

type moodyWorld struct {
	game.World
	moody moody
}

func (w moodyWorld) Tables() *game.Tables {
	w.moody.at("Tables")
	return w.World.Tables()
}

func (w moodyWorld) Interest() game.Interest {
	w.moody.at("Interest")
	return game.Interest{}
}

func (w moodyWorld) View(game.Slot) game.View { return game.View{} }

func (w moodyWorld) Remaining() game.Tick {
	w.moody.at("Remaining")
	return 0
}

func (w moodyWorld) Team(game.Slot) int32 {
	w.moody.at("Team")
	return 0
}

func (w moodyWorld) Step(t game.Tick, in *game.Inputs) {
	w.moody.at("Step")
	w.World.Step(t, in)
}

// moodyServer hosts moody beside tag. Its watchdog checks when the test says so.
func moodyServer(t *testing.T) (s *Server, rules moody, logs *observer.ObservedLogs, reg *prometheus.Registry) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	rules, reg = newMoody(), prometheus.NewRegistry()
	s, err := New(Config{Matchmakers: []string{"127.0.0.1:1"}, Registerer: reg, ReplayDir: t.TempDir()}, zap.New(core), rules, tag.Game)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.matches.stop()
		s.admission.wait()
		s.matches.running.Wait()
		_ = s.logs.Close()
	})
	return s, rules, logs, reg
}

func moodyMatch(id string) *fleetv1.Reserve {
	return &fleetv1.Reserve{RequestId: id, MatchId: id, Create: true, Game: "moody", Seats: []*fleetv1.Seat{seatFor("ann-"+id, -1)}}
}

// checks is how many checks give a turn up.
const checks = int(DefaultTurnTimeout/watchdog.CheckEvery) + 1

// checkTurns checks so often that turns that hang are given up. The matches named have
// healthy turns: one ends between two of the checks.
func (s *Server) checkTurns(healthy ...string) {
	for range checks - 1 {
		s.watchdog.Check()
	}
	for _, id := range healthy {
		// Twice: the first answer may come from a turn that all checks have seen.
		s.matches.match(id).Occupants(context.Background())
		s.matches.match(id).Occupants(context.Background())
	}
	s.watchdog.Check()
}

func wantMetric(t *testing.T, reg *prometheus.Registry, name string, want float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			if m := f.GetMetric()[0]; m.GetCounter().GetValue()+m.GetGauge().GetValue() != want {
				t.Errorf("%s is %v, want %v", name, m, want)
			}
			return
		}
	}
	t.Errorf("no metric %s", name)
}

func TestNew_refusesGameWhoseWorldPanics(t *testing.T) {
	for _, where := range []string{"NewWorld", "Tables", "Interest"} {
		rules := newMoody()
		rules.behave(func(at string) {
			if at == where {
				panic(errors.New(where + " is wrong"))
			}
		})
		_, err := New(Config{}, zap.NewNop(), rules)
		if err == nil || !strings.Contains(err.Error(), "game moody, mode classic: making a world panics: "+where+" is wrong") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// Each call of rules on the way to a match ends the reservation when it panics, and
// nothing else.
func TestReserve_survivesRulesThatPanicWhileMatchIsMade(t *testing.T) {
	s, rules, logs, reg := moodyServer(t)
	calls := []string{"NewWorld", "Tables", "Interest", "Remaining", "Team"}
	for _, where := range calls {
		rules.behave(func(at string) {
			if at == where {
				panic(where + " is wrong")
			}
		})
		if r := s.ask(moodyMatch("bad-" + where)); r.GetOk() || r.GetReason() != "game_error" || r.GetMatch() != nil {
			t.Errorf("%s: %v, want game_error", where, r)
		}
	}
	rules.behave(func(string) {})
	if r := s.ask(moodyMatch("good")); !r.GetOk() {
		t.Errorf("rules without a fault: %v", r)
	}
	lines := logs.FilterMessage("match not made: rules panicked").All()
	if len(lines) != len(calls) {
		t.Fatalf("%d lines, want %d", len(lines), len(calls))
	}
	for i, where := range calls {
		fields := lines[i].ContextMap()
		if fields["panic"] != where+" is wrong" || !strings.Contains(string(fields["stack"].(string)), "moodyWorld") && where != "NewWorld" {
			t.Errorf("%s: %v", where, fields)
		}
	}
	wantMetric(t, reg, "tactus_match_panics_total", 5)
	wantMetric(t, reg, "tactus_matches", 1)
}

func TestReserve_givesUpRulesThatHangWhileMatchIsMade(t *testing.T) {
	s, rules, logs, reg := moodyServer(t)
	entered, wake := make(chan struct{}), make(chan struct{})
	rules.behave(func(where string) {
		if where == "NewWorld" {
			close(entered)
			<-wake
		}
	})
	answer := make(chan *fleetv1.ReserveResult, 1)
	go func() { answer <- s.ask(moodyMatch("m1")) }()
	<-entered
	s.checkTurns()
	if r := <-answer; r.GetReason() != "game_error" {
		t.Errorf("%v, want game_error", r)
	}
	rules.behave(func(string) {})
	if r := s.ask(moodyMatch("m2")); !r.GetOk() {
		t.Errorf("the next match: %v", r)
	}
	line := logs.FilterMessage("match not made: rules hang").All()
	if len(line) != 1 || !strings.Contains(firstGoroutine(line[0].ContextMap()["stack"]), "moody.NewWorld") {
		t.Errorf("%d lines, the first with\n%s", len(line), firstGoroutine(line[0].ContextMap()["stack"]))
	}
	wantMetric(t, reg, "tactus_hung_turns_total", 1)
	close(wake)
	testtime.Until(t, "the rules are back", func() bool { return s.watchdog.Hanging() == 0 })
	if n := len(s.Matches()); n != 1 {
		t.Errorf("%d matches, want that of the second request", n)
	}
}

func firstGoroutine(stacks any) string {
	first, _, _ := strings.Cut(stacks.(string), "\n\n")
	return first
}

// hang lets the next Step of a match hang until release is called.
func (m moody) hang(t *testing.T) (entered <-chan struct{}, release func()) {
	t.Helper()
	in, wake := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	m.behave(func(where string) {
		if where == "Step" && once.CompareAndSwap(false, true) {
			close(in)
			<-wake
		}
	})
	return in, func() { close(wake) }
}

func TestServer_turnsThatHangEndTheirMatchAlone(t *testing.T) {
	s, rules, logs, reg := moodyServer(t)
	other := moodyMatch("other")
	if other.Game = "tag"; !s.ask(other).GetOk() {
		t.Fatal("no other match")
	}
	var wakes []func()
	for i, id := range []string{"m1", "m2"} {
		entered, wake := rules.hang(t)
		wakes = append(wakes, wake)
		s.ask(moodyMatch(id))
		<-entered
		if !live(s) {
			t.Errorf("not live with %d turns that hang", i)
		}
		s.checkTurns("other")
	}
	if live(s) {
		t.Error("live, though two turns hang")
	}
	lost := logs.FilterMessage("match lost: its turn hangs").All()
	if len(lost) != 2 || !strings.Contains(firstGoroutine(lost[0].ContextMap()["stack"]), "moodyWorld") {
		t.Errorf("%d lines, the first with\n%s", len(lost), firstGoroutine(lost[0].ContextMap()["stack"]))
	}
	if second := lost[1].ContextMap()["stack"].(string); len(second) > 200 {
		t.Errorf("the stacks were read again within the minute: %d bytes", len(second))
	}
	wantMetric(t, reg, "tactus_hung_turns_total", 2)
	if !s.matches.recent.failed("m1") {
		t.Error("players that come back do not hear of the error")
	}
	if ids := s.matches.statuses(); len(ids) != 1 || ids["other"] == nil {
		t.Errorf("matches left: %v", ids)
	}
	s.matches.stop()
	s.matches.running.Wait() // shutdown does not wait for turns that were given up
	for _, wake := range wakes {
		wake()
	}
	testtime.Until(t, "the turns are back", func() bool { return s.watchdog.Hanging() == 0 })
	if !live(s) {
		t.Error("not live, though no turn hangs any longer")
	}
}

func live(s *Server) bool {
	for _, check := range s.Probes().Live {
		if !check().OK {
			return false
		}
	}
	return true
}

func TestHost_endsWhileTurnHangs(t *testing.T) {
	s, rules, _, _ := moodyServer(t)
	entered, wake := rules.hang(t)
	defer wake()
	s.ask(moodyMatch("m1"))
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Host(ctx) }()
	s.checkTurns()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server waits for the turn that hangs")
	}
}

func TestAcceptor_playersOfFailedMatchGetItsCode(t *testing.T) {
	s, _, _, _ := moodyServer(t)
	s.matches.recent.add(&MatchStatus{ID: "m1"}, "game_error")
	if code := closeCodeOf(t, s, &protocol.Hello{Resume: "m1.0.secret"}); code != protocol.CloseGameError {
		t.Errorf("closed with %v, want %v", code, protocol.CloseGameError)
	}
	if code := closeCodeOf(t, s, &protocol.Hello{Resume: "m2.0.secret"}); code != protocol.CloseUnknownSession {
		t.Errorf("another match: %v", code)
	}
}

// Players choose within the ranges that the game declares, and nothing else.
func TestReserve_optionsKeepTheirRanges(t *testing.T) {
	s := newTestServer(t, Config{Options: []game.Option{{Name: "seconds", Value: 5}}})
	tagMode := firstMode(tag.Game)
	for name, c := range map[string]struct {
		value int32
		want  string
	}{
		"the least": {tagMode.Options[0].Min, ""},
		"the most":  {tagMode.Options[0].Max, ""},
		"less":      {tagMode.Options[0].Min - 1, "bad_request"},
		"more":      {tagMode.Options[0].Max + 1, "bad_request"},
	} {
		r := &fleetv1.Reserve{
			MatchId: "m-" + name, Create: true, Game: "tag", Seats: []*fleetv1.Seat{seatFor("ann-"+name, -1)},
			Options: []*matchmakerv1.Option{{Name: "seconds", Value: c.value}},
		}
		if got := s.ask(r).GetReason(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	unranged := game.Mode{Options: []game.Option{{Name: "seconds", Value: 60}}}
	if _, err := s.admission.options(unranged, []*matchmakerv1.Option{{Name: "seconds", Value: 60}}); err == nil || !strings.Contains(err.Error(), "operator's alone") {
		t.Errorf("an option without a range: %v", err)
	}
	info := describe(tag.Game.Info()).GetModes()[0].GetOptions()
	if len(info) != 1 || info[0].GetName() != "seconds" || info[0].GetMin() != 30 || info[0].GetMax() != 600 || info[0].GetValue() != 60 {
		t.Errorf("the matchmaker gets %v", info)
	}
}
