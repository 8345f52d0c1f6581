package fleet

import (
	"time"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// orphans are reservations that servers did not answer before they were gone, by
// server id. A server that comes back releases them. Not safe for concurrent use;
// owned by the registry, under its lock.
type orphans map[string][]orphan

type orphan struct {
	release *fleetv1.Release
	at      time.Time
}

func (o orphans) add(serverID string, release *fleetv1.Release) {
	o[serverID] = append(o[serverID], orphan{release: release, at: time.Now()})
}

// releaseBy sends the releases to a server that has come back. Servers have freed
// seats by themselves after hold.
func (o orphans) releaseBy(s *server, hold time.Duration) {
	for _, one := range o[s.id] {
		if time.Since(one.at) < hold {
			s.send(releaseMessage(one.release))
		}
	}
	delete(o, s.id)
}

// expire drops what servers have freed by themselves.
func (o orphans) expire(hold time.Duration) {
	for id, list := range o {
		if time.Since(list[len(list)-1].at) >= hold {
			delete(o, id)
		}
	}
}
