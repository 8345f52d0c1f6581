package publicport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"tactus/internal/ratelimit"
	"tactus/internal/testtime"
)

// door is a gate whose connections are numbers.
type door struct {
	*gate
	t       *testing.T
	closed  map[*entry]bool
	hasSent map[*entry]bool // bytes have arrived
}

// newDoor makes a gate with the clock of the test's bubble.
func newDoor(t *testing.T, limits Limits, descriptors int) *door {
	t.Helper()
	start := time.Now()
	g := newGate(limits, descriptors, func() int64 { return int64(time.Since(start)) + 1 }, ratelimit.Limited(prometheus.NewRegistry()))
	return &door{gate: g, t: t, closed: make(map[*entry]bool), hasSent: make(map[*entry]bool)}
}

func (d *door) connect(address string) *entry {
	d.t.Helper()
	e, err := d.tryConnect(address)
	if err != nil {
		d.t.Fatalf("%s: %v", address, err)
	}
	return e
}

func (d *door) tryConnect(address string) (e *entry, err error) {
	e, err = d.enter(netip.MustParseAddr(address), false, true, func() { d.closed[e] = true }, func() bool { return d.hasSent[e] })
	return e, err
}

// shake sends the first byte.
func (d *door) shake(e *entry) error { return d.handshake(context.Background(), e) }

func (d *door) mustShake(e *entry) {
	d.t.Helper()
	if err := d.shake(e); err != nil {
		d.t.Fatal(err)
	}
}

// counted is what the metric says of a limit.
func (d *door) counted(limit string) float64 {
	d.t.Helper()
	var m dto.Metric
	if err := d.limited.WithLabelValues(limit).Write(&m); err != nil {
		d.t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// nobody checks that nothing is counted any more.
func (d *door) nobody() {
	d.t.Helper()
	if d.open != 0 || len(d.addresses) != 0 || len(d.queued) != 0 || d.gate.idle.Len() != 0 {
		d.t.Errorf("left over: %d open, %d addresses, %d queued, %d idle", d.open, len(d.addresses), len(d.queued), d.gate.idle.Len())
	}
	for i := range d.classes {
		if c := &d.classes[i]; c.places != 0 || c.aged.Len() != 0 || c.ranking.top() != nil {
			d.t.Errorf("class %d: %d places, %d aged, top %v", i, c.places, c.aged.Len(), c.ranking.top())
		}
	}
}

func TestGate_oldestSilentConnectionOfAnAddressGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 3}, 1000)
		var all []*entry
		for range 3 {
			all = append(all, d.connect("203.0.113.7"))
		}
		all = append(all, d.connect("203.0.113.7"))
		if d.closed[all[0]] {
			t.Error("closed before its first bytes could have come")
		}
		testtime.Sleep(slowAfter)
		all = append(all, d.connect("203.0.113.7"))
		other := d.connect("203.0.113.8")
		for i, want := range []bool{true, true, false, false, false} {
			if d.closed[all[i]] != want {
				t.Errorf("number %d closed: %v, want %v", i, d.closed[all[i]], want)
			}
		}
		if d.closed[other] {
			t.Error("another address lost its connection")
		}
		// One whose first bytes have arrived but were not read yet is not silent.
		d.hasSent[all[2]] = true
		d.connect("203.0.113.7")
		if d.closed[all[2]] || !d.closed[all[3]] {
			t.Errorf("closed %v, %v; want the oldest that has sent nothing", d.closed[all[2]], d.closed[all[3]])
		}
		if n := d.counted("pending"); n != 3 {
			t.Errorf("counted %v", n)
		}
	})
}

func TestGate_handshakesOfAnAddressWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 2}, 1000)
		first, second := d.connect("203.0.113.7"), d.connect("203.0.113.7")
		d.mustShake(first)
		d.mustShake(second)
		third := d.connect("203.0.113.7")
		done := make(chan error, 1)
		go func() { done <- d.shake(third) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("did not wait: %v", err)
		default:
		}
		d.mustShake(d.connect("203.0.113.8")) // other addresses do not
		d.finishHandshake(first)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		// Nothing was slow so far. After a second the oldest gives way.
		begun := time.Now()
		if err := d.shake(d.connect("203.0.113.7")); err != nil || time.Since(begun) != slowAfter || !d.closed[second] || d.closed[third] {
			t.Errorf("%v after %s; closed: oldest %v, newest %v", err, time.Since(begun), d.closed[second], d.closed[third])
		}
	})
}

