// Package catalog knows which queues exist: those with rules of their own, and
// quick play of every mode that a game server hosts, which is called game/mode.
package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/fleet"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	"tactus/matchmaker/matchfunc"
)

// Catalog finds queues and their rules by name. It is safe for concurrent use.
type Catalog struct {
	fleet     *fleet.Registry
	functions map[string]matchfunc.Func

	mu    sync.Mutex
	ruled map[string]*queue.Rules
	quick map[string]*queue.Rules
}

// New makes a catalog without rules. Rules may name the functions.
func New(f *fleet.Registry, functions map[string]matchfunc.Func) *Catalog {
	return &Catalog{fleet: f, functions: functions, ruled: make(map[string]*queue.Rules), quick: make(map[string]*queue.Rules)}
}

// QuickPlay is the name of the queue that quick play of a mode has.
func QuickPlay(k ticket.Key) string { return k.Game + "/" + k.Mode }

// Replace replaces all queues with rules. When there is a mistake in any of them,
// it changes nothing and returns all mistakes. Rules that have not changed keep
// their pointer.
func (c *Catalog) Replace(list []*rules.Queue) error {
	next := make(map[string]*queue.Rules, len(list))
	var errs []error
	for _, q := range list {
		r := &queue.Rules{Key: ticket.Key{Game: q.Game, Mode: q.Mode}, Queue: q}
		if q.Function != "" {
			if r.Function = c.functions[q.Function]; r.Function == nil {
				errs = append(errs, fmt.Errorf("queue %s: function %q is not registered; there are: %s", q.Name, q.Function,
					cmp.Or(strings.Join(slices.Sorted(maps.Keys(c.functions)), ", "), "none")))
			}
		}
		if next[q.Name] != nil {
			errs = append(errs, fmt.Errorf("duplicate queue %q", q.Name))
		}
		next[q.Name] = r
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, r := range next {
		if old := c.ruled[name]; old != nil && old.Queue.Version == r.Queue.Version {
			next[name] = old
		}
	}
	c.ruled = next
	return nil
}

// Lookup returns the rules of a queue. It also finds quick play of a mode that no
// server has reported yet, because another matchmaker may know that mode.
func (c *Catalog) Lookup(name string) (*queue.Rules, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.ruled[name]; r != nil {
		return r, true
	}
	game, mode, ok := strings.Cut(name, "/")
	if !ok || game == "" || mode == "" || strings.Contains(mode, "/") {
		return nil, false
	}
	r := c.quick[name]
	if r == nil {
		r = &queue.Rules{Key: ticket.Key{Game: game, Mode: mode}}
		c.quick[name] = r
	}
	return r, true
}

// Version is the version of a queue's rules, empty for quick play.
func (c *Catalog) Version(name string) string {
	if r, ok := c.Lookup(name); ok && r.Queue != nil {
		return r.Queue.Version
	}
	return ""
}

// Rated reports whether the results of a queue change ratings. Those of quick play
// do.
func (c *Catalog) Rated(name string) bool {
	r, ok := c.Lookup(name)
	return ok && (r.Queue == nil || r.Queue.Rated)
}

// Hosted reports whether this matchmaker itself knows the queue: it has rules, or a
// server hosts its mode.
func (c *Catalog) Hosted(name string) bool {
	c.mu.Lock()
	ruled := c.ruled[name] != nil
	c.mu.Unlock()
	if ruled {
		return true
	}
	game, mode, _ := strings.Cut(name, "/")
	if game == "" || mode == "" {
		return false
	}
	_, err := c.fleet.Resolve(game, mode)
	return err == nil
}

// Names lists all queues, those with rules first.
func (c *Catalog) Names() []string {
	c.mu.Lock()
	names := slices.Sorted(maps.Keys(c.ruled))
	c.mu.Unlock()
	for _, g := range c.fleet.Games() {
		for _, m := range g.GetModes() {
			name := g.GetName() + "/" + m.GetName()
			if !slices.Contains(names, name) { // several versions may host it
				names = append(names, name)
			}
		}
	}
	return names
}

// Resolve finds the queue of a request, by its name or by game and mode. A mode's
// only queue with rules comes before quick play. The error is a failure.
func (c *Catalog) Resolve(name, game, mode string) (string, *queue.Rules, error) {
	if name != "" {
		if !c.Hosted(name) {
			return "", nil, c.Missing(name)
		}
		r, _ := c.Lookup(name)
		return name, r, nil
	}
	k, err := c.ResolveMode(game, mode)
	if err != nil {
		return "", nil, err
	}
	switch ruled := c.ruledFor(k); len(ruled) {
	case 0:
		r, _ := c.Lookup(QuickPlay(k))
		return QuickPlay(k), r, nil
	case 1:
		r, _ := c.Lookup(ruled[0])
		return ruled[0], r, nil
	default:
		return "", nil, failure.Newf(failure.UnknownQueue, "%s %s has several queues: %s", k.Game, k.Mode, strings.Join(ruled, ", ")).
			Field("queue", "the name of one of them")
	}
}

// ResolveMode finds the game and mode of a request, where an empty name stands for
// the only game, or the game's first mode. The error is a failure.
func (c *Catalog) ResolveMode(game, mode string) (ticket.Key, error) {
	k, err := c.fleet.Resolve(game, mode)
	switch {
	case err == nil:
		return k, nil
	case errors.Is(err, fleet.ErrNoServer):
		return k, failure.New(failure.NoServer)
	case errors.Is(err, fleet.ErrUnknownMode) && game != "":
		return k, failure.Newf(failure.UnknownMode, "%s", err.Error()).Field("mode", "a mode of the game")
	}
	return k, failure.Newf(failure.UnknownGame, "%s", err.Error()).Field("game", "a game that is hosted here")
}

// Missing is the failure of a request for a queue that does not exist. Until a
// server has registered, the name may be quick play of one of its modes.
func (c *Catalog) Missing(name string) error {
	if game, mode, quick := strings.Cut(name, "/"); quick {
		if _, err := c.fleet.Resolve(game, mode); errors.Is(err, fleet.ErrNoServer) {
			return failure.New(failure.NoServer)
		}
	}
	return failure.Newf(failure.UnknownQueue, "there is no queue %q; there are: %s", name, strings.Join(c.Names(), ", ")).
		Field("queue", "the name of a queue, see ListQueues")
}

func (c *Catalog) ruledFor(k ticket.Key) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, r := range c.ruled {
		if r.Key == k {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
