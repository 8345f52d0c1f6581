package ranking

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"tactus/internal/text"
	"tactus/matchmaker/internal/rating"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

const queue = "ranked"

// over is a match that ended; players are given as "id team rank".
func over(id string, players ...string) *fleetv1.MatchEnded {
	e := &fleetv1.MatchEnded{MatchId: id, Reason: "over", Game: "arena", Mode: "duel", Queue: queue, EndedUnixMs: time.Now().UnixMilli()}
	for _, p := range players {
		r := new(fleetv1.PlayerResult)
		if _, err := fmt.Sscan(p, &r.PlayerId, &r.Team, &r.Rank); err != nil {
			panic(err)
		}
		r.PlayerName = strings.ToUpper(r.PlayerId)
		e.Results = append(e.Results, r)
	}
	return e
}

func TestResult_whatCounts(t *testing.T) {
	crowd := make([]string, maxPlayers+1)
	for i := range crowd {
		crowd[i] = fmt.Sprintf("p%d %d 1", i, i%2)
	}
	with := func(e *fleetv1.MatchEnded, change func(*fleetv1.MatchEnded)) *fleetv1.MatchEnded {
		change(e)
		return e
	}
	tests := []struct {
		name  string
		ended *fleetv1.MatchEnded
		want  string // of players: rank, and ! for a win; or of the error
	}{
		{name: "a duel", ended: over("m", "a -1 1", "b -1 2"), want: "1! 2"},
		{name: "free-for-all among bots that hold other ranks", ended: over("m", "a -1 7", "b -1 3", "c -1 7", "d -1 12"), want: "2 1! 2 4"},
		{name: "teams", ended: over("m", "a 0 2", "b 1 1", "c 0 2", "d 1 1"), want: "2 1! 2 1!"},
		{name: "a team and who has none", ended: over("m", "a 0 1", "b -1 2", "c 0 1", "d -1 3"), want: "1! 2 1! 3"},
		{name: "a draw has no winner", ended: over("m", "a 0 1", "b 1 1"), want: "1 1"},

		{name: "nobody is left", ended: over("m"), want: "not rated"},
		{name: "one person among bots", ended: over("m", "a -1 1"), want: "not rated"},
		{name: "one team of people", ended: over("m", "a 1 1", "b 1 1"), want: "not rated"},
		{name: "broken off", ended: with(over("m", "a -1 1", "b -1 2"), func(e *fleetv1.MatchEnded) { e.Reason = "shutdown" }), want: "not rated"},
		{name: "a broken game", ended: with(over("m", "a -1 1", "b -1 2"), func(e *fleetv1.MatchEnded) { e.Reason = "game_error" }), want: "not rated"},

		{name: "a player twice", ended: over("m", "a -1 1", "b -1 2", "a -1 3"), want: `player "a" appears twice`},
		{name: "no rank", ended: over("m", "a -1 1", "b -1 0"), want: `player "b": rank 0`},
		{name: "two ranks in a team", ended: over("m", "a 1 1", "b 1 2", "c 0 3"), want: "team 1 has players of ranks 1 and 2"},
		{name: "no player id", ended: with(over("m", "a -1 1", "b -1 2"), func(e *fleetv1.MatchEnded) { e.Results[0].PlayerId = "" }), want: "id of 0 bytes"},
		{name: "a long player id", ended: over("m", "a -1 1", strings.Repeat("b", 65)+" -1 2"), want: "id of 65 bytes"},
		{name: "no match id", ended: over("", "a -1 1", "b -1 2"), want: "match id of 0 bytes"},
		{name: "a long queue name", ended: with(over("m", "a -1 1", "b -1 2"), func(e *fleetv1.MatchEnded) { e.Queue = strings.Repeat("q", 129) }), want: "queue name of 129 bytes"},
		{name: "more players than fit a message", ended: over("m", crowd...), want: "limit of 4000"},
		{name: "older than memory", ended: with(over("m", "a -1 1", "b -1 2"), func(e *fleetv1.MatchEnded) {
			e.EndedUnixMs = time.Now().Add(-91 * 24 * time.Hour).UnixMilli()
		}), want: "ended 91 days ago"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, _, err := readResult(test.ended, time.Now(), defaultKeep)
			if err != nil {
				if !strings.Contains(err.Error(), test.want) {
					t.Fatalf("%v, want %q", err, test.want)
				}
				if errors.Is(err, errUnrated) != (test.want == "not rated") {
					t.Fatalf("%v", err)
				}
				return
			}
			var got []string
			for _, c := range m.Players {
				place := fmt.Sprint(c.Rank)
				if c.Won {
					place += "!"
				}
				got = append(got, place)
			}
			if strings.Join(got, " ") != test.want {
				t.Fatalf("%v, want %s", got, test.want)
			}
		})
	}
}

