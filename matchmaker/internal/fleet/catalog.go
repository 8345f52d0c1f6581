package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Errors of [Registry.Resolve].
var (
	ErrNoServer    = errors.New("no game server has registered yet; try again in a moment")
	ErrUnknownGame = errors.New("unknown game")
	ErrUnknownMode = errors.New("unknown mode")
)

// catalog has the games and modes that live servers host, and for [awayLasts] those
// whose last server has gone. Not safe for concurrent use; owned by the registry,
// under its lock.
type catalog struct{ games map[string]*hostedGame }

// hostedGame is a game as its servers describe it.
type hostedGame struct {
	info  *matchmakerv1.GameInfo // without modes
	modes []*hostedMode          // those of live servers first; never empty
}

// hostedMode is a mode as the server that has hosted it longest describes it.
type hostedMode struct {
	info *matchmakerv1.ModeInfo
	away time.Time // since when no live server hosts it; zero: one does
}

func newCatalog() catalog { return catalog{games: make(map[string]*hostedGame)} }

// rebuild makes the catalog that of the live servers, and keeps what has no server
// any more for a while.
func (c *catalog) rebuild(servers map[string]*server, now time.Time) {
	before := c.games
	c.games = make(map[string]*hostedGame, len(before))
	bySeniority := slices.SortedFunc(maps.Values(servers), func(a, b *server) int { return a.since.Compare(b.since) })
	for _, s := range bySeniority {
		for _, info := range s.games {
			g := c.game(info)
			for _, m := range info.GetModes() {
				if g.find(m.GetName()) == nil {
					g.modes = append(g.modes, &hostedMode{info: m})
				}
			}
		}
	}
	for _, old := range before {
		for _, m := range old.modes {
			if m.away.IsZero() {
				m = &hostedMode{info: m.info, away: now}
			}
			if now.Sub(m.away) >= awayLasts {
				continue
			}
			if g := c.game(old.info); g.find(m.info.GetName()) == nil {
				g.modes = append(g.modes, m)
			}
		}
	}
	maps.DeleteFunc(c.games, func(_ string, g *hostedGame) bool { return len(g.modes) == 0 })
}

func (c *catalog) game(info *matchmakerv1.GameInfo) *hostedGame {
	g := c.games[info.GetName()]
	if g == nil {
		g = &hostedGame{info: &matchmakerv1.GameInfo{Name: info.GetName(), Title: info.GetTitle(), Version: info.GetVersion()}}
		c.games[info.GetName()] = g
	}
	return g
}

// expire drops what has been away for too long.
func (c *catalog) expire(now time.Time) {
	maps.DeleteFunc(c.games, func(_ string, g *hostedGame) bool {
		g.modes = slices.DeleteFunc(g.modes, func(m *hostedMode) bool { return !m.away.IsZero() && now.Sub(m.away) >= awayLasts })
		return len(g.modes) == 0
	})
}

func (c *catalog) resolve(game, mode string) (ticket.Key, error) {
	if len(c.games) == 0 {
		return ticket.Key{}, ErrNoServer
	}
	if game == "" {
		if len(c.games) > 1 {
			return ticket.Key{}, fmt.Errorf("%w: several are hosted here, name one of %s", ErrUnknownGame, c.names())
		}
		for name := range c.games {
			game = name
		}
	}
	g := c.games[game]
	if g == nil {
		return ticket.Key{}, fmt.Errorf("%w %q; hosted here: %s", ErrUnknownGame, game, c.names())
	}
	if mode == "" {
		return ticket.Key{Game: game, Mode: g.modes[0].info.GetName()}, nil
	}
	if g.find(mode) == nil {
		names := make([]string, 0, len(g.modes))
		for _, m := range g.modes {
			names = append(names, m.info.GetName())
		}
		return ticket.Key{}, fmt.Errorf("%w %q of %s; it has: %s", ErrUnknownMode, mode, game, strings.Join(names, ", "))
	}
	return ticket.Key{Game: game, Mode: mode}, nil
}

func (c *catalog) names() string { return strings.Join(slices.Sorted(maps.Keys(c.games)), ", ") }

// mode returns nil for a mode that is not known.
func (c *catalog) mode(k ticket.Key) *hostedMode {
	if g := c.games[k.Game]; g != nil {
		return g.find(k.Mode)
	}
	return nil
}

