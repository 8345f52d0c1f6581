package publicport

import (
	"net/netip"
)

// speak records the first byte. It returns nil if the handshake may begin, else a channel
// that is closed when it may, but without now not before request.
func (g *gate) speak(e *entry, now bool) (granted <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.stage == gone {
		return nil, errGone
	}
	if e.stage == silent {
		g.unquietLocked(e)
	}
	if now {
		return g.requestLocked(e), nil
	}
	g.leavePlaceLocked(e)
	e.stage = waiting
	return make(chan struct{}), nil
}

// request asks for the place of a handshake, like speak.
func (g *gate) request(e *entry) (granted <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.stage == gone {
		return nil, errGone
	}
	return g.requestLocked(e), nil
}

// requestLocked begins the handshake and returns nil, or queues it.
func (g *gate) requestLocked(e *entry) <-chan struct{} {
	if g.eligibleLocked(e) {
		g.beginLocked(e)
		return nil
	}
	g.leavePlaceLocked(e)
	e.stage, e.granted = waiting, make(chan struct{})
	e.queue = e.address.waiting.PushBack(e)
	g.queued[e.address] = struct{}{}
	var v victims
	g.pressLocked(e, &v)
	if len(v) > 0 {
		go v.end() // the lock is held
	}
	return e.granted
}

// pressLocked lets others give way to a handshake that waits: slow ones of its address if
// that has too many, else those of the busiest.
func (g *gate) pressLocked(e *entry, v *victims) {
	if !g.fullLocked(e) {
		if !g.poolRoomLocked(e.address) {
			g.makePoolRoomLocked(e.address, true, v)
		}
		return
	}
	for element := g.classes[e.address.class].aged.Front(); element != nil; element = element.Next() {
		other := element.Value.(*entry)
		if g.now()-other.since < int64(slowAfter) {
			return
		}
		if other.address == e.address && other.stage == shaking {
			g.dropLocked(other, v, "pending")
			return
		}
	}
}

// fullLocked reports whether the address has as many handshakes as it may.
func (g *gate) fullLocked(e *entry) bool {
	most := g.limits.Pending
	return most >= 0 && (e.subnet.shaking >= most || e.address.shaking >= 2*most)
}

// press lets others give way to a handshake that still waits.
func (g *gate) press(e *entry) {
	var victims victims
	defer victims.end()
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.stage == waiting {
		g.pressLocked(e, &victims)
	}
}

// checkGranted ends the wait for a place.
func (g *gate) checkGranted(e *entry) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch e.stage {
	case gone:
		return errGone
	case waiting:
		g.limited.WithLabelValues("pending").Inc()
		return errPending
	default:
		return nil
	}
}

// eligibleLocked reports whether a handshake may begin.
func (g *gate) eligibleLocked(e *entry) bool {
	if g.fullLocked(e) {
		return false
	}
	return e.placed || g.poolRoomLocked(e.address)
}

func (g *gate) beginLocked(e *entry) {
	if !e.placed {
		g.takePlaceLocked(e)
	}
	e.stage = shaking
	e.address.shaking++
	e.subnet.shaking++
}

func (g *gate) takePlaceLocked(e *entry) {
	a := e.address
	c := &g.classes[g.classOfLocked(a)]
	e.placed = true
	c.places++
	c.ranking.move(a, a.places, a.places+1)
	a.places++
	e.since = g.now()
	e.aged = c.aged.PushBack(e)
}

// leavePlaceLocked gives the place of a connection to the next that waits for one.
func (g *gate) leavePlaceLocked(e *entry) {
	g.unquietLocked(e)
	if e.stage == shaking {
		e.address.shaking--
		e.subnet.shaking--
	}
	if !e.placed {
		return
	}
	a := e.address
	c := &g.classes[a.class]
	e.placed = false
	c.places--
	c.ranking.move(a, a.places, a.places-1)
	a.places--
	c.aged.Remove(e.aged)
	e.stage = waiting // not counted any more; the caller says what it is
	g.grantLocked(a)
}

func (g *gate) unquietLocked(e *entry) {
	if e.quiet != nil {
		e.address.silent.Remove(e.quiet)
		e.subnet.silent--
		e.quiet = nil
	}
}