func TestResult_queueOf(t *testing.T) {
	e := over("m")
	if QueueOf(e) != "ranked" {
		t.Errorf("%q, want the match's own queue", QueueOf(e))
	}
	e.Queue = ""
	if QueueOf(e) != "arena/duel" {
		t.Errorf("%q, want the queue of game and mode", QueueOf(e))
	}
}

func TestResult_cleansNamesOnWriteAndRead(t *testing.T) {
	const old, now = "A\u200bnn\u3000z\u0301\u0302\u0303\u0304\u0306", "Ann ź\u0302\u0303\u0304"
	e := over("m", "a -1 1", "b -1 2")
	e.Results[0].PlayerName = old
	m, _, err := readResult(e, time.Now(), defaultKeep)
	if err != nil || m.Players[0].Name != now {
		t.Fatalf("%+q %v", m.Players[0].Name, err)
	}
	m.Players[0].Name = old // as an earlier release kept it
	skill := pack(rating.Skill{Mu: 25, Sigma: 8})
	for i := range m.Players {
		m.Players[i].Before, m.Players[i].After = skill, skill
	}
	value, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	if m, err = decodeResult(value); err != nil || m.Players[0].Name != now {
		t.Errorf("%+q %v", m.Players[0].Name, err)
	}
	if value, err = msgpack.Marshal(record{Name: old, Skill: skill}); err != nil {
		t.Fatal(err)
	}
	if r, err := decodeRecord(value); err != nil || r.Name != now || r.Skill != skill {
		t.Errorf("%+v %v", r, err)
	}
}

func TestResult_largestFitsAMessage(t *testing.T) {
	m := &result{Queue: strings.Repeat("q", maxQueue), Players: make([]change, maxPlayers)}
	for i := range m.Players {
		m.Players[i] = change{
			Player: strings.Repeat("p", maxPlayerID), Name: strings.Repeat("n", text.MaxNameBytes), Rank: 1 << 20,
			Won: true, Before: [2]float64{25.1, 8.1}, After: [2]float64{25.2, 8.2},
		}
	}
	value, err := m.encode()
	if err != nil || len(value) > 1<<20-4096 {
		t.Fatalf("%d bytes, %v", len(value), err)
	}
}

func TestResult_checksStoredResults(t *testing.T) {
	good := &result{Queue: queue, Players: []change{{Player: "a", Before: [2]float64{25, 8}, After: [2]float64{26, 7}}}}
	value, _ := good.encode()
	if got, err := decodeResult(value); err != nil || got.Queue != queue || !slices.Equal(got.Players, good.Players) {
		t.Fatalf("%+v, %v", got, err)
	}
	for cut := range value {
		if _, err := decodeResult(value[:cut]); err == nil {
			t.Fatalf("%d of %d bytes were read as a result", cut, len(value))
		}
	}
	bad := &result{Queue: queue, Players: []change{{Player: "a", Before: [2]float64{25, 0}, After: [2]float64{26, 7}}}}
	value, _ = bad.encode()
	if _, err := decodeResult(value); err == nil {
		t.Fatal("a rating without uncertainty was read")
	}
}

