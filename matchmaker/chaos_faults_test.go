//go:build unix

package matchmaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// fault is something that is done to the installation, and undone.
type fault struct {
	name string
	do   func() (undo func())
}

const (
	quietBefore = 1500 * time.Millisecond // while everything works
	downFor     = 2 * time.Second
	frozenFor   = 4 * time.Second  // longer than it takes to be thought dead
	drainFor    = 30 * time.Second // longer than any match
)

// faults are all there are, in the order of the seed.
func (c *chaos) faults() []fault {
	list := []fault{
		{"a replica that owns least is killed", func() func() { return c.killReplica(c.leastOwner()) }},
		{"the owner of queue duel is killed", func() func() { return c.killReplica(c.ownerOf("duel")) }},
		{"the owner of queue pairs is killed", func() func() { return c.killReplica(c.ownerOf("pairs")) }},
		{"the owner of quick play is killed", func() func() { return c.killReplica(c.ownerOf(quickQueue)) }},
		{"a game server is killed", c.killServer},
		{"the NATS leader of queue duel is killed", func() func() { return c.killNode("tactus_journal_queue-duel", true) }},
		{"a NATS follower of the results is killed", func() func() { return c.killNode("tactus_log_results", false) }},
		{"the owner of queue brawl is frozen", c.freezeOwner},
		{"a game server is frozen", c.freezeServer},
		{"a replica is asked to end", c.drainReplica},
		{"a game server is drained", c.drainServer},
	}
	if *chaosFor > 0 {
		list = append(list,
			fault{"two replicas are killed at once", c.killTwoReplicas},
			fault{"a game server and the owner of queue pairs are killed at once", c.killServerAndOwner})
	}
	c.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// wreak does all faults, each after the one before is mended.
func (c *chaos) wreak() {
	began := time.Now()
	for {
		for _, f := range c.faults() {
			time.Sleep(quietBefore)
			c.t.Logf("%5.1f s: %s", time.Since(began).Seconds(), f.name)
			undo := f.do()
			time.Sleep(downFor)
			undo()
			c.awaitAll()
		}
		if time.Since(began) >= *chaosFor {
			return
		}
	}
}

// owned tells which replica has which id and how many queues, and who owns each.
func (c *chaos) owned() (programs map[string]*program, queues map[*program]int, owner map[string]string) {
	programs, queues, owner = make(map[string]*program), make(map[*program]int), make(map[string]string)
	for _, r := range c.replicas {
		o, err := r.overview()
		if err != nil {
			continue
		}
		programs[o.ID] = r
		queues[r] += 0
		for _, q := range o.Queues {
			owner[q.Name] = q.Owner
			if q.Owner == o.ID {
				queues[r]++
			}
		}
	}
	return programs, queues, owner
}

func (c *chaos) leastOwner() *program {
	_, queues, _ := c.owned()
	least := c.replicas[0]
	for _, r := range c.replicas {
		if queues[r] < queues[least] {
			least = r
		}
	}
	return least
}

func (c *chaos) ownerOf(queue string) *program {
	programs, _, owner := c.owned()
	if p := programs[owner[queue]]; p != nil {
		return p
	}
	c.t.Logf("nobody is known to own %s", queue)
	return c.replicas[0]
}

func (c *chaos) killReplica(r *program) (undo func()) {
	c.t.Logf("         it is %s", r.name)
	r.kill()
	return func() { r.start(c.t) }
}

func (c *chaos) killTwoReplicas() (undo func()) {
	spared := c.rand.IntN(len(c.replicas))
	c.t.Logf("         %s is spared", c.replicas[spared].name)
	var back []func()
	for i, r := range c.replicas {
		if i != spared {
			back = append(back, c.killReplica(r))
		}
	}
	return func() {
		for _, undo := range back {
			undo()
		}
	}
}

func (c *chaos) killServerAndOwner() (undo func()) {
	server, owner := c.killServer(), c.killReplica(c.ownerOf("pairs"))
	return func() {
		owner()
		server()
	}
}

// freezeOwner lets an owner sleep until its queues are another's. Once awake it
// believes for a moment that they are its own.
func (c *chaos) freezeOwner() (undo func()) {
	r := c.ownerOf("brawl")
	c.t.Logf("         it is %s", r.name)
	thaw := r.freeze()
	time.Sleep(frozenFor - downFor)
	return thaw
}

// freezeServer lets seats be asked for that come too late.
func (c *chaos) freezeServer() (undo func()) {
	s := c.servers[c.rand.IntN(len(c.servers))]
	c.t.Logf("         it is %s", s.name)
	thaw := s.freeze()
	time.Sleep(frozenFor - downFor)
	return thaw
}

func (c *chaos) drainReplica() (undo func()) {
	r := c.replicas[c.rand.IntN(len(c.replicas))]
	c.t.Logf("         it is %s", r.name)
	if err := r.terminate(drainFor); err != nil {
		c.ledger.violation("%v", err)
		r.kill()
	}
	return func() { r.start(c.t) }
}

// killServer takes the server with the most people.
func (c *chaos) killServer() (undo func()) {
	victim, most := c.servers[0], -1
	for _, s := range c.servers {
		list, err := s.matches()
		if err != nil {
			continue
		}
		people := 0
		for _, m := range list {
			people += m.People
		}
		if people > most {
			victim, most = s, people
		}
	}
	c.t.Logf("         it is %s with %d people", victim.name, most)
	c.ledger.died(victim.name)
	victim.kill()
	c.ledger.died(victim.name)
	return func() { victim.start(c.t) }
}

func (c *chaos) drainServer() (undo func()) {
	s := c.servers[c.rand.IntN(len(c.servers))]
	c.t.Logf("         it is %s", s.name)
	if err := s.terminate(drainFor); err != nil {
		c.ledger.violation("%v", err)
		c.ledger.died(s.name)
		s.kill()
	}
	return func() { s.start(c.t) }
}

// killNode kills the NATS node that leads a stream, or one that does not.
func (c *chaos) killNode(stream string, leader bool) (undo func()) {
	c.awaitReplicated()
	node := c.nats.LeaderOf(stream)
	if !leader {
		node = (node + 1 + c.rand.IntN(2)) % 3
	}
	c.t.Logf("         it is node %d, of %s", node, stream)
	c.nats.Kill(node)
	return func() {
		c.nats.Restart(node)
		c.awaitReplicated()
	}
}

// awaitReplicated waits until every stream has all its replicas in step: two
// nodes that are behind would be more than what a cluster of three can lose.
func (c *chaos) awaitReplicated() {
	nc, err := nats.Connect(c.nats.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		c.t.Fatal(err)
	}
	c.await(40*time.Second, "all NATS nodes are in step", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		streams := js.ListStreams(ctx)
		var behind []error
		for info := range streams.Info() {
			if info.Cluster == nil || info.Cluster.Leader == "" {
				behind = append(behind, fmt.Errorf("%s has no leader", info.Config.Name))
				continue
			}
			for _, peer := range info.Cluster.Replicas {
				if !peer.Current || peer.Offline {
					behind = append(behind, fmt.Errorf("%s is behind at %s", info.Config.Name, peer.Name))
				}
			}
		}
		return errors.Join(append(behind, streams.Err())...)
	})
}
