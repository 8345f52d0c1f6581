package fleet

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
	"tactus/matchmaker/internal/ticket"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func hosting(id, version string, modes ...string) *fleetv1.Register {
	reg := register(id)
	reg.Games[0].Version, reg.Games[0].Modes = version, nil
	for _, m := range modes {
		reg.Games[0].Modes = append(reg.Games[0].Modes, &matchmakerv1.ModeInfo{Name: m, Title: m + " of " + version, MaxPlayers: 8})
	}
	return reg
}

// listed is what ListGames would show.
func listed(r *Registry) string {
	var list []string
	for _, g := range r.Games() {
		text := fmt.Sprintf("%s %s", g.GetName(), g.GetVersion())
		if g.GetAway() {
			text += " away"
		}
		for _, m := range g.GetModes() {
			text += " " + m.GetName()
			if m.GetAway() {
				text += "(away)"
			}
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestCatalog_stoppedCanaryTakesNoModesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		defer r.Stop()
		add(r, hosting("stable", "1", "ffa", "duel"), nil)
		testtime.Sleep(time.Second)
		canary := add(r, hosting("canary", "2", "ffa", "siege"), nil)
		check := func(when, mode string, want error) {
			t.Helper()
			if _, err := r.Resolve("arena", mode); !errors.Is(err, want) {
				t.Errorf("%s: %s is %v, want %v", when, mode, err, want)
			}
		}
		check("with the canary", "duel", nil)
		check("with the canary", "siege", nil)
		if title, _ := r.Listing(ffa); title != "ffa of 1" {
			t.Errorf("the canary renames a mode of others: %q", title)
		}
		r.disconnect(canary)
		check("without the canary", "duel", nil)
		check("without the canary", "siege", nil) // its server may be restarting
		if got := listed(r); got != "arena 1 ffa duel siege(away)" {
			t.Errorf("listed as %s", got)
		}
		testtime.Sleep(awayLasts - time.Second)
		check("before ten minutes", "siege", nil)
		testtime.Sleep(time.Second)
		check("after ten minutes", "siege", ErrUnknownMode)
		check("after ten minutes", "duel", nil)
		if got := listed(r); got != "arena 1 ffa duel" {
			t.Errorf("then listed as %s", got)
		}
	})
}

func TestCatalog_keepsModesOfARestartedServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRegistry()
		defer r.Stop()
		only := add(r, hosting("s1", "1", "ffa", "duel"), nil)
		r.disconnect(only)
		if got := listed(r); got != "arena 1 away ffa(away) duel(away)" || !away(r, ffa) {
			t.Errorf("listed as %s", got)
		}
		if k, err := r.Resolve("", ""); err != nil || k != ffa {
			t.Errorf("the only game: %v %v", k, err)
		}
		if seats, _, versions := r.Shape(ffa); seats != 8 || len(versions) != 0 {
			t.Errorf("%d seats, versions %v", seats, versions)
		}
		testtime.Sleep(awayLasts - time.Second)
		back := add(r, hosting("s1", "2", "ffa"), nil)
		if got := listed(r); got != "arena 2 ffa duel(away)" || away(r, ffa) || !away(r, ticket.Key{Game: "arena", Mode: "duel"}) {
			t.Errorf("listed as %s", got)
		}
		testtime.Sleep(time.Second)
		if got := listed(r); got != "arena 2 ffa" {
			t.Errorf("after ten minutes listed as %s", got)
		}
		r.disconnect(back)
		testtime.Sleep(awayLasts)
		if _, err := r.Resolve("arena", "ffa"); !errors.Is(err, ErrNoServer) || listed(r) != "" {
			t.Errorf("long after the last server: %v, %s", err, listed(r))
		}
	})
}

func away(r *Registry, k ticket.Key) bool {
	_, away := r.Listing(k)
	return away
}
