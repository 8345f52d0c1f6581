package matchmaker

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/room"
)

// A match that no server tells of any more is over.
func TestKeeperEndsMatchesThatAreGone(t *testing.T) {
	mm, err := New(Config{InternalListener: bufconn.Listen(1 << 16)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- mm.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	<-mm.Ready()
	s := mm.service
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
	for {
		r, err := s.rooms.Get(ctx, playing.Code)
		if err != nil {
			t.Fatal(err)
		}
		if r.Match == "" {
			if len(r.Members) != 1 || r.Number != 3 {
				t.Errorf("room %v", r)
			}
			break
		}
		time.Sleep(time.Millisecond) // it is done in the background
	}
}
