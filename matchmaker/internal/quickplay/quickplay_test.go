package quickplay

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

func roomy(id string) Server {
	return Server{ID: id, Version: "1", FreeMatches: 10, FreePlayers: 100}
}

func open(id, server string, people, seats int) Match {
	return Match{ID: id, Server: server, Players: people, Seats: seats, Open: true}
}

func describe(seatings []Seating) (out []string) {
	for _, p := range seatings {
		out = append(out, fmt.Sprintf("%s/%s create=%t %v", p.Server, p.Match, p.Create, p.Tickets))
	}
	return out
}

func TestPlan_seatsTicketsInOrder(t *testing.T) {
	anyone := Ticket{}
	tests := []struct {
		name        string
		tickets     []Ticket
		view        View
		want        []string
		unmatchable []int
	}{
		{
			name: "the fullest open match comes first", tickets: []Ticket{anyone},
			view: View{Seats: 4, Servers: []Server{roomy("a")}, Matches: []Match{open("m1", "a", 1, 4), open("m2", "a", 3, 4), open("m3", "a", 4, 4)}},
			want: []string{"a/m2 create=false [0]"},
		},
		{
			name: "what does not fit spills into the next match, then into a new one", tickets: []Ticket{anyone, anyone, anyone, anyone},
			view: View{Seats: 4, Servers: []Server{roomy("a")}, Matches: []Match{open("m1", "a", 2, 4), open("m2", "a", 3, 4)}},
			want: []string{"a/m2 create=false [0]", "a/m1 create=false [1 2]", "a/ create=true [3]"},
		},
		{
			name: "private, closed, ending and unreliable matches are passed over", tickets: []Ticket{anyone},
			view: View{
				Seats: 4, Servers: []Server{roomy("a"), {ID: "b", Draining: true, FreeMatches: 1, FreePlayers: 9}, {ID: "c", Unresponsive: true, FreeMatches: 9, FreePlayers: 9}},
				Matches: []Match{
					{ID: "private", Server: "a", Seats: 4, Open: true, Private: true},
					{ID: "closed", Server: "a", Seats: 4},
					{ID: "ending", Server: "a", Seats: 4, Open: true, EndsSoon: true},
					open("draining", "b", 1, 4), open("struck", "c", 1, 4), open("elsewhere", "z", 1, 4),
				},
			},
			want: []string{"a/ create=true [0]"},
		},
		{
			name: "a match that is being opened takes more, and is opened by whoever asks first", tickets: []Ticket{anyone},
			view: View{Seats: 4, Servers: []Server{roomy("a")}, Matches: []Match{{ID: "m1", Server: "a", Players: 1, Seats: 4, Open: true, Opening: true}}},
			want: []string{"a/m1 create=true [0]"},
		},
		{
			name: "a new match opens on the least loaded server", tickets: []Ticket{anyone},
			view: View{Seats: 4, Servers: []Server{{ID: "a", Load: .5, FreeMatches: 9, FreePlayers: 9}, {ID: "b", Load: .2, FreeMatches: 9, FreePlayers: 9}}},
			want: []string{"b/ create=true [0]"},
		},
		{
			name: "equal servers share", tickets: []Ticket{anyone, anyone, anyone, anyone},
			view: View{Seats: 2, Servers: []Server{roomy("a"), roomy("b")}},
			want: []string{"a/ create=true [0 1]", "b/ create=true [2 3]"},
		},
		{
			name: "a server that did not answer is the last choice, but one", tickets: []Ticket{anyone, anyone},
			view: View{Seats: 1, Servers: []Server{{ID: "a", Unresponsive: true, FreeMatches: 9, FreePlayers: 9}, {ID: "b", Load: .9, FreeMatches: 1, FreePlayers: 9}}},
			want: []string{"b/ create=true [0]", "a/ create=true [1]"},
		},
		{
			name: "nobody has room: they wait", tickets: []Ticket{anyone},
			view: View{Seats: 4, Servers: []Server{{ID: "a", FreeMatches: 0, FreePlayers: 9}, {ID: "b", FreeMatches: 9}, {ID: "c", FreeMatches: 9, FreePlayers: 9, Full: true}}},
		},
		{
			name: "versions do not mix", tickets: []Ticket{{Version: "2"}, {Version: "1"}, anyone, {Version: "3"}},
			view: View{Seats: 4, Servers: []Server{roomy("a"), {ID: "b", Version: "2", FreeMatches: 9, FreePlayers: 9, Load: .5}}, Matches: []Match{open("m1", "a", 1, 2)}},
			want: []string{"a/m1 create=false [1]", "b/ create=true [0 2]"},
		},
		{
			name: "a server's people are bounded over all its matches", tickets: []Ticket{anyone, anyone, anyone},
			view: View{Seats: 4, Servers: []Server{{ID: "a", FreeMatches: 9, FreePlayers: 2}}, Matches: []Match{open("m1", "a", 1, 2)}},
			want: []string{"a/m1 create=false [0]", "a/ create=true [1]"},
		},
		{
			name: "a wanted match is the only one, also a private or ending one", tickets: []Ticket{{Match: "m1"}, {Match: "gone"}, {Match: "full"}, {Match: "m1", Version: "9"}},
			view: View{Seats: 4, Servers: []Server{roomy("a")}, Matches: []Match{{ID: "m1", Server: "a", Seats: 4, Private: true, EndsSoon: true}, open("full", "a", 4, 4)}},
			want: []string{"a/m1 create=false [0]"}, unmatchable: []int{1, 2, 3},
		},
		{
			name: "a wanted match may count players twice until its server answers", tickets: []Ticket{{Match: "m1"}, {Match: "m1", Version: "9"}},
			view:        View{Seats: 4, Servers: []Server{roomy("a")}, Matches: []Match{{ID: "m1", Server: "a", Players: 5, Seats: 4, Private: true, Unanswered: true}}},
			unmatchable: []int{1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			seatings, unmatchable := Plan(tt.tickets, tt.view)
			if got := describe(seatings); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("seatings\n got %q\nwant %q", got, tt.want)
			}
			if fmt.Sprint(unmatchable) != fmt.Sprint(tt.unmatchable) {
				t.Errorf("unmatchable %v, want %v", unmatchable, tt.unmatchable)
			}
		})
	}
}

