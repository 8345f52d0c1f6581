package seating

import "testing"

// TestState_transitions holds the table of states: a seat's state, what happens,
// and the state that follows, the same where the event is not possible.
func TestState_transitions(t *testing.T) {
	type row [leave + 1]State
	for state, want := range map[State]row{
		//          reserve    release    claim      resume     disconnect leave
		Free:      {Reserved, Free, Free, Free, Free, Free},
		Reserved:  {Reserved, Free, Connected, Reserved, Reserved, Free},
		Connected: {Connected, Connected, Connected, Connected, Dropped, Free},
		Dropped:   {Dropped, Dropped, Connected, Connected, Dropped, Free},
	} {
		for e := range leave + 1 {
			got := state
			possible := got.on(e)
			if got != want[e] || got != state && !possible {
				t.Errorf("state %d, event %d: state %d, want %d", state, e, got, want[e])
			}
		}
	}
}