func TestResult_keysAreUnambiguous(t *testing.T) {
	seen := map[string]owner{}
	for _, o := range []owner{{"ranked", "anna"}, {"ranke", "danna"}, {"", "rankedanna"}, {"6:ranked", "anna"}, {"ranked", "6:anna"}, {"a:b", ":"}} {
		if other, taken := seen[o.key()]; taken {
			t.Errorf("%v and %v have the key %q", o, other, o.key())
		}
		seen[o.key()] = o
		if got, ok := parseKey(o.key()); !ok || got != o {
			t.Errorf("%q is read as %v, want %v", o.key(), got, o)
		}
	}
	for _, key := range []string{checkpointKey, "", "9:short", "-1:x", "x:y"} {
		if o, ok := parseKey(key); ok {
			t.Errorf("%q is read as %v", key, o)
		}
	}
}

func TestReadResult_leaversAreLast(t *testing.T) {
	of := func(id string, team, rank int32) *fleetv1.PlayerResult {
		return &fleetv1.PlayerResult{PlayerId: id, Team: team, Rank: rank}
	}
	now := time.Now()
	read := func(results, leavers []*fleetv1.PlayerResult) (*result, *lineup) {
		t.Helper()
		r, l, err := readResult(&fleetv1.MatchEnded{MatchId: "m", Queue: "q", Reason: "over", Results: results, Leavers: leavers}, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return r, l
	}
	ranks := func(r *result) string {
		text := ""
		for _, p := range r.Players {
			text += fmt.Sprintf("%s=%d ", p.Player, p.Rank)
		}
		return text
	}
	// In free-for-all the first to leave is the last.
	r, l := read([]*fleetv1.PlayerResult{of("a", -1, 1), of("b", -1, 2)}, []*fleetv1.PlayerResult{of("early", -1, 0), of("late", -1, 0)})
	if got := ranks(r); got != "a=1 b=2 early=4 late=3 " || len(l.left) != 0 {
		t.Errorf("free-for-all: %s", got)
	}
	// The duel of a leaver is a win.
	r, _ = read([]*fleetv1.PlayerResult{of("a", -1, 1)}, []*fleetv1.PlayerResult{of("b", -1, 0)})
	if got := ranks(r); got != "a=1 b=2 " || !r.Players[0].Won {
		t.Errorf("duel: %s", got)
	}
	// A team keeps its result when one of it leaves; a team of leavers is last.
	r, l = read([]*fleetv1.PlayerResult{of("a", 0, 1), of("b", 1, 2)}, []*fleetv1.PlayerResult{of("c", 2, 0), of("d", 0, 0)})
	if got := ranks(r); got != "a=1 b=2 c=3 d=3 " || r.Players[3].Won || !r.Players[0].Won || len(l.teams) != 3 {
		t.Errorf("teams: %s", got)
	}
	ranking := &Ranking{cfg: Config{}.withDefaults(), boards: make(map[string]*queueBoard)}
	if err := ranking.rate(r, l); err != nil {
		t.Fatal(err)
	}
	change := func(i int) float64 { return r.Players[i].After[0] - r.Players[i].Before[0] }
	if change(0) <= 0 || change(3) >= 0 || change(2) >= 0 {
		t.Errorf("a %v, d %v of the same team, c %v", change(0), change(3), change(2))
	}
	if _, _, err := readResult(&fleetv1.MatchEnded{
		MatchId: "m", Queue: "q", Reason: "over", Results: []*fleetv1.PlayerResult{of("a", -1, 1)}, Leavers: []*fleetv1.PlayerResult{of("a", -1, 0)},
	}, now, time.Hour); err == nil {
		t.Error("a player that stayed and left was accepted")
	}
	if _, _, err := readResult(&fleetv1.MatchEnded{
		MatchId: "m", Queue: "q", Reason: "over", Leavers: []*fleetv1.PlayerResult{of("a", -1, 0), of("b", -1, 0)},
	}, now, time.Hour); err == nil {
		t.Error("a match that everyone has left is rated")
	}
}
