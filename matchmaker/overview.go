package matchmaker

import (
	"time"

	"tactus/matchmaker/internal/fleet"
)

// Overview is what an operator sees: the queues of all replicas and the game
// servers.
type Overview struct {
	ID       string // of this matchmaker
	Replicas []Replica
	Queues   []QueueState
	Servers  []ServerState
}

// Replica is a live matchmaker.
type Replica struct {
	ID      string
	Address string
}

// QueueState is a queue as its owner sees it. A queue has an owner since its first
// search.
type QueueState struct {
	Name         string
	Game, Mode   string
	RulesVersion string // empty: quick play
	Owner        string // id of the replica
	Searching    int    // players
	Entered      uint64 // tickets, since the owner owns it
	Matched      uint64
	WaitP50      time.Duration
	WaitP90      time.Duration
	Cycle        time.Duration // the last one's
}

// ServerState is a live game server.
type ServerState = fleet.ServerInfo

// Overview returns the present state. It is empty until Run serves.
func (m *Matchmaker) Overview() Overview {
	o := Overview{ID: m.cfg.ID, Queues: []QueueState{}, Servers: m.fleet.Servers(), Replicas: []Replica{}}
	if m.state.Load() != stateRunning {
		return o
	}
	for _, member := range m.cluster.Members().Live() {
		o.Replicas = append(o.Replicas, Replica{ID: member.ID, Address: member.Address})
	}
	for _, q := range m.stats.Queues() {
		o.Queues = append(o.Queues, QueueState{
			Name: q.Name, Game: q.Key.Game, Mode: q.Key.Mode, RulesVersion: q.RulesVersion, Owner: q.Owner,
			Searching: q.Players, Entered: q.Entered, Matched: q.Matched,
			WaitP50: q.P50, WaitP90: q.P90, Cycle: q.Cycle,
		})
	}
	return o
}
