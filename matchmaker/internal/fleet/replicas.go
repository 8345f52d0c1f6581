package fleet

import (
	"bytes"
	"slices"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// replicas are the matchmakers that game servers connect to. Not safe for
// concurrent use; owned by the registry, under its lock.
type replicas struct {
	addresses []string
	keys      [][]byte // public keys that they sign join tokens with
	version   int      // counts the changes
}

// set reports whether the replicas have changed.
func (l *replicas) set(addresses []string, keys [][]byte) (changed bool) {
	addresses = slices.Sorted(slices.Values(addresses))
	keys = slices.CompactFunc(slices.SortedFunc(slices.Values(keys), bytes.Compare), bytes.Equal)
	if slices.Equal(addresses, l.addresses) && slices.EqualFunc(keys, l.keys, bytes.Equal) {
		return false
	}
	l.addresses, l.keys = addresses, keys
	l.version++
	return true
}

func (l *replicas) message() *fleetv1.Replicas {
	return &fleetv1.Replicas{Addresses: slices.Clone(l.addresses), TokenKeys: slices.Clone(l.keys)}
}

// sendTo sends the replicas to a server that does not know them. A server that does
// not read gets them after its next load.
func (l *replicas) sendTo(s *server) {
	if s.replicasVersion == l.version {
		return
	}
	if s.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Replicas{Replicas: l.message()}}) {
		s.replicasVersion = l.version
	}
}
