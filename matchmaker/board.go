package matchmaker

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/store"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	boardSubject  = "queues"
	boardInterval = time.Second
	boardAge      = 5 * time.Second // without news a replica's queues are not shown
)

// board shows the queues of all replicas: each tells its own once a second.
type board struct {
	id  string
	own func(owner string) []queue.Stats
	log *zap.Logger

	mu     sync.Mutex
	others map[string]notice // by replica
}

// notice is what one replica tells.
type notice struct {
	From   string
	Queues []queue.Stats
	at     time.Time
}

func newBoard(id string, own func(string) []queue.Stats, log *zap.Logger) *board {
	return &board{id: id, own: own, log: log, others: make(map[string]notice)}
}

func (b *board) run(ctx context.Context, s *store.Store) error {
	unsubscribe, err := s.Subscribe(boardSubject, b.hear)
	if err != nil {
		return err
	}
	defer unsubscribe()
	tick := time.NewTicker(boardInterval)
	defer tick.Stop()
	for {
		data, err := json.Marshal(notice{From: b.id, Queues: b.own(b.id)})
		if err == nil {
			err = s.Publish(boardSubject, data)
		}
		if err != nil {
			b.log.Debug("queues not told to the other matchmakers", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *board) hear(data []byte) {
	var n notice
	if err := json.Unmarshal(data, &n); err != nil || n.From == b.id {
		return
	}
	n.at = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others[n.From] = n
}

// queues lists the queues that any replica owns, by name.
func (b *board) queues() []queue.Stats {
	list := b.own(b.id)
	b.mu.Lock()
	defer b.mu.Unlock()
	for from, n := range b.others {
		if time.Since(n.at) > boardAge {
			delete(b.others, from)
			continue
		}
		for _, q := range n.Queues {
			if !slices.ContainsFunc(list, func(o queue.Stats) bool { return o.Name == q.Name }) {
				list = append(list, q)
			}
		}
	}
	slices.SortFunc(list, func(a, b queue.Stats) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (s *service) ListQueues(context.Context, *matchmakerv1.ListQueuesRequest) (*matchmakerv1.ListQueuesResponse, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	live := s.board.queues()
	res := &matchmakerv1.ListQueuesResponse{}
	for _, name := range s.catalog.names() {
		info := s.queueInfo(name)
		if at := slices.IndexFunc(live, func(q queue.Stats) bool { return q.Name == name }); at >= 0 {
			info.Searching = uint32(live[at].Players)
			info.WaitP50Ms, info.WaitP90Ms = milliseconds(live[at].P50), milliseconds(live[at].P90)
		}
		res.Queues = append(res.Queues, info)
	}
	return res, nil
}

func (s *service) queueInfo(name string) *matchmakerv1.QueueInfo {
	r, _ := s.catalog.lookup(name)
	info := &matchmakerv1.QueueInfo{Name: name, Game: r.Key.Game, Mode: r.Key.Mode, Rated: s.catalog.rated(name)}
	if q := r.Queue; q != nil {
		info.Title = q.Title
		info.RulesVersion, info.Accept = q.Version, q.Accept != nil
		info.Teams, info.TeamMin, info.TeamMax = uint32(q.Teams.Count), uint32(q.Teams.Min), uint32(q.Teams.Max)
		info.PartyMax = uint32(q.Party.Max)
		return info
	}
	info.Title = s.fleet.Title(r.Key)
	seats, _, _ := s.fleet.Shape(r.Key)
	info.Teams, info.TeamMin, info.TeamMax = 1, 1, uint32(seats)
	info.PartyMax = uint32(s.mostTogether(r.Key))
	return info
}
