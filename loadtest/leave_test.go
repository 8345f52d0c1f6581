package loadtest

import (
	"context"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/protocol"
)

// heldSeats returns how many seats no player has left.
func (s *fakeServer) heldSeats() int {
	s.seats.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// A test that ends at any moment frees every seat, also those of bots that are joining
// or resuming.
func TestRun_leavesNoSeatBehind(t *testing.T) {
	t.Parallel()
	const joining = "joining"
	for name, rules := range map[string]fakeRules{
		"playing":  {},
		joining:    {},
		"resuming": {closeAt: 1, closeWith: protocol.CloseRestart},
		"lost":     {closeAt: 1},
	} {
		for path, portable := range map[string]bool{"descriptors": false, "streams": true} {
			t.Run(name+", "+path, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
				defer cancel()
				rules := rules
				if name == joining {
					rules.welcome = ctx.Done()
				}
				s := newFakeServer(t, rules)
				r := newRun(quickConfig(s).withDefaults(), zap.NewNop(), nil)
				if portable {
					for _, b := range r.bots {
						b.engine = r.portable
					}
				}
				// Interrupted before it could measure anything, which is an error.
				_, _ = r.execute(ctx)
				if n := s.heldSeats(); n != 0 {
					t.Errorf("%d seats are held for players who do not come back", n)
				}
			})
		}
	}
}

// Players that are removed and find no other match count as unavailable to the end.
func TestRun_countsRemovedPlayersAsUnavailable(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t, fakeRules{closeAt: 4, closeWith: protocol.CloseKicked, once: true})
	c := quickConfig(s)
	c.Duration = 2 * time.Second
	c.Thresholds = []string{"unavailable==0"}
	r := mustRun(t, c)
	if r.Clients != 8 || r.UnavailableClients != 8 || r.UnavailableS < 8 || r.Delivered > 0.5 || !r.Failed {
		t.Errorf("%d clients, %d of them unavailable for %v s, delivered %v, failed %v; want 8, 8 and most of the time",
			r.Clients, r.UnavailableClients, r.UnavailableS, r.Delivered, r.Failed)
	}
}
