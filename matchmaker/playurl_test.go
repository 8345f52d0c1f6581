package matchmaker_test

import (
	"net"
	"net/http"
	"testing"

	"connectrpc.com/connect"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// pageAt calls a replica's public handler as a page that was reached by a name.
type pageAt struct{ origin, host string }

func (p pageAt) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = p.host
	r.Header.Set("Origin", p.origin)
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) page(origin, host string) matchmakerv1connect.MatchmakerServiceClient {
	return matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: pageAt{origin, host}}, w.public().URL)
}

func guessed(_ *gameServer, r *fleetv1.Register) {
	r.PublicUrl, r.PublicUrlGuessed = "ws://127.0.0.1:8081/play", true
}

// answeredURL is the URL in an assignment, the same by both calls.
func answeredURL(t *testing.T, w *world, page matchmakerv1connect.MatchmakerServiceClient, id string) string {
	t.Helper()
	stream, err := page.WatchTicket(w.context(), connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: id}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for stream.Receive() && stream.Msg().GetAssignment() == nil {
	}
	watched := stream.Msg().GetAssignment().GetUrl()
	res, err := page.GetTicket(w.context(), connect.NewRequest(&matchmakerv1.GetTicketRequest{TicketId: id}))
	if err != nil {
		t.Fatal(err)
	}
	if polled := res.Msg.GetTicket().GetAssignment().GetUrl(); polled != watched {
		t.Errorf("WatchTicket says %s, GetTicket %s", watched, polled)
	}
	return watched
}

func TestPlayURL_guessedHostFollowsTheCaller(t *testing.T) {
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	a.server("s1", guessed)
	b.server("s1", guessed)
	ann := a.search(rated("duel", 1500, "ann")) // a owns the queue now
	bob := a.search(rated("duel", 1500, "bob"))
	if got := ann.assigned().GetUrl(); got != "ws://127.0.0.1:8081/play" {
		t.Errorf("a back end is told %s, want what the server registered", got)
	}
	bob.assigned()
	for _, c := range []struct {
		asked        *world
		origin, host string
		want         string
	}{
		{a, "http://localhost:8080", "localhost:8080", "ws://localhost:8081/play"},
		{b, "http://192.0.2.7:8080", "192.0.2.7:8080", "ws://192.0.2.7:8081/play"},
		{b, "https://game.example", "game.example", "wss://game.example:8081/play"},
		{b, "https://elsewhere.example", "game.example", "ws://game.example:8081/play"},
		{b, "http://[::1]:8080", "[::1]:8080", "ws://[::1]:8081/play"},
	} {
		if got := answeredURL(t, c.asked, c.asked.page(c.origin, c.host), ann.GetTicketId()); got != c.want {
			t.Errorf("page %s, Host %s: told %s, want %s", c.origin, c.host, got, c.want)
		}
	}
}

func TestPlayURL_keepsTheRegisteredHost(t *testing.T) {
	const registered = "ws://127.0.0.1:8081/play"
	overTCP := func(c *matchmaker.Config) {
		var err error
		if c.InternalListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		change  func(*matchmaker.Config) // nil: in memory, which is no address of this machine
		guessed bool
		warned  int
	}{
		{"given", overTCP, false, 0},
		{"guessed elsewhere", nil, true, 1},
	} {
		core, logs := observer.New(zap.WarnLevel)
		w := startLogged(t, zap.New(core), c.change)
		w.server("s1", func(_ *gameServer, r *fleetv1.Register) { r.PublicUrl, r.PublicUrlGuessed = registered, c.guessed })
		p := w.quickPlay()
		p.assigned()
		if got := answeredURL(t, w, w.page("http://localhost:8080", "localhost:8080"), p.GetTicketId()); got != registered {
			t.Errorf("%s: told %s", c.name, got)
		}
		if n := logs.FilterMessage("play URL of a game server on another machine is a guess").Len(); n != c.warned {
			t.Errorf("%s: warned %d times, want %d", c.name, n, c.warned)
		}
	}
}
