package publicport

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tactus/internal/ratelimit"
)

// gate counts the connections of a port and decides which have to wait or to go. It
// knows no sockets. It is safe for concurrent use.
//
// A connection first waits for the client's first byte. It never delays others: when
// its address has too many such connections, the oldest of them is closed. With the first
// byte the handshake begins. Handshakes have places of their own, so that silent
// connections can't keep them waiting.
type gate struct {
	limits    Limits
	maxOpen   int // connections; from the descriptors
	maxPlaces int // of pending connections
	now       func() int64
	accepts   *ratelimit.Addresses
	limited   *prometheus.CounterVec

	mu        sync.Mutex
	addresses map[netip.Prefix]*address // by IPv4 address or /56
	known     map[netip.Prefix]int64    // until when; by IPv4 address or /64
	open      int                       // sockets
	idle      list.List                 // of *entry: without a request, longest first
	queued    map[*address]struct{}     // with entries that wait for a place
	classes   [2]class                  // strangers, known
}

// class counts the pending connections of known addresses, or of others.
type class struct {
	places  int
	aged    list.List // of *entry: pending, oldest first
	ranking ranking
}

const (
	strangers = iota
	acquaintances
)

// address is what an IPv4 address or a /56 has open.
type address struct {
	prefix  netip.Prefix
	class   int // while it has places
	places  int // silent ones and handshakes
	open    int
	shaking int
	subnets map[netip.Prefix]*subnet
	silent  list.List // of *entry: with a place, oldest first
	waiting list.List // of *entry: for a place of a handshake, in order
}

// subnet is what an IPv4 address or a /64 has open.
type subnet struct{ open, silent, shaking, seated int }

// stage is how far a connection is.
type stage int

const (
	silent  stage = iota // no byte has arrived
	waiting              // a byte has arrived; the handshake waits
	shaking              // the handshake runs, up to a request or a hello
	settled              // requests or messages come
	gone
)

// entry is one connection, or one client behind a proxy. Its fields belong to the gate.
type entry struct {
	where    ratelimit.Address
	address  *address // nil: it has no limits but that of all connections
	subnet   *subnet
	socket   bool // counts as a descriptor
	stage    stage
	placed   bool // has a pending place
	seated   bool
	since    int64 // when the stage began
	aged     *list.Element
	quiet    *list.Element
	queue    *list.Element
	idle     *list.Element
	granted  chan struct{}
	end      func()      // closes the socket
	readable func() bool // reports whether bytes have arrived
}

func newGate(limits Limits, descriptors int, now func() int64, limited *prometheus.CounterVec) *gate {
	limits = limits.withDefaults()
	g := &gate{
		limits: limits, maxOpen: descriptors, maxPlaces: placesOf(descriptors), now: now, limited: limited,
		accepts:   ratelimit.NewAddresses(float64(limits.Accepts), max(burstSeconds*limits.Accepts, 1), ratelimit.Keys),
		addresses: make(map[netip.Prefix]*address), known: make(map[netip.Prefix]int64), queued: make(map[*address]struct{}),
	}
	return g
}

// enter admits a connection that has sent nothing. exempt ones have no limits but that
// of all connections. end closes the connection; the caller must still call leave.
func (g *gate) enter(a netip.Addr, exempt, socket bool, end func(), readable func() bool) (*entry, error) {
	e := &entry{where: ratelimit.AddressOf(a), socket: socket, since: g.now(), end: end, readable: readable}
	var victims victims
	defer victims.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expireLocked(&victims)
	if socket && !g.roomLocked(&victims) {
		g.limited.WithLabelValues("descriptors").Inc()
		return nil, errFull
	}
	if !exempt {
		if err := g.joinLocked(e, &victims); err != nil {
			return nil, err
		}
		g.placeSilentLocked(e, &victims)
	}
	if socket {
		g.open++
	}
	return e, nil
}

