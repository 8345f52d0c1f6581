package matchfn

import "time"

// quality rates a match from 1, perfect, to 0, the worst that the rules allow:
// 1 less the mean of the shares that it uses up of what they allow at all. These
// are the spread of the skills of the widest distance, the difference of the
// teams of the widest that balance allows, the mean round trip of the largest,
// and the mean wait of the time until a search expires; a share that the queue
// has no rule for does not count.
func (m *Matcher) quality(t *draft) float64 {
	q := m.rules
	sum, n := 0.0, 0.0
	use := func(share float64) {
		sum += min(max(share, 0), 1)
		n++
	}
	if q.Skill != nil {
		use((t.high - t.low) / q.Skill.Widest())
	}
	if q.Balance != nil {
		use(t.uneven / q.Balance.Widest())
	}
	if q.Latency != nil {
		use(t.latency / float64(t.players))
	}
	waited := time.Duration(0)
	for _, i := range t.members {
		waited += time.Duration(max(m.now-m.pools.info[i].created, 0)) / time.Duration(len(t.members))
	}
	use(float64(waited) / float64(q.Search.Expiry))
	return 1 - sum/n
}
