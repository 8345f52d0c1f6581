package fleet

import (
	"cmp"
	"net"
	"sync/atomic"
	"time"

	"tactus/matchmaker/internal/quickplay"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// connection is the stream of a game server, and what was sent on it.
type connection struct {
	peer       net.Addr // its other end; nil: unknown
	features   []string // that hold on it
	out        chan *fleetv1.ConnectResponse
	gone       chan struct{} // closed at its end
	superseded bool          // by a newer one; set before gone is closed
	since      time.Time     // it is connected

	received     atomic.Uint64 // messages after Register
	lastReceived atomic.Int64  // when the last message came, by the steady clock
	// replicasVersion is that of the replicas it was sent.
	replicasVersion int
	bansVersion     uint64 // of the list of bans that it was sent; 0: none
	moderations     moderations
}

// server is a live game server. Its fields are guarded by the lock of the registry,
// where they change.
type server struct {
	connection
	id                string
	process           []byte // see fleetv1.Register; empty for earlier releases
	url               string
	follows           bool // the url's host is a guess; any host by which a player reached this machine is as good
	region            string
	games             map[string]*matchmakerv1.GameInfo
	maxMatches        int
	maxPlayers        int
	cpu               float64
	draining          bool
	full              bool
	unresponsiveSince time.Time
	matches           map[string]*match
	players           int // in all matches, seats asked for included
	seats             map[seatKey]*seat
	unsettled         []string // players with an eviction that could not be sent
	calls             map[string]*call
	clock             clockState
	clockAhead        time.Duration // of the clock here, if clockKnown
	clockKnown        bool
}

// send reports whether the message was queued; it never blocks.
func (c *connection) send(m *fleetv1.ConnectResponse) bool {
	select {
	case c.out <- m:
		return true
	default:
		return false
	}
}

func (s *server) view(version string, now time.Time, strikeLasts time.Duration) quickplay.Server {
	return quickplay.Server{
		ID:           s.id,
		Version:      version,
		Load:         s.load(),
		FreeMatches:  s.freeMatches(),
		FreePlayers:  s.freePlayers(),
		Draining:     s.draining || s.clock == clockWrong,
		Full:         s.full,
		Unresponsive: s.lastChoice(now, strikeLasts),
	}
}

// hasSeats reports whether a match can be opened, or an open one has free seats.
func (s *server) hasSeats() bool {
	if s.freePlayers() <= 0 {
		return false
	}
	if !s.full && s.freeMatches() > 0 {
		return true
	}
	for _, m := range s.matches {
		if m.confirmed && !m.private && (m.open || m.backfill) && m.players+m.held < m.seats {
			return true
		}
	}
	return false
}

func (s *server) freeMatches() int { return cmp.Or(s.maxMatches, unlimitedMatches) - len(s.matches) }

func (s *server) freePlayers() int { return cmp.Or(s.maxPlayers, unlimitedPlayers) - s.players }

// filled is the share of its limits that the server has reached, of matches or of
// players: the greater of the two.
func (s *server) filled() float64 {
	return max(float64(len(s.matches))/float64(cmp.Or(s.maxMatches, unlimitedMatches)),
		float64(s.players)/float64(cmp.Or(s.maxPlayers, unlimitedPlayers)))
}

func (s *server) load() float64 {
	if s.cpu > busyCPU {
		return max(s.filled(), s.cpu)
	}
	return s.filled()
}

func (s *server) isUnresponsive(now time.Time, lasts time.Duration) bool {
	return !s.unresponsiveSince.IsZero() && now.Sub(s.unresponsiveSince) < lasts
}

// lastChoice reports whether the server gets players only where no other server can.
func (s *server) lastChoice(now time.Time, strikeLasts time.Duration) bool {
	return s.clock != clockGood || s.isUnresponsive(now, strikeLasts)
}

// forgetAbandoned drops calls that were given up so long ago that the server has
// freed their seats by itself.
func (s *server) forgetAbandoned() {
	for id, c := range s.calls {
		if !c.abandoned.IsZero() && time.Since(c.abandoned) > time.Minute {
			delete(s.calls, id)
		}
	}
}