// No ticket is seated twice, and no match or server holds more than fits.
func TestPlan_keepsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view := View{Seats: rapid.IntRange(1, 8).Draw(t, "seats")}
		players := make(map[string]int)
		matches := make(map[string]int)
		for i := range rapid.IntRange(0, 4).Draw(t, "servers") {
			s := Server{
				ID: fmt.Sprint("s", i), Version: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "version"),
				Load: rapid.Float64Range(0, 1).Draw(t, "load"), FreeMatches: rapid.IntRange(0, 3).Draw(t, "matches"),
				FreePlayers: rapid.IntRange(0, 20).Draw(t, "players"), Draining: rapid.Bool().Draw(t, "draining"), Unresponsive: rapid.Bool().Draw(t, "struck"),
			}
			view.Servers = append(view.Servers, s)
			players[s.ID], matches[s.ID] = s.FreePlayers, s.FreeMatches
		}
		free := make(map[string]int)
		for i := range rapid.IntRange(0, 6).Draw(t, "open matches") {
			m := open(fmt.Sprint("m", i), fmt.Sprint("s", rapid.IntRange(0, 3).Draw(t, "server")), rapid.IntRange(0, 8).Draw(t, "people"), 8)
			view.Matches = append(view.Matches, m)
			free[m.ID] = m.Seats - m.Players
		}
		tickets := make([]Ticket, rapid.IntRange(0, 60).Draw(t, "tickets"))
		for i := range tickets {
			tickets[i].Version = rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "wants")
		}
		seatings, unmatchable := Plan(tickets, view)
		if len(unmatchable) > 0 {
			t.Fatalf("tickets that want no match are unmatchable: %v", unmatchable)
		}
		seated := make(map[int]bool)
		for _, p := range seatings {
			if len(p.Tickets) == 0 {
				t.Fatal("empty seating")
			}
			for _, i := range p.Tickets {
				if seated[i] {
					t.Fatalf("ticket %d seated twice", i)
				}
				seated[i] = true
			}
			players[p.Server] -= len(p.Tickets)
			if players[p.Server] < 0 {
				t.Fatalf("server %s has too many players", p.Server)
			}
			if p.Match == "" {
				matches[p.Server]--
				if matches[p.Server] < 0 || len(p.Tickets) > view.Seats {
					t.Fatalf("server %s: too many matches or players in one: %v", p.Server, p)
				}
			} else if free[p.Match] -= len(p.Tickets); free[p.Match] < 0 {
				t.Fatalf("match %s has too many players", p.Match)
			}
		}
	})
}

func TestCandidates_bestFirst(t *testing.T) {
	view := View{Servers: []Server{
		{ID: "struck", Unresponsive: true, FreeMatches: 1, FreePlayers: 1},
		{ID: "busy", Load: .8, FreeMatches: 1, FreePlayers: 1},
		{ID: "idle", FreeMatches: 1, FreePlayers: 1},
		{ID: "draining", Draining: true, FreeMatches: 1, FreePlayers: 1},
	}}
	var got []string
	for _, s := range Candidates(view) {
		got = append(got, s.ID)
	}
	if want := "[idle busy struck]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}
