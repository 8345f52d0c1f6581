//go:build !linux

package ws

// Poller watches silent connections. On this system it watches none. Not safe for
// concurrent use; owned by the goroutine that runs the match.
type Poller struct{}

// NewPoller makes an empty poller, which never calls wake.
func NewPoller(func()) *Poller { return &Poller{} }

// Park reports false: the connection can't be watched.
func (p *Poller) Park(*Conn, uint32) bool { return false }

// Unpark stops watching a connection.
func (p *Poller) Unpark(*Conn) {}

// Ready appends the keys of parked connections that have something to read.
func (p *Poller) Ready(keys []uint32) []uint32 { return keys }

// Close releases the poller.
func (p *Poller) Close() error { return nil }
