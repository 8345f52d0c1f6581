package session

import (
	"testing"
	"time"

	"tactus/server/internal/replicate"
)

type upToDate bool

func (u upToDate) UpToDate(*replicate.View) bool { return bool(u) }

func TestSession_Next(t *testing.T) {
	const pace = 7
	later := func(s *Session, d time.Duration) { s.shared.Now += int64(d) }
	for name, c := range map[string]struct {
		prepare func(*Session)
		changes bool
		result  bool
		pace    int64
		want    Action
	}{
		"changes":               {changes: true, want: SendSnapshot},
		"no changes":            {want: NothingNew},
		"another pace":          {pace: 1, want: SendSnapshot},
		"a result":              {result: true, want: SendSnapshot},
		"a result that is sent": {result: true, prepare: func(s *Session) { s.progress.resultSent = true }, want: NothingNew},
		"an active player":      {prepare: func(s *Session) { s.activity.record(s.shared.Now, 20) }, want: SendSnapshot},
		"a reliable message":    {prepare: func(s *Session) { s.reliable.bytes = []byte{1} }, want: SendSnapshot},
		"a heartbeat":           {prepare: func(s *Session) { s.link.lastPing = s.shared.Now }, want: SendSnapshot},
		"a long silence":        {prepare: func(s *Session) { later(s, snapshotEvery) }, want: SendSnapshot},
		"a steady sender":       {changes: true, prepare: func(s *Session) { s.activity.steady = true }, want: SendSnapshot},
		"a steady sender that stopped": {
			changes: true, want: SkipStalled,
			prepare: func(s *Session) { s.activity.steady = true; later(s, stallAfter+1) },
		},
		"an overflow": {changes: true, prepare: func(s *Session) { s.reliable.own = maxReliable + 1 }, want: CloseSlow},
		"a long welcome": {
			prepare: func(s *Session) { s.reliable.bytes = make([]byte, maxReliable+1) }, want: SendSnapshot,
		},
		"a part of the roster": {
			prepare: func(s *Session) { s.backlog = &backlog{behind: true, part: make([]byte, maxReliable+1)} }, want: SendSnapshot,
		},
		"the roster to come": {prepare: func(s *Session) { s.backlog = &backlog{behind: true} }, want: NothingNew},
		"a long result":      {prepare: func(s *Session) { s.QueueResult(make([]byte, maxReliable+1)) }, want: SendSnapshot},
		"a notice": {prepare: func(s *Session) {
			s.shared.Notices = &TextLog{}
			s.shared.Notices.Add([]byte{1}, s.shared.Now)
		}, want: SendSnapshot},
		"a text that must wait for the roster": {prepare: func(s *Session) {
			s.shared.Chat = &TextLog{}
			s.shared.Chat.Add([]byte{1}, s.shared.Now)
			s.backlog = &backlog{behind: true}
		}, want: NothingNew},
	} {
		s := New(&Shared{Now: int64(time.Hour), Rate: 20, Tallies: []*Tally{{}}}, 0)
		s.link.lastReceived, s.progress.lastSnapshot, s.progress.pace = s.shared.Now, s.shared.Now, pace
		if c.prepare != nil {
			c.prepare(&s)
		}
		if c.pace == 0 {
			c.pace = pace
		}
		s.shared.Pace = c.pace
		tally := s.tally()
		if got := s.Next(c.result, upToDate(!c.changes)); got != c.want || tally.actions[c.want] != 1 || (len(tally.Lost) == 1) != (got == CloseSlow) {
			t.Errorf("%s: action %d, want %d, noted %+v", name, got, c.want, tally)
		}
	}
}
