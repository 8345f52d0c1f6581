package publicport

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Limits bound what one address, or all together, may have open on a port. An address is
// an IPv4 address or an IPv6 /64; a /56 gets twice as much. Zero means the default, and
// below zero no limit.
type Limits struct {
	// Pending is the number of connections that have sent nothing yet, and again of those
	// between their first byte and their first request or hello; default 64.
	Pending int
	// Accepts is the number of handshakes that an address may begin per second; default
	// 50. Ten times as many may begin at one moment.
	Accepts int
	// Connections is the number of open connections of an IPv4 address or a /56; default
	// 1,000. A /64 gets a quarter.
	Connections int
	// Exempt are the addresses without these limits, as CIDR or single address. Default:
	// none. Forwarded addresses are never exempt.
	Exempt []string
}

const (
	defaultPending     = 64
	defaultAccepts     = 50
	defaultConnections = 1000
	burstSeconds       = 10 // of the rate of accepts
	subnetShare        = 4  // of Connections: a /64 gets 1 in 4

	// maxPending is the most pending connections of all addresses, if the descriptors
	// allow that many.
	maxPending = 2048
	// patience is how long a connection or request waits for its turn.
	patience = 2 * time.Second
	// helloTimeout is the time from the first byte to the first request or hello, as long
	// as there is room.
	helloTimeout = 10 * time.Second
	// crowdedTimeout is the same, and the time to send a first byte, when more than half of
	// the pending places are taken.
	crowdedTimeout = 2 * time.Second
	// silenceTimeout is the time to send a first byte.
	silenceTimeout = 5 * time.Second
	// slowAfter is the age from which a handshake may have to give way to another address.
	slowAfter = time.Second
	// knownFor is how long an address is known after its last seat.
	knownFor = time.Minute
	// idleTimeoutCrowded is the longest idle time of a connection when more than three
	// quarters of the descriptors are in use.
	idleTimeoutCrowded = 15 * time.Second
)

func (l Limits) withDefaults() Limits {
	l.Pending = cmp.Or(l.Pending, defaultPending)
	l.Accepts = cmp.Or(l.Accepts, defaultAccepts)
	l.Connections = cmp.Or(l.Connections, defaultConnections)
	return l
}

func (l Limits) validate() error {
	if _, err := ParseNetworks(l.Exempt); err != nil {
		return fmt.Errorf("exempt addresses: %w", err)
	}
	return nil
}

var (
	errConnections = errors.New("too many connections from this address")
	errAccepts     = errors.New("too many handshakes from this address")
	errPending     = errors.New("too many handshakes at a time")
	errFull        = errors.New("no descriptors left for connections")
	errGone        = errors.New("connection closed")
)