func TestGate_rateOfHandshakesWaitsThenRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Accepts: 2}, 1000) // 20 at one moment
		results := make(map[error]int)
		errs := make(chan error)
		for range 30 {
			e := d.connect("203.0.113.7")
			go func() {
				errs <- d.shake(e)
				d.leave(e)
			}()
		}
		for range 30 {
			results[<-errs]++
		}
		if results[nil] != 24 || results[errAccepts] != 6 {
			t.Errorf("%v, want 20 of the burst, 4 of the 2 s that others waited, and 6 refused", results)
		}
		synctest.Wait()
		d.nobody()
	})
}

func TestGate_silentConnectionsCostNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{}, 100_000)
		for range 2100 {
			d.connect("203.0.113.7")
		}
		for i := range 500 { // of the same address, each through its handshake
			e := d.connect("203.0.113.7")
			begun := time.Now()
			if err := d.shake(e); err != nil || time.Since(begun) > 0 {
				t.Fatalf("player %d: %v after %s", i, err, time.Since(begun))
			}
			d.finishHandshake(e)
			d.seat(e)
		}
	})
}

func TestGate_handshakesThatLedToASeatCostNoRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{}, 100_000)
		for i := range 1500 { // 500 players: at first, and twice when they come back
			e := d.connect("203.0.113.7")
			begun := time.Now()
			if err := d.shake(e); err != nil || time.Since(begun) > 0 {
				t.Fatalf("number %d: %v after %s", i, err, time.Since(begun))
			}
			d.finishHandshake(e)
			d.seat(e)
			d.leave(e)
		}
	})
}

func TestGate_halfOfThePlacesIsForKnownAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 4}, 160) // 40 places
		known := d.connect("198.51.100.1")
		d.mustShake(known)
		d.finishHandshake(known)
		d.seat(known)
		d.leave(known)
		for i := range 60 { // each with a place at most
			if e, err := d.tryConnect(fmt.Sprintf("203.0.113.%d", i)); err == nil {
				d.hasSent[e] = true // nothing of it may be displaced
			}
		}
		if n := d.classes[strangers].places; n != 20 {
			t.Fatalf("strangers have %d places, want 20 of 40", n)
		}
		e := d.connect("198.51.100.1")
		begun := time.Now()
		if err := d.shake(e); err != nil || time.Since(begun) > 0 {
			t.Fatalf("a known address: %v after %s", err, time.Since(begun))
		}
		if err := d.shake(d.connect("198.51.100.2")); !errors.Is(err, errPending) {
			t.Fatalf("a stranger: %v, want errPending", err)
		}
		d.leave(e)
		testtime.Sleep(knownFor + time.Second)
		if e := d.connect("198.51.100.1"); d.classOfLocked(e.address) != strangers {
			t.Error("an address is known for longer than a minute")
		}
	})
}

func TestGate_busiestAddressLosesItsOldestSilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 15}, 160) // 20 places for strangers
		var busy []*entry
		for range 12 {
			busy = append(busy, d.connect("203.0.113.1"))
		}
		var quiet []*entry
		for range 8 {
			quiet = append(quiet, d.connect("203.0.113.2"))
		}
		testtime.Sleep(slowAfter)
		newcomer := d.connect("203.0.113.3")
		if !d.closed[busy[0]] || d.closed[quiet[0]] || !newcomer.placed {
			t.Errorf("closed: busiest %v, other %v; newcomer has a place: %v", d.closed[busy[0]], d.closed[quiet[0]], newcomer.placed)
		}
	})
}

func TestGate_slowHandshakesOfTheBusiestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 20}, 160) // 20 places for strangers
		var slow []*entry
		for range 20 {
			e := d.connect("203.0.113.1")
			d.mustShake(e)
			slow = append(slow, e)
		}
		testtime.Sleep(slowAfter)
		e := d.connect("203.0.113.2")
		d.mustShake(e)
		synctest.Wait()
		if !d.closed[slow[0]] || d.closed[slow[1]] {
			t.Errorf("closed: oldest %v, next %v", d.closed[slow[0]], d.closed[slow[1]])
		}
	})
}

