package admission

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
)

// wantReason fails unless err is a failure of this reason; an empty one means none.
func wantReason(t *testing.T, name string, err error, want failure.Reason) {
	t.Helper()
	reason, _ := failure.ReasonOf(err)
	if reason != want || (err == nil) != (want == "") {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

func TestApplyRules_rejectsTicketsThatTheQueueCouldNotMatch(t *testing.T) {
	q := &rules.Queue{Name: "duel", Latency: &rules.Latency{}, Attributes: []rules.Attribute{{Name: "map"}, {Name: "hat", Optional: true}}}
	q.Search.Expiry, q.Party.Max = 90*time.Second, 2
	for name, tt := range map[string]struct {
		players    int
		attributes map[string][]string
		latency    map[string]time.Duration
		want       failure.Reason
	}{
		"fits":               {2, map[string][]string{"map": {"ice"}}, map[string]time.Duration{"eu": time.Millisecond}, ""},
		"too many players":   {3, map[string][]string{"map": {"ice"}}, map[string]time.Duration{"eu": time.Millisecond}, failure.PartyTooLarge},
		"without attribute":  {1, map[string][]string{"hat": {"red"}}, map[string]time.Duration{"eu": time.Millisecond}, failure.BadAttribute},
		"without a value":    {1, map[string][]string{"map": {}}, map[string]time.Duration{"eu": time.Millisecond}, failure.BadAttribute},
		"without latencies":  {1, map[string][]string{"map": {"ice"}}, nil, failure.BadLatency},
		"neither of the two": {1, nil, nil, failure.BadAttribute},
	} {
		ticket := &ticket.Ticket{Members: make([]ticket.Member, tt.players), Attributes: tt.attributes, Latency: tt.latency}
		wantReason(t, name, applyRules(ticket, q), tt.want)
		if ticket.Expiry != 90*time.Second {
			t.Errorf("%s: the search expires after %s", name, ticket.Expiry)
		}
	}
}

func TestNamedPlayers_acceptsBackEndsAlone(t *testing.T) {
	skill, excessive := 1500.0, 2e6
	many := make([]NamedPlayer, 33)
	for i := range many {
		many[i].ID = fmt.Sprint("p-", i)
	}
	for name, tt := range map[string]struct {
		req  Request
		want failure.Reason
	}{
		"two players":       {Request{Players: []NamedPlayer{{ID: "ann", Name: "Ann", Skill: &skill}, {ID: "bob"}}}, ""},
		"public port":       {Request{Public: true, Players: []NamedPlayer{{ID: "ann"}}}, failure.PlayersNotTrusted},
		"too many":          {Request{Players: many}, failure.PartyTooLarge},
		"without an id":     {Request{Players: []NamedPlayer{{Name: "Ann"}}}, failure.BadPlayer},
		"the same twice":    {Request{Players: []NamedPlayer{{ID: "ann"}, {ID: "ann"}}}, failure.BadPlayer},
		"excessive skill":   {Request{Players: []NamedPlayer{{ID: "ann", Skill: &excessive}}}, failure.BadPlayer},
		"an invisible name": {Request{Players: []NamedPlayer{{ID: "ann", Name: "\u200b"}}}, failure.BadName},
	} {
		who, err := namedPlayers(&tt.req)
		wantReason(t, name, err, tt.want)
		if err == nil && (!who.trusted || len(who.players) != 2 || who.players[0].Name != "Ann" || who.skills[0] != &skill || who.skills[1] != nil) {
			t.Errorf("%s: %+v", name, who)
		}
	}
}

func TestHandlesFrom_beginsWithTheMember(t *testing.T) {
	tk := &ticket.Ticket{ID: "t", Members: []ticket.Member{{Secret: "a"}, {Secret: "b"}, {Secret: "c"}}}
	for member, want := range []string{"[t.a t.b t.c]", "[t.b t.a t.c]", "[t.c t.b t.a]"} {
		if got := fmt.Sprint(handlesFrom(tk, member)); got != want {
			t.Errorf("member %d: %s, want %s", member, got, want)
		}
	}
}

// A claim is dropped only if no search of its ticket can exist.
func TestCertainlyNotQueued_isFalseWithoutAnAnswer(t *testing.T) {
	for err, want := range map[error]bool{
		failure.New(failure.TooManyTickets):                       true,
		failure.New(failure.TicketUnknown):                        true,
		failure.New(failure.StoreUnavailable):                     false,
		failure.New(failure.DeadlineExceeded):                     false,
		status.Error(codes.Unavailable, "the connection is lost"): false,
	} {
		if got := certainlyNotQueued(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
