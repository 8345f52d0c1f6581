package upkeep

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"tactus/matchmaker/internal/background"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/party"
	"tactus/matchmaker/internal/privatematch"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// processes knows one live process, a/1.
type processes struct{}

func (processes) Self() (id, run string)   { return "a", "1" }
func (processes) Dead(id, run string) bool { return id != "a" || run != "1" }

// fixture is a sweeper whose time is the test's, and the records that it looks at.
type fixture struct {
	*Sweeper
	t     *testing.T
	rooms *room.Rooms
	left  chan string // handles that were taken out
	work  *background.Group
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, log := storetest.Embedded(t), zaptest.NewLogger(t)
	rooms, err := room.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	parties, err := party.New(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, rooms: rooms, left: make(chan string, 10), work: new(background.Group)}
	stopping := make(chan struct{})
	watchers := membership.NewWatchers(membership.WatchersConfig{
		Processes: processes{}, Patience: 10 * time.Second, Background: f.work, Stopping: stopping,
		Leave: func(_ context.Context, handle, _ string) error { f.left <- handle; return nil },
	})
	servers := fleet.NewRegistry(fleet.Config{MatchmakerID: "a", LoadInterval: time.Second}, func() {}, log)
	host := privatematch.New(privatematch.Config{
		TicketExpiry: time.Minute, Rooms: rooms, Parties: parties, Watchers: watchers, Fleet: servers, Background: f.work, Log: log,
	})
	f.Sweeper = New(Config{
		Patience: 10 * time.Second, Parties: parties, Rooms: rooms, Host: host, Watchers: watchers, Fleet: servers, Background: f.work,
	})
	t.Cleanup(func() { close(stopping); f.work.Close(); servers.Stop() })
	return f
}

// create stores a room that the sweeper knows.
func (f *fixture) create(r *room.Room) {
	f.t.Helper()
	if err := f.rooms.CreateAs(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
	note(f.Sweeper, f.Sweeper.rooms, r.Code, r)
}

// get reads a room after the sweeper's work.
func (f *fixture) get(code string) *room.Room {
	f.t.Helper()
	f.work.Close() // waits; what comes later is not run
	r, err := f.rooms.Get(f.t.Context(), code)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func playing(began time.Time) *room.Room {
	r := &room.Room{Game: "arena", Mode: "ffa", Seats: 4, Number: 3, Match: "room-abcdef-3", Began: began}
	r.Code, r.Members = "ABCDEF", []membership.Member{membership.NewMember("ann", "Ann", "@a/1")}
	return r
}

func TestSweeper_waitsForServersThatMayComeBack(t *testing.T) {
	f := newFixture(t)
	f.create(playing(time.Now().Add(-time.Hour)))
	f.sweep(time.Now(), 1)
	f.sweep(time.Now(), 1+int64(matchTimeout))
	if r := f.get("ABCDEF"); r.Match == "" {
		t.Errorf("the match ended too soon: %+v", r)
	}
}

func TestSweeper_endsMatchesThatNoServerReports(t *testing.T) {
	f := newFixture(t)
	f.create(playing(time.Now().Add(-time.Hour)))
	f.sweep(time.Now(), 1)
	f.sweep(time.Now(), 2+int64(matchTimeout))
	if r := f.get("ABCDEF"); r.Match != "" || len(r.Members) != 1 || r.Number != 3 {
		t.Errorf("room %+v", r)
	}
}

// The process that opened a match was killed meanwhile.
func TestSweeper_endsMatchesWhoseOpenerIsGone(t *testing.T) {
	for after, over := range map[time.Duration]bool{14 * time.Second: false, 21 * time.Second: true} {
		f := newFixture(t)
		opening := &room.Room{Game: "arena", Mode: "ffa", Seats: 4}
		opening.Code = "ABCDEF"
		opening.Begin(time.Now())
		f.create(opening)
		f.sweep(opening.Began.Add(after), 1)
		if r := f.get("ABCDEF"); (r.Match == "") != over {
			t.Errorf("after %s: %+v", after, r)
		}
	}
}

func TestSweeper_takesOutMembersOfDeadProcesses(t *testing.T) {
	f := newFixture(t)
	r := &room.Room{Game: "arena", Mode: "ffa", Seats: 4}
	r.Code = "ABCDEF"
	ann, bob := membership.NewMember("ann", "Ann", "@a/1"), membership.NewMember("bob", "Bob", "@a/0")
	r.Members = []membership.Member{ann, bob}
	f.create(r)
	f.sweep(time.Now(), 1)
	f.sweep(time.Now(), 1+int64(orphanFactor*10*time.Second))
	if len(f.left) != 0 {
		t.Fatal("a member left too soon")
	}
	f.sweep(time.Now(), 2+int64(orphanFactor*10*time.Second))
	f.work.Close()
	if handle := <-f.left; handle != f.rooms.Handle(r.Code, bob.Secret) || len(f.left) != 0 {
		t.Errorf("%s left, and %d others", handle, len(f.left))
	}
}
