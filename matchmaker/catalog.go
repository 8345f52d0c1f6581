package matchmaker

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

// catalog knows the queues there are: those with rules of their own, and quick
// play of every mode that a server hosts, which is called game/mode.
type catalog struct {
	fleet     *fleet.Registry
	functions map[string]matchfunc.Func

	mu    sync.Mutex
	ruled map[string]*queue.Rules
	quick map[string]*queue.Rules
}

func newCatalog(f *fleet.Registry, functions map[string]matchfunc.Func) *catalog {
	return &catalog{fleet: f, functions: functions, ruled: make(map[string]*queue.Rules), quick: make(map[string]*queue.Rules)}
}

// set replaces all queues with rules, or none of them when there is a mistake.
// Rules that have not changed stay the same.
func (c *catalog) set(list []*rules.Queue) error {
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
			errs = append(errs, fmt.Errorf("queue %s is there twice", q.Name))
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

// lookup finds a queue by its name. Quick play of a mode that no server has
// told of yet is found too: another matchmaker may know it.
func (c *catalog) lookup(name string) (*queue.Rules, bool) {
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

// version names the rules of a queue, if it has any.
func (c *catalog) version(name string) string {
	if r, ok := c.lookup(name); ok && r.Queue != nil {
		return r.Queue.Version
	}
	return ""
}

// hosted reports whether the queue is one that this matchmaker itself knows of.
func (c *catalog) hosted(name string) bool {
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

// quickName is the name of quick play of a mode.
func quickName(k ticket.Key) string { return k.Game + "/" + k.Mode }

// resolve finds the queue that a player asks for: by its name, or by game and
// mode, where the mode's one queue with rules comes before quick play.
func (c *catalog) resolve(name, game, mode string) (string, *queue.Rules, error) {
	if name != "" {
		if !c.hosted(name) {
			return "", nil, c.missing(name)
		}
		r, _ := c.lookup(name)
		return name, r, nil
	}
	k, err := c.fleet.Resolve(game, mode)
	if err != nil {
		return "", nil, resolveError(err, game, mode)
	}
	switch ruled := c.ruledFor(k); len(ruled) {
	case 0:
		r, _ := c.lookup(quickName(k))
		return quickName(k), r, nil
	case 1:
		r, _ := c.lookup(ruled[0])
		return ruled[0], r, nil
	default:
		return "", nil, failure.Newf(failure.UnknownQueue, "%s %s has several queues: %s", k.Game, k.Mode, strings.Join(ruled, ", ")).
			Field("queue", "the name of one of them")
	}
}

// missing says why there is no queue of this name. As long as no server has told
// of its games, it can be quick play of one of them.
func (c *catalog) missing(name string) error {
	if game, mode, quick := strings.Cut(name, "/"); quick {
		if _, err := c.fleet.Resolve(game, mode); errors.Is(err, fleet.ErrNoServer) {
			return failure.New(failure.NoServer)
		}
	}
	return failure.Newf(failure.UnknownQueue, "there is no queue %q; there are: %s", name, strings.Join(c.names(), ", ")).
		Field("queue", "the name of a queue, see ListQueues")
}

func (c *catalog) ruledFor(k ticket.Key) []string {
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

// names lists all queues, those with rules first.
func (c *catalog) names() []string {
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

// rated reports whether a queue's results change ratings: quick play's do.
func (c *catalog) rated(name string) bool {
	r, ok := c.lookup(name)
	return ok && (r.Queue == nil || r.Queue.Rated)
}

func resolveError(err error, game, mode string) error {
	switch {
	case errors.Is(err, fleet.ErrNoServer):
		return failure.New(failure.NoServer)
	case game != "" && mode != "" && strings.Contains(err.Error(), "mode"):
		return failure.Newf(failure.UnknownMode, "%s", err.Error()).Field("mode", "a mode of the game")
	}
	return failure.Newf(failure.UnknownGame, "%s", err.Error()).Field("game", "a game that is hosted here")
}