// awayGames lists the modes without a live server. A game is away with its last mode.
func (c *catalog) awayGames() []*matchmakerv1.GameInfo {
	var list []*matchmakerv1.GameInfo
	for _, g := range c.games {
		info := proto.CloneOf(g.info)
		info.Away = true
		for _, m := range g.modes {
			if m.away.IsZero() {
				info.Away = false
				continue
			}
			mode := proto.CloneOf(m.info)
			mode.Away = true
			info.Modes = append(info.Modes, mode)
		}
		if len(info.GetModes()) > 0 {
			list = append(list, info)
		}
	}
	return list
}

func (g *hostedGame) find(mode string) *hostedMode {
	for _, m := range g.modes {
		if m.info.GetName() == mode {
			return m
		}
	}
	return nil
}

func (m *hostedMode) mode() *matchmakerv1.ModeInfo {
	if m == nil {
		return nil
	}
	return m.info
}

func findMode(g *matchmakerv1.GameInfo, name string) *matchmakerv1.ModeInfo {
	for _, m := range g.GetModes() {
		if m.GetName() == name {
			return m
		}
	}
	return nil
}

// Resolve finds the game and mode of a request. An empty game is the only one there
// is, an empty mode the game's first. Both are known for ten minutes longer than
// their servers are live.
func (r *Registry) Resolve(game, mode string) (ticket.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.catalog.expire(time.Now())
	return r.catalog.resolve(game, mode)
}

// Teams is how many teams a mode has, 0 where every player plays alone.
func (r *Registry) Teams(k ticket.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.catalog.mode(k).mode().GetTeams())
}

// Listing returns the text that players see for a mode, empty for a mode that is not
// known, and whether no live server hosts it.
func (r *Registry) Listing(k ticket.Key) (title string, away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.catalog.mode(k)
	return m.mode().GetTitle(), m == nil || !m.away.IsZero()
}

// Options returns the options of a mode, with the widest range of any live server's
// version. It returns nil when a server does not say which there are, as those of older
// releases: then the server alone can decide.
func (r *Registry) Options(k ticket.Key) []*matchmakerv1.OptionInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	var modes []*matchmakerv1.ModeInfo
	for _, s := range r.servers {
		if mode := findMode(s.games[k.Game], k.Mode); mode != nil {
			modes = append(modes, mode)
		}
	}
	if len(modes) == 0 {
		return r.catalog.mode(k).mode().GetOptions()
	}
	var all []*matchmakerv1.OptionInfo
	for _, mode := range modes {
		if len(mode.GetOptions()) == 0 {
			return nil
		}
		all = mergeOptions(all, mode.GetOptions())
	}
	return all
}

// mergeOptions widens the ranges of all by those of more.
func mergeOptions(all, more []*matchmakerv1.OptionInfo) []*matchmakerv1.OptionInfo {
	for _, o := range more {
		at := slices.IndexFunc(all, func(k *matchmakerv1.OptionInfo) bool { return k.GetName() == o.GetName() })
		switch {
		case at < 0:
			all = append(all, &matchmakerv1.OptionInfo{Name: o.GetName(), Value: o.GetValue(), Min: o.GetMin(), Max: o.GetMax()})
		case o.GetMin() >= o.GetMax(): // no range
		case all[at].GetMin() >= all[at].GetMax():
			all[at].Min, all[at].Max = o.GetMin(), o.GetMax()
		default:
			all[at].Min, all[at].Max = min(all[at].GetMin(), o.GetMin()), max(all[at].GetMax(), o.GetMax())
		}
	}
	return all
}

// Shape returns the seats and teams of a match of the mode, and the versions of the
// game in which live servers host it. While the mode is away, seats and teams are
// those of its last server.
func (r *Registry) Shape(k ticket.Key) (seats, teams int, versions []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.servers {
		mode := findMode(s.games[k.Game], k.Mode)
		if mode == nil {
			continue
		}
		seats, teams = max(seats, int(mode.GetMaxPlayers())), max(teams, int(mode.GetTeams()))
		if version := s.games[k.Game].GetVersion(); !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	if len(versions) == 0 {
		away := r.catalog.mode(k).mode()
		seats, teams = int(away.GetMaxPlayers()), int(away.GetTeams())
	}
	return seats, teams, versions
}
