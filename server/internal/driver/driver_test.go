package driver

import (
	"context"
	"testing"
	"time"

	"tactus/game"
	"tactus/server/internal/match"
)

func TestDriver_publishesBeforeItAnswersAReservation(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	var people int
	if !h.d.post(func(now int64) {
		if _, err := h.d.reserve(now, []match.Request{{Player: "ann", Team: -1, Reservation: "r"}}, int64(time.Minute)); err != nil {
			t.Error(err)
		}
		people = h.d.Status().People
	}) {
		t.Fatal("a new match accepts no requests")
	}
	h.tick(1)
	h.want("the reservation in the status when its answer comes", people == 1)
}

func TestDriver_freesTheSeatsOfACancelledReservation(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.d.Reserve(ctx, []match.Request{{Player: "ann", Team: -1, Reservation: "r"}}, int64(time.Minute)); err == nil {
		t.Fatal("a cancelled reservation is answered")
	}
	h.tick(1)
	h.want("no seat kept", h.d.Status().People == 0)
}

func TestDriver_keepsTheStatusOfAnEndedMatch(t *testing.T) {
	h := newHarness(t, game.Mode{MaxPlayers: 4})
	h.join("ann")
	h.d.Stop(match.EndShutdown)
	h.run(context.Background())
	h.want("the last status", h.d.Status() != nil && h.d.Status().ID == "match" && h.d.Status().People == 1)
	select {
	case <-h.d.Done():
	default:
		t.Error("an ended match is not done")
	}
}
