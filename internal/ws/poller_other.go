//go:build !linux

package ws

// Poller watches silent connections. On this system it watches none: each has
// to be polled.
type Poller struct{}

// NewPoller makes an empty poller, which has no reason to call wake.
func NewPoller(func()) *Poller { return &Poller{} }

// Park reports false: the connection has to be polled.
func (p *Poller) Park(*Conn, uint32) bool { return false }

// Unpark stops watching a connection.
func (p *Poller) Unpark(*Conn) {}

// Ready appends the keys of parked connections that have something to read.
func (p *Poller) Ready(keys []uint32) []uint32 { return keys }

// Close releases the poller.
func (p *Poller) Close() error { return nil }
