package fleet

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

func TestLinks_connectToEveryReplica(t *testing.T) {
	n := newNetwork()
	a, b, c := n.matchmaker(t, addrA, "a"), n.matchmaker(t, addrB, "b"), n.matchmaker(t, addrC, "c")
	h := newHost()
	client, _ := startClient(t, n.config(addrA), h, nil)
	la := a.accept(t, addrA, addrB)
	lb := b.accept(t, addrA, addrB)
	lb.sendReplicas(addrA, addrB, addrC, "no address", ":1", "[::]:8090", "0.0.0.0:8090", addrC)
	lc := c.accept(t, addrA, addrB, addrC)
	testtime.Until(t, "three matchmakers are connected", func() bool { return client.Connected() == 3 })
	h.setPlayers(5)
	client.Notify()
	for _, l := range []*fakeStream{la, lb, lc} {
		for next(t, l, "a load", (*fleetv1.ConnectRequest).GetLoad).GetPlayers() != 5 {
			t.Log("an older load")
		}
	}
	// Each is answered on its own stream, and the same request alike.
	la.ask("r1")
	lb.ask("r1")
	lc.ask("r2")
	ra, rb, rc := la.result(t), lb.result(t), lc.result(t)
	if fmt.Sprint(ra.GetSlots()) != fmt.Sprint(rb.GetSlots()) || rc.GetRequestId() != "r2" {
		t.Errorf("answers %v, %v, %v", ra, rb, rc)
	}
}

func TestClient_resultMovesFromDeadReplica(t *testing.T) {
	n := newNetwork()
	a, b := n.matchmaker(t, addrA, "a"), n.matchmaker(t, addrB, "b")
	client, stop := startClient(t, n.config(addrA, addrB), newHost(), nil)
	la := a.accept(t)
	testtime.Until(t, "one matchmaker is connected", func() bool { return client.Connected() == 1 })
	client.Ended(&fleetv1.MatchEnded{MatchId: "m1"})
	if id := la.ended(t); id != "m1" {
		t.Fatalf("%s ended", id)
	}
	lb := b.accept(t)
	a.server.Stop()
	if id := lb.ended(t); id != "m1" {
		t.Errorf("%s ended", id)
	}
	lb.ack("m1")
	client.Ended(&fleetv1.MatchEnded{MatchId: "m2"})
	go func() { // the client's end waits for this
		if id := lb.ended(t); id != "m2" {
			t.Errorf("%s ended", id)
		}
		lb.ack("m2")
	}()
	stop()
	if waiting := client.outbox.count(); waiting != 0 {
		t.Errorf("%d were not acknowledged at the end", waiting)
	}
}

func TestLink_duplicateAddressYields(t *testing.T) {
	n := newNetwork()
	m := n.matchmaker(t, addrA, "a")
	n.alias(addrA, addrB)
	rested := make(chan struct{}, 10)
	core, _ := observer.New(zap.InfoLevel)
	log := zap.New(core, zap.Hooks(func(e zapcore.Entry) error {
		if e.Message == "the same matchmaker is reached by another address" {
			rested <- struct{}{}
		}
		return nil
	}))
	client, _ := startClient(t, n.config(addrA, addrB), newHost(), log)
	current := m.accept(t)
	for resting := false; !resting; {
		select {
		case newer := <-m.streams: // it ends the older one, as a registry does it
			newer.welcome("a")
			current.end <- status.Error(codes.Aborted, "a newer stream registered as this server")
			current = newer
		case <-rested:
			resting = true
		}
	}
	current.ask("r1")
	current.result(t)
	if n := client.Connected(); n != 1 {
		t.Errorf("%d streams", n)
	}
	current.end <- status.Error(codes.Unavailable, "stopping")
	m.accept(t).ask("r2") // by either address
}

func TestLinks_dropUnlistedReplicas(t *testing.T) {
	c := New(Config{Addrs: []string{addrA}}, newHost(), nil)
	options, err := c.dialOptions()
	if err != nil {
		t.Fatal(err)
	}
	ls := &links{client: c, ctx: t.Context(), options: options, byAddr: map[string]*link{}}
	for _, addr := range []string{addrA, addrB, addrC} {
		ls.byAddr[addr] = &link{client: c, addr: addr, stop: func() {}}
	}
	now := time.Unix(1_800_000_000, 0)
	have := func(when string, want ...string) {
		t.Helper()
		if got := slices.Sorted(maps.Keys(ls.byAddr)); !slices.Equal(got, want) {
			t.Errorf("%s: links to %v, want %v", when, got, want)
		}
	}
	look := func(after time.Duration, want time.Duration) {
		t.Helper()
		now = now.Add(after)
		if wait := ls.reconcile(now); wait != want {
			t.Errorf("look again after %s, want %s", wait, want)
		}
	}
	look(0, 0)
	look(time.Hour, 0)
	have("while nobody is there to tell", addrA, addrB, addrC)

	b := &registration{link: ls.byAddr[addrB]}
	c.add(b)
	look(0, dropAfter)
	look(dropAfter-time.Second, time.Second)
	have("for a while", addrA, addrB, addrC)
	c.setReplicas(b, &fleetv1.Replicas{Addresses: []string{addrB, addrC}})
	look(0, 0)
	c.setReplicas(b, &fleetv1.Replicas{Addresses: []string{addrB}})
	look(0, dropAfter)
	look(dropAfter, 0)
	have("when nobody has told of it for long", addrA, addrB)
	c.setReplicas(b, &fleetv1.Replicas{Addresses: []string{"10.0.0.9:1"}})
	look(0, dropAfter)
	look(dropAfter, 0)
	have("when it does not count itself among them", addrA, "10.0.0.9:1")
	for addr := range ls.byAddr {
		ls.byAddr[addr].stop()
	}
}

func TestClient_endDoesNotWaitWithoutConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{Addrs: []string{addrA}}, newHost(), nil)
		took := func() time.Duration {
			began := time.Now()
			c.awaitAcks()
			return time.Since(began)
		}
		if d := took(); d != 0 {
			t.Errorf("%s with nothing to tell", d)
		}
		c.Ended(&fleetv1.MatchEnded{MatchId: "m1"})
		if d := took(); d != connectTimeout {
			t.Errorf("%s with nobody there, want %s", d, connectTimeout)
		}
		c.add(&registration{})
		if d := took(); d != ackWaitTimeout {
			t.Errorf("%s with somebody who does not answer, want %s", d, ackWaitTimeout)
		}
		c.outbox.stop()
	})
}