// sampled is the number of addresses among which a free place goes to the one with the
// fewest.
const sampled = 8

// grantLocked gives a place that has become free to a waiting handshake: of the same
// address, else of one with few places.
func (g *gate) grantLocked(a *address) {
	if g.grantToLocked(a) {
		return
	}
	var best *address
	n := 0
	for other := range g.queued {
		if n++; n > sampled {
			break
		}
		if best == nil || other.places < best.places {
			best = other
		}
	}
	if best != nil {
		g.grantToLocked(best)
	}
}

// grantToLocked begins the first handshake of the address that may begin.
func (g *gate) grantToLocked(a *address) bool {
	for element := a.waiting.Front(); element != nil; element = element.Next() {
		e := element.Value.(*entry)
		if !g.eligibleLocked(e) {
			if !e.where.Is6() {
				return false // the others are of the same address
			}
			continue
		}
		g.dequeueLocked(e)
		g.beginLocked(e)
		close(e.granted)
		return true
	}
	return false
}

func (g *gate) dequeueLocked(e *entry) {
	if e.queue == nil {
		return
	}
	e.address.waiting.Remove(e.queue)
	e.queue = nil
	if e.address.waiting.Len() == 0 {
		delete(g.queued, e.address)
	}
}

// leaveLocked ends the count of a connection.
func (g *gate) leaveLocked(e *entry) {
	if e.stage == gone {
		return
	}
	if e.idle != nil {
		g.idle.Remove(e.idle)
		e.idle = nil
	}
	if e.socket {
		g.open--
	}
	if e.address == nil {
		e.stage = gone
		return
	}
	g.dequeueLocked(e)
	g.leavePlaceLocked(e)
	e.stage = gone
	e.address.open--
	e.subnet.open--
	if e.seated {
		e.subnet.seated--
		g.rememberLocked(e.where.Narrow)
	}
	g.forgetLocked(e)
}

// maxKnown bounds the addresses that are remembered after their last seat.
const maxKnown = 50_000

// rememberLocked makes an address known for a while.
func (g *gate) rememberLocked(prefix netip.Prefix) {
	if len(g.known) >= maxKnown {
		now := g.now()
		for other, until := range g.known {
			if until <= now {
				delete(g.known, other)
			}
		}
	}
	if len(g.known) < maxKnown {
		g.known[prefix] = g.now() + int64(knownFor)
	}
}

// forgetLocked removes an address without connections.
func (g *gate) forgetLocked(e *entry) {
	if e.subnet.open == 0 {
		delete(e.address.subnets, e.where.Narrow)
	}
	if e.address.open == 0 {
		delete(g.addresses, e.where.Wide)
	}
}

// expireLocked ends pending connections that take too long.
func (g *gate) expireLocked(v *victims) {
	total := g.classes[strangers].places + g.classes[acquaintances].places
	for i := range g.classes {
		c := &g.classes[i]
		longest := helloTimeout
		if total > g.maxPlaces/2 || i == strangers && c.places > g.maxPlaces/4 {
			longest = crowdedTimeout
		}
		for front := c.aged.Front(); front != nil; front = c.aged.Front() {
			e := front.Value.(*entry)
			if g.now()-e.since < int64(longest) {
				break
			}
			g.dropLocked(e, v, "pending")
		}
	}
}

// ranking orders addresses by their places. Its zero value is empty.
type ranking struct {
	by []map[*address]struct{} // index: places
}

// move records that an address has another number of places.
func (r *ranking) move(a *address, from, to int) {
	if from > 0 {
		delete(r.by[from], a)
	}
	for len(r.by) <= to {
		r.by = append(r.by, nil)
	}
	if to > 0 {
		if r.by[to] == nil {
			r.by[to] = make(map[*address]struct{})
		}
		r.by[to][a] = struct{}{}
	}
	for len(r.by) > 0 && len(r.by[len(r.by)-1]) == 0 {
		r.by = r.by[:len(r.by)-1]
	}
}

// top is an address with the most places, nil without any.
func (r *ranking) top() *address {
	if len(r.by) == 0 {
		return nil
	}
	for a := range r.by[len(r.by)-1] {
		return a
	}
	return nil
}