// handshake waits until the connection, whose first byte has arrived, may begin its
// handshake, at most for patience. After an error the caller must close it.
func (g *gate) handshake(ctx context.Context, e *entry) error {
	if e.address == nil {
		return nil
	}
	wait, ok := g.accepts.Reserve(e.where, patience)
	if !ok {
		g.limited.WithLabelValues("accepts").Inc()
		return errAccepts
	}
	begun := time.Now()
	granted, err := g.speak(e, wait == 0)
	if err != nil || granted == nil {
		return err
	}
	if wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		if granted, err = g.request(e); err != nil || granted == nil {
			return err
		}
	}
	retry := time.NewTimer(slowAfter) // others may have to give way then
	defer retry.Stop()
	timer := time.NewTimer(patience - time.Since(begun))
	defer timer.Stop()
	for {
		select {
		case <-granted:
		case <-retry.C:
			g.press(e)
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		return g.checkGranted(e)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finishHandshake ends the handshake: a request or a hello has come.
func (g *gate) finishHandshake(e *entry) {
	var victims victims
	defer victims.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.stage != gone {
		g.leavePlaceLocked(e)
		e.stage = settled
	}
}

// seat makes the address of a connection known. A handshake that led to a seat costs
// nothing of the address's rate, so that all players behind one address can lose their
// server and come back.
func (g *gate) seat(e *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.stage != gone && !e.seated && e.subnet != nil {
		e.seated = true
		e.subnet.seated++
		g.accepts.Return(e.where)
	}
}

// setIdle says whether the connection waits for a further request.
func (g *gate) setIdle(e *entry, idle bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case e.stage == gone:
	case idle && e.idle == nil:
		e.since = g.now()
		e.idle = g.idle.PushBack(e)
	case !idle && e.idle != nil:
		g.idle.Remove(e.idle)
		e.idle = nil
	}
}

// dropIdle closes the connection that waits longest for a request.
func (g *gate) dropIdle() {
	var victims victims
	defer victims.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	if front := g.idle.Front(); front != nil {
		g.dropLocked(front.Value.(*entry), &victims, "idle")
	}
}

// leave ends the count of a connection. Further calls do nothing.
func (g *gate) leave(e *entry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leaveLocked(e)
}

// victims are connections to close once the gate is unlocked.
type victims []func()

func (v *victims) end() {
	for _, end := range *v {
		end()
	}
}

// dropLocked makes a connection go.
func (g *gate) dropLocked(e *entry, v *victims, limit string) {
	g.limited.WithLabelValues(limit).Inc()
	*v = append(*v, e.end)
	g.leaveLocked(e)
}

// roomLocked reports whether there is a descriptor for one more connection. If not, the
// connection that waits longest for a request goes, or else a silent one of the busiest
// address.
func (g *gate) roomLocked(v *victims) bool {
	for front := g.idle.Front(); front != nil && g.open > g.maxOpen*3/4; front = g.idle.Front() {
		e := front.Value.(*entry)
		if g.open < g.maxOpen && g.now()-e.since < int64(idleTimeoutCrowded) {
			break
		}
		g.dropLocked(e, v, "idle")
	}
	if g.open >= g.maxOpen {
		if busiest := g.busiestLocked(acquaintances); busiest != nil {
			g.dropSilentLocked(busiest, nil, 0, "descriptors", v)
		}
	}
	return g.open < g.maxOpen
}

// overLocked reports whether the address of a new connection has too many.
func (g *gate) overLocked(e *entry) bool {
	most := g.limits.Connections
	return most >= 0 && (e.address.open >= most || g.narrowIfFull(e) != nil)
}

// narrowIfFull is the /64 of a connection if that has too many.
func (g *gate) narrowIfFull(e *entry) *netip.Prefix {
	if e.where.Is6() && e.subnet.open >= max(g.limits.Connections/subnetShare, 1) {
		return &e.where.Narrow
	}
	return nil
}

// joinLocked counts the connection for its address. If that has too many, its oldest
// silent one goes.
func (g *gate) joinLocked(e *entry, v *victims) error {
	a := g.addresses[e.where.Wide]
	if a == nil {
		a = &address{prefix: e.where.Wide, subnets: make(map[netip.Prefix]*subnet)}
		g.addresses[e.where.Wide] = a
	}
	s := a.subnets[e.where.Narrow]
	if s == nil {
		s = &subnet{}
		a.subnets[e.where.Narrow] = s
	}
	e.address, e.subnet = a, s
	if g.overLocked(e) && !g.dropSilentLocked(a, g.narrowIfFull(e), 0, "connections", v) || g.overLocked(e) {
		g.forgetLocked(e)
		e.address, e.subnet = nil, nil
		g.limited.WithLabelValues("connections").Inc()
		return errConnections
	}
	a.open++
	s.open++
	return nil
}

// placeSilentLocked lists a silent connection and gives it a place if possible. When its
// address has too many, the oldest of them go, but not before slowAfter: players behind
// one address may all come at one moment, and their first bytes need a round trip.
func (g *gate) placeSilentLocked(e *entry, v *victims) {
	a, s, most := e.address, e.subnet, g.limits.Pending
	if most >= 0 {
		for s.silent >= most && g.dropSilentLocked(a, &e.where.Narrow, slowAfter, "pending", v) {
		}
		for a.silent.Len() >= 2*most && g.dropSilentLocked(a, nil, slowAfter, "pending", v) {
		}
	}
	e.quiet = a.silent.PushBack(e)
	s.silent++
	if most >= 0 && (s.silent > most || a.silent.Len() > 2*most) {
		return
	}
	if !g.poolRoomLocked(a) {
		g.makePoolRoomLocked(a, false, v)
	}
	if g.poolRoomLocked(a) {
		g.takePlaceLocked(e)
	}
}

// dropSilentLocked drops the oldest connection of the address, or only of one /64, that
// has sent nothing. It reports whether there was one of that age.
func (g *gate) dropSilentLocked(a *address, of *netip.Prefix, age time.Duration, limit string, v *victims) bool {
	for element := a.silent.Front(); element != nil; element = element.Next() {
		e := element.Value.(*entry)
		if g.now()-e.since < int64(age) {
			return false
		}
		if (of == nil || e.where.Narrow == *of) && !e.readable() {
			g.dropLocked(e, v, limit)
			return true
		}
	}
	return false
}

// poolRoomLocked reports whether an address may have one more place. Half of the places
// are for known addresses.
func (g *gate) poolRoomLocked(a *address) bool {
	total := g.classes[strangers].places + g.classes[acquaintances].places
	return total < g.maxPlaces && (g.classOfLocked(a) == acquaintances || g.classes[strangers].places < g.maxPlaces/2)
}

// classOfLocked is the class of an address. It does not change while it has places.
func (g *gate) classOfLocked(a *address) int {
	if a.places > 0 {
		return a.class
	}
	a.class = strangers
	for prefix, s := range a.subnets {
		if s.seated > 0 || g.known[prefix] > g.now() {
			a.class = acquaintances
		}
	}
	return a.class
}

// makePoolRoomLocked lets the address with the most places lose its oldest silent
// connection, if it has more than a. A connection that has sent something displaces any
// silent one after a while, and a slow handshake of the busiest address.
func (g *gate) makePoolRoomLocked(a *address, hasSent bool, v *victims) {
	class := g.classOfLocked(a)
	busiest := g.busiestLocked(class)
	if busiest == nil {
		return
	}
	if (busiest == a || busiest.places > a.places+1) && g.dropSilentLocked(busiest, nil, slowAfter, "pending", v) {
		return
	}
	if !hasSent {
		return
	}
	for element := g.classes[busiest.class].aged.Front(); element != nil; element = element.Next() {
		e := element.Value.(*entry)
		if g.now()-e.since < int64(slowAfter) {
			return
		}
		if e.stage == silent && !e.readable() || e.address == busiest && busiest.places > a.places+1 {
			g.dropLocked(e, v, "pending")
			return
		}
	}
}

// busiestLocked is the address with the most places among those that a newcomer of the
// class may displace: strangers displace strangers while these have their half.
func (g *gate) busiestLocked(newcomer int) *address {
	first := g.classes[strangers].ranking.top()
	if newcomer == strangers && g.classes[strangers].places >= g.maxPlaces/2 {
		return first
	}
	second := g.classes[acquaintances].ranking.top()
	if first == nil || second != nil && second.places > first.places {
		return second
	}
	return first
}
