//go:build unix

package matchmaker_test

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"tactus/matchmaker/internal/store/storetest"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// The chaos test runs a whole installation as processes of their own: three
// matchmakers, a NATS cluster of three nodes, four game servers. Players search
// and play all the time while these are killed in turn and come back. In the
// end every promise is checked from the outside.
var (
	chaosFor  = flag.Duration("chaos", 0, "how long processes are killed; 0: each in turn once")
	chaosSeed = flag.Uint64("chaos-seed", 1, "decides in which order")
)

const (
	expiry = 15 * time.Second // of searches in the queues with rules

	chaosRules = `
queue: duel
game: arena
mode: duel
teams: {count: 2, max: 1}
skill: {distance: 3000}
accept: {within: 4s}
rated: true
search: {expiry: 15s}
---
queue: pairs
game: arena
mode: teams
teams: {count: 2, max: 2}
party: {max: 2}
rated: true
search: {expiry: 15s}
---
queue: brawl
game: arena
mode: ffa
teams: {count: 4, at_least: 2, max: 1}
rated: true
search: {expiry: 15s}
`
	quickQueue = "arena/ffa"
)

// chaosTeams are the players: how many teams of how many search in each queue.
var chaosTeams = []struct {
	queue       string
	teams, size int
}{{"duel", 30, 1}, {"pairs", 8, 2}, {"pairs", 12, 1}, {"brawl", 24, 1}, {quickQueue, 10, 1}}

// chaos is the installation.
type chaos struct {
	t        *testing.T
	dir      string
	rand     *rand.Rand
	http     *http.Client
	nats     *storetest.Cluster
	replicas []*program
	servers  []*program
	urls     map[string]string // name of each server by the address in its URL
	grpc     []string          // internal addresses of the replicas
	client   matchmakerv1.MatchmakerServiceClient
	ledger   *ledger
	teams    []*team

	playing sync.WaitGroup // teams
	asking  sync.WaitGroup // what they ask besides
}

func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for a minute")
	}
	c := startChaos(t)
	stop, end := context.WithCancel(t.Context())
	defer end()
	for _, p := range c.teams {
		c.playing.Go(func() { p.live(stop) })
	}
	watching, rest := context.WithCancel(t.Context())
	var guards sync.WaitGroup
	guards.Go(func() { c.watchMatches(watching) })
	c.wreak()
	end()
	c.calm()
	c.awaitIdle()
	rest()
	guards.Wait()
	c.ledger.checkResults()
	c.checkRatings()
	c.summarize()
}

// startChaos starts everything and waits until it works.
func startChaos(t *testing.T) *chaos {
	t.Helper()
	dir, err := os.MkdirTemp("", "tactus-chaos-") //nolint:usetesting // kept for inspection when the test fails
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; the logs of all processes are in %s", *chaosSeed, dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	c := &chaos{
		t: t, dir: dir, rand: rand.New(rand.NewPCG(*chaosSeed, 1)), urls: make(map[string]string),
		http:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		ledger: newLedger(t),
	}
	binary := buildBinary(t, dir)
	c.nats = storetest.StartCluster(t, 3)
	c.arrange(binary)
	for _, p := range append(append([]*program{}, c.replicas...), c.servers...) {
		p.start(t)
		t.Cleanup(p.kill)
	}
	c.client = c.connect(c.grpc...)
	for i, q := range chaosTeams {
		for n := range q.teams {
			p := &team{run: c, queue: q.queue, rand: rand.New(rand.NewPCG(*chaosSeed, uint64(100*i+n+2)))}
			for m := range q.size {
				p.players = append(p.players, fmt.Sprintf("%s%d-%02d%c", strings.ReplaceAll(q.queue, "/", "-"), i, n, 'a'+m))
			}
			c.teams = append(c.teams, p)
		}
	}
	c.awaitAll()
	return c
}

// arrange says what processes there are. All matchmakers have the same key.
func (c *chaos) arrange(binary string) {
	c.t.Helper()
	const replicas, servers = 3, 4
	ports := storetest.FreePorts(c.t, 3*replicas+2*servers)
	take := func() string {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
		ports = ports[1:]
		return address
	}
	data := filepath.Join(c.dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		c.t.Fatal(err)
	}
	rules := filepath.Join(c.dir, "rules.yaml")
	c.write(rules, chaosRules)
	c.write(filepath.Join(data, "matchmaker.key"), hex.EncodeToString(sharedKey[:32])+"\n")
	program := func(name string, args ...string) *program {
		p := &program{name: name, log: filepath.Join(c.dir, name+".log"), admin: take(), http: c.http, binary: binary}
		p.args = slices.Concat(args, []string{"--admin", p.admin, "--log-level", "debug"})
		return p
	}
	for i := range replicas {
		address := take()
		c.grpc = append(c.grpc, address)
		c.replicas = append(c.replicas, program(fmt.Sprintf("replica%d", i), "matchmaker", "--listen", take(), "--internal", address,
			"--nats", c.nats.URL(), "--rules", rules, "--data", data))
	}
	for i := range servers {
		name, address := fmt.Sprintf("server%d", i), take()
		c.urls[address] = name
		c.servers = append(c.servers, program(name, "server", "--listen", address, "--id", name,
			"--matchmaker", strings.Join(c.grpc, ","), "--data", filepath.Join(c.dir, name),
			"--option", fmt.Sprintf("seconds=%d", matchSeconds), "--option", "warmup=1", "--option", "kills=0"))
	}
}

func (c *chaos) write(file, text string) {
	c.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// connect makes a client that takes the replicas in turn.
func (c *chaos) connect(addresses ...string) matchmakerv1.MatchmakerServiceClient {
	c.t.Helper()
	list := resolver.State{}
	for _, address := range addresses {
		list.Addresses = append(list.Addresses, resolver.Address{Addr: address})
	}
	names := manual.NewBuilderWithScheme("replicas")
	names.InitialState(list)
	conn, err := grpc.NewClient("replicas:///all", grpc.WithResolvers(names),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return matchmakerv1.NewMatchmakerServiceClient(conn)
}

func (c *chaos) serverAt(url string) string { return c.urls[wsAddress(url)] }

// await waits for something that has to happen.
func (c *chaos) await(within time.Duration, what string, condition func() error) {
	c.t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.ledger.violation("%s: not within %v: %v", what, within, err)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// awaitAll waits until every replica knows all others and all servers.
func (c *chaos) awaitAll() {
	c.t.Helper()
	for _, r := range c.replicas {
		c.await(40*time.Second, r.name+" knows everybody", func() error {
			o, err := r.overview()
			if err == nil && (len(o.Replicas) != len(c.replicas) || len(o.Servers) != len(c.servers)) {
				err = fmt.Errorf("it knows %d replicas and %d servers", len(o.Replicas), len(o.Servers))
			}
			return err
		})
	}
}

// summarize logs the figures of the run.
func (c *chaos) summarize() {
	l := c.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	rated := 0
	for _, f := range l.finished {
		if f.rated {
			rated++
		}
	}
	c.t.Logf("%d tickets; ended by %v; %d matches with a result, %d of them rated; %d seats lost with their server, %d before they were claimed; %d matches held seats for nobody",
		l.created, l.reasons, len(l.finished), rated, l.lost, l.refused, len(l.held))
	if l.broken > 0 {
		c.t.Errorf("%d promises were broken", l.broken)
	}
}