func TestGate_silentConnectionsMakeRoomForOthersOfTheirAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Connections: 10}, 1000)
		first := d.connect("203.0.113.7")
		for range 10 {
			d.connect("203.0.113.7")
		}
		if !d.closed[first] {
			t.Error("the oldest silent connection stays")
		}
		if n := d.counted("connections"); n != 1 {
			t.Errorf("counted %v", n)
		}
	})
}

func TestGate_networkOfAnIPv6AddressIsOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 4, Connections: 40}, 10_000)
		allowed := 0
		for i := range 30 { // a /64 each, of one /56
			if _, err := d.tryConnect(fmt.Sprintf("2001:db8:0:%x::1", i)); err == nil {
				allowed++
			}
		}
		if n := d.classes[strangers].places; n != 8 {
			t.Errorf("a /56 has %d pending connections, want 8", n)
		}
		e := d.connect("2001:db8:1::1")
		for range 9 {
			if _, err := d.tryConnect("2001:db8:1::1"); err != nil {
				t.Fatal(err)
			}
		}
		for range 20 {
			if e, err := d.tryConnect("2001:db8:1::1"); err == nil && e.subnet.open > 10 {
				t.Fatalf("a /64 has %d connections, want a quarter of 40", e.subnet.open)
			}
		}
		_ = e
	})
}

func TestGate_crowdShortensTheTimeForAHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{}, 160) // 40 places
		var early []*entry
		for i := range 10 {
			e := d.connect(fmt.Sprintf("203.0.113.%d", i))
			d.mustShake(e)
			early = append(early, e)
		}
		testtime.Sleep(crowdedTimeout)
		last := d.connect("203.0.113.100")
		if d.closed[early[0]] {
			t.Fatal("closed with a quarter of the places taken")
		}
		d.mustShake(last)
		d.connect("203.0.113.101")
		if !d.closed[early[0]] {
			t.Error("a slow handshake stays although half of the strangers' places are taken")
		}
	})
}

func TestGate_idleConnectionsGoFirstWithoutDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{}, 10)
		var all []*entry
		for i := range 10 {
			e := d.connect(fmt.Sprintf("203.0.113.%d", i))
			d.mustShake(e)
			d.finishHandshake(e)
			all = append(all, e)
		}
		d.setIdle(all[3], true)
		d.setIdle(all[4], true)
		d.setIdle(all[3], false) // a request has come
		d.connect("203.0.113.100")
		if !d.closed[all[4]] || d.closed[all[3]] {
			t.Errorf("closed: idle %v, busy %v", d.closed[all[4]], d.closed[all[3]])
		}
		d.finishHandshake(all[0])
		if _, err := d.tryConnect("203.0.113.101"); err != nil {
			t.Errorf("a silent one could go: %v", err)
		}
	})
}

func TestGate_countsReturnToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, Limits{Pending: 3, Accepts: 5, Connections: 30}, 120)
		random := rand.New(rand.NewPCG(1, 2))
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var all []*entry
		shaken := make(map[*entry]bool)
		for range 5000 {
			address := fmt.Sprintf("203.0.113.%d", random.IntN(20))
			if random.IntN(2) == 0 {
				address = fmt.Sprintf("2001:db8:0:%x::1", random.IntN(600))
			}
			if e, err := d.tryConnect(address); err == nil {
				all = append(all, e)
			}
			if len(all) == 0 {
				continue
			}
			e := all[random.IntN(len(all))]
			switch action := random.IntN(6); {
			case action <= 1 && !shaken[e]:
				shaken[e] = true
				go func() { _ = d.handshake(ctx, e) }()
				synctest.Wait()
			case action == 2 && e.stage == shaking:
				d.finishHandshake(e)
			case action == 3 && e.stage == shaking:
				d.finishHandshake(e)
				d.seat(e)
			case action == 4 && e.stage == settled:
				d.setIdle(e, random.IntN(2) == 0)
			case action == 5:
				d.leave(e)
			}
			if random.IntN(20) == 0 {
				testtime.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
			}
			if n := d.classes[0].places + d.classes[1].places; n > d.maxPlaces || d.classes[strangers].places > d.maxPlaces/2 || d.open > d.maxOpen {
				t.Fatalf("%d places of %d, %d open of %d", n, d.maxPlaces, d.open, d.maxOpen)
			}
		}
		for _, e := range all {
			d.leave(e)
		}
		cancel()
		synctest.Wait()
		d.nobody()
	})
}
