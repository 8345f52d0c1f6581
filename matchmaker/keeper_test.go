package matchmaker

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/room"
)

// running is the service of a matchmaker.
func running(t *testing.T) *service {
	t.Helper()
	mm, err := New(Config{InternalListener: bufconn.Listen(1 << 16)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mm.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-mm.Ready()
	return mm.service
}

// ends waits until a room's match is over.
func ends(t *testing.T, s *service, code string) *room.Room {
	t.Helper()
	for {
		r, err := s.rooms.Get(t.Context(), code)
		if err != nil {
			t.Fatal(err)
		}
		if r.Match == "" {
			return r
		}
		time.Sleep(time.Millisecond) // it is done in the background
	}
}

// A match that no server tells of any more is over.
func TestKeeperEndsMatchesThatAreGone(t *testing.T) {
	s, ctx := running(t), t.Context()
	began := time.Now().Add(-time.Hour)
	ann := membership.NewMember("ann", "Ann", "")
	playing := &room.Room{Game: "arena", Mode: "ffa", Seats: 4, Number: 3, Match: "room-abcdef-3", Began: began}
	playing.Code, playing.Members = "ABCDEF", []membership.Member{ann}
	if err := s.rooms.CreateAs(ctx, playing); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(s) // of its own, whose time is the test's
	k.sawRoom(playing.Code, playing)
	now, mono := time.Now(), int64(1)
	k.look(now, mono)
	k.look(now, mono+int64(matchGone))
	if r, err := s.rooms.Get(ctx, playing.Code); err != nil || r.Match == "" {
		t.Fatalf("over too soon: %v %v", r, err)
	}
	k.look(now, mono+int64(matchGone)+1)
	if r := ends(t, s, playing.Code); len(r.Members) != 1 || r.Number != 3 {
		t.Errorf("room %v", r)
	}
}

// The process that opened a match was killed meanwhile.
func TestKeeperEndsMatchesThatNobodyOpensAnyMore(t *testing.T) {
	s, ctx := running(t), t.Context()
	opening := &room.Room{Game: "arena", Mode: "ffa", Seats: 4}
	opening.Code = "ABCDEF"
	opening.Begin(time.Now())
	if err := s.rooms.CreateAs(ctx, opening); err != nil {
		t.Fatal(err)
	}
	k := newKeeper(s)
	k.sawRoom(opening.Code, opening)
	k.look(opening.Began.Add(14*time.Second), 1)
	if r, err := s.rooms.Get(ctx, opening.Code); err != nil || r.Match == "" {
		t.Fatalf("over too soon: %v %v", r, err)
	}
	k.look(opening.Began.Add(21*time.Second), 2)
	ends(t, s, opening.Code)
}
