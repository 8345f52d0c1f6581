package fleet

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Errors of [Registry.Resolve].
var (
	ErrNoServer    = errors.New("no game server has registered yet; try again in a moment")
	ErrUnknownGame = errors.New("unknown game")
	ErrUnknownMode = errors.New("unknown mode")
)

// games are all games that servers have reported since the start, by name. Not safe
// for concurrent use; owned by the registry, under its lock.
type games map[string]*matchmakerv1.GameInfo

func (g games) resolve(game, mode string) (ticket.Key, error) {
	if len(g) == 0 {
		return ticket.Key{}, ErrNoServer
	}
	if game == "" {
		if len(g) > 1 {
			return ticket.Key{}, fmt.Errorf("%w: several are hosted here, name one of %s", ErrUnknownGame, g.names())
		}
		for name := range g {
			game = name
		}
	}
	info := g[game]
	if info == nil {
		return ticket.Key{}, fmt.Errorf("%w %q; hosted here: %s", ErrUnknownGame, game, g.names())
	}
	if mode == "" {
		return ticket.Key{Game: game, Mode: info.GetModes()[0].GetName()}, nil
	}
	if findMode(info, mode) == nil {
		names := make([]string, 0, len(info.GetModes()))
		for _, m := range info.GetModes() {
			names = append(names, m.GetName())
		}
		return ticket.Key{}, fmt.Errorf("%w %q of %s; it has: %s", ErrUnknownMode, mode, game, strings.Join(names, ", "))
	}
	return ticket.Key{Game: game, Mode: mode}, nil
}

func (g games) names() string { return strings.Join(slices.Sorted(maps.Keys(g)), ", ") }

// mode returns nil for a mode that no server has reported.
func (g games) mode(k ticket.Key) *matchmakerv1.ModeInfo { return findMode(g[k.Game], k.Mode) }

func findMode(g *matchmakerv1.GameInfo, name string) *matchmakerv1.ModeInfo {
	for _, m := range g.GetModes() {
		if m.GetName() == name {
			return m
		}
	}
	return nil
}

// Resolve finds the game and mode of a request. An empty game is the only one there
// is, an empty mode the game's first. A game is known also while all its servers are
// away.
func (r *Registry) Resolve(game, mode string) (ticket.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.games.resolve(game, mode)
}

// Teams is how many teams a mode has, 0 where every player plays alone.
func (r *Registry) Teams(k ticket.Key) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int(r.games.mode(k).GetTeams())
}

// Title is the text that players see for a mode, empty when no server has reported
// the mode.
func (r *Registry) Title(k ticket.Key) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.games.mode(k).GetTitle()
}

// Shape returns the seats and teams of a match of the mode, and the versions of the
// game in which live servers host it.
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
	return seats, teams, versions
}
