package engine

// Arrivals estimates when snapshots arrived that were read together. The time of
// arrival is known of the newest bytes only. If the read was late, the others are
// taken to have arrived evenly since the snapshot before them: to say that all
// arrived together would make gaps of the load tester's own delay. If the read was in
// time, they did arrive together. The zero value knows of no late read.
type Arrivals struct {
	earlier int64 // snapshots to come before the newest one
	apart   int64 // time between two of them; 0: no estimate
}

// Begin begins a read with so many snapshots, the newest at a time. previous is the
// arrival of the snapshot before them.
func (a *Arrivals) Begin(snapshots, previous, newest int64) {
	*a = Arrivals{}
	if snapshots > 1 {
		*a = Arrivals{earlier: snapshots - 1, apart: (newest - previous) / snapshots}
	}
}

// Next returns when the next snapshot of the read arrived, and whether that is
// estimated.
func (a *Arrivals) Next(newest int64) (at int64, estimated bool) {
	if a.apart == 0 || a.earlier == 0 {
		return newest, false
	}
	at = newest - a.earlier*a.apart
	a.earlier--
	return at, true
}
