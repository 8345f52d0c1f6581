package driver

import (
	"go.uber.org/zap"

	"tactus/internal/ws"
	"tactus/protocol"
	"tactus/server/internal/match"
	"tactus/server/internal/watchdog"
)

// giveUp ends a match whose turn hangs, without the turn's goroutine, which owns the
// match for ever. The watchdog calls it.
//
// The turn keeps its descriptors: closed here, their numbers would be given to other
// clients, and the turn would write to those when it went on. The sockets are shut down
// instead.
func (d *Driver) giveUp() {
	c := &d.cfg.Match
	c.Metrics.HungTurns.Inc()
	c.Log.Error("match lost: its turn hangs", c.LogFields(zap.ByteString("stack", d.cfg.Watchdog.Stacks(watchdog.Pointer(d))))...)
	reason := match.EndError
	if d.finished.Load() { // the result counts
		reason = match.EndOver
	}
	rest, conns := d.inbox.shut(d.done)
	for _, r := range rest {
		if r.conn != nil {
			r.conn.Close(protocol.CloseGameError, protocol.CloseGameError.Text())
		}
	}
	for _, conn := range conns {
		conn.Abort(protocol.CloseGameError, protocol.CloseGameError.Text())
	}
	d.record.Abandon(reason)
	d.cfg.OnEnd(match.EndReport{ID: c.ID, Reason: reason})
	d.over()
}

// conns are the connections that a match was given. The match closes them without a
// word to this list, which forgets closed ones when it has doubled. It is not safe for
// concurrent use; owned by the inbox.
type conns struct {
	list  []*ws.Conn
	limit int // length at which closed ones are dropped
}

// minConns is the least length at which a list is searched for closed connections.
const minConns = 16

func (c *conns) add(conn *ws.Conn) {
	if len(c.list) >= max(c.limit, minConns) {
		kept := c.list[:0]
		for _, old := range c.list {
			if !old.Released() {
				kept = append(kept, old)
			}
		}
		clear(c.list[len(kept):])
		c.list, c.limit = kept, 2*len(kept)
	}
	c.list = append(c.list, conn)
}
