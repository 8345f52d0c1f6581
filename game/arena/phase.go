package arena

import (
	"cmp"
	"slices"

	"tactus/game"
)

// advancePhase starts the warm-up with the first ship and the match after it.
func (w *world) advancePhase(t game.Tick) {
	m := w.match
	if m.Phase != PhaseWarmUp {
		return
	}
	if m.EndsAt == 0 && w.ships.Len() > 0 {
		m.EndsAt = t + game.Tick(w.warmUp*rate)
	}
	if m.EndsAt == 0 || t < m.EndsAt {
		return
	}
	m.Phase, m.EndsAt = PhasePlaying, 0
	if w.seconds > 0 {
		m.EndsAt = t + game.Tick(w.seconds*rate)
	}
	for i := range w.projectiles.High() {
		if e, _ := w.projectiles.At(i); e != game.NoEntity {
			w.projectiles.Despawn(e)
		}
	}
}

// endMatch ends the match when its time or the kills are up.
func (w *world) endMatch(t game.Tick) {
	m := w.match
	if m.Phase != PhasePlaying {
		return
	}
	if m.EndsAt != 0 && t >= m.EndsAt || m.KillLimit > 0 && w.mostKills() >= m.KillLimit {
		m.Phase, m.EndsAt = PhaseOver, t
	}
}

func (w *world) mostKills() int32 {
	if w.match.Teams > 0 {
		return max(w.match.TeamKills[0], w.match.TeamKills[1])
	}
	most := int32(0)
	for i := range w.scores.High() {
		if _, s := w.scores.At(i); s != nil {
			most = max(most, s.Kills)
		}
	}
	return most
}

// Outcome ranks by score, with teams by the team's score; equal scores share a
// rank.
func (w *world) Outcome() (game.Outcome, bool) {
	w.results = w.results[:0]
	for i := range w.scores.High() {
		if _, s := w.scores.At(i); s != nil {
			w.results = append(w.results, game.Result{Slot: s.Slot, Team: s.Side, Score: s.Score})
		}
	}
	slices.SortFunc(w.results, func(a, b game.Result) int {
		return cmp.Or(cmp.Compare(w.standing(b), w.standing(a)), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Slot, b.Slot))
	})
	for i := range w.results {
		w.results[i].Rank = int32(i) + 1
		if i > 0 && w.standing(w.results[i]) == w.standing(w.results[i-1]) {
			w.results[i].Rank = w.results[i-1].Rank
		}
	}
	return game.Outcome{Results: w.results}, w.match.Phase == PhaseOver
}

// standing is what a player is ranked by.
func (w *world) standing(r game.Result) int32 {
	if r.Team >= 0 {
		return w.match.TeamScore[r.Team]
	}
	return r.Score
}

// Command accepts "emote" with one number, 0 to 3. The reply is the number of
// ticks until the next emote, also when one is rejected because it is too early.
func (w *world) Command(p game.Slot, name string, args []int32) (reply []int32, ok bool) {
	score := w.scoreOf(p)
	if name != "emote" || score == nil || len(args) != 1 || args[0] < 0 || args[0] >= emotes {
		return nil, false
	}
	ok = w.emote(w.match.Now, score, args[0])
	w.reply[0] = int32(score.EmoteAt - w.match.Now)
	return w.reply[:], ok
}

// emote shows an emote over the player's ship, unless the last one is too recent.
func (w *world) emote(t game.Tick, score *Score, kind int32) bool {
	_, s := w.shipOf(score.Slot)
	if s == nil || t < score.EmoteAt {
		return false
	}
	score.EmoteAt = t + emoteCooldown
	w.emotes.Emit(Emote{Pos: s.Pos, Slot: score.Slot, Kind: kind})
	return true
}

// takePickups gives what lies ready to the nearest ship that touches it and
// has use for it.
func (w *world) takePickups(t game.Tick) {
	const reach = pickupRadius + shipRadius
	for i := range w.pickups.High() {
		_, pick := w.pickups.At(i)
		if pick == nil || t < pick.ReadyAt || w.match.Phase == PhaseOver {
			continue
		}
		var taker *Ship
		nearest := int64(reach) * int64(reach)
		for _, j := range w.shipsNear(pick.Pos, reach) {
			_, s := w.ships.At(int(j))
			if s == nil || s.HP <= 0 || !s.wants(pick.Kind) {
				continue
			}
			if d := s.Pos.Sub(pick.Pos).LenSq(); d < nearest {
				taker, nearest = s, d
			}
		}
		if taker != nil {
			w.takes.Emit(Taken{Pos: pick.Pos, Slot: taker.Slot, Kind: pick.Kind})
			taker.take(t, pick.Kind)
			pick.ReadyAt = t + pickupTicks
			pick.Kind = w.match.Rand.Intn(pickupKinds)
		}
	}
}

// wants reports whether the ship has use for a pickup. Others are left in place.
func (s *Ship) wants(kind int32) bool {
	switch kind {
	case KindRepair:
		return s.HP < maxHP
	case KindShield:
		return s.Shield < maxShield
	default:
		return true
	}
}

func (s *Ship) take(t game.Tick, kind int32) {
	switch kind {
	case KindRepair:
		s.HP = min(s.HP+repairHP, maxHP)
	case KindShield:
		s.Shield = min(s.Shield+shieldAmount, maxShield)
	default:
		s.RapidUntil = t + rapidTicks
	}
}
