package matchfn

import "time"

// quality rates a match from 1, perfect, to 0, the worst that the rules allow. It is 1
// less the mean of these shares, as far as the queue has the rule:
//   - the spread of the skills, of the widest distance;
//   - the difference of the teams, of the widest balance;
//   - the mean latency, of the largest;
//   - the mean wait, of the time until a search expires.
func (s *searcher) quality(d *draft) float64 {
	r := s.rules
	sum, n := 0.0, 0.0
	add := func(share float64) {
		sum += min(max(share, 0), 1)
		n++
	}
	if r.Skill != nil {
		add((d.high - d.low) / r.Skill.Widest())
	}
	if r.Balance != nil {
		add(d.uneven / r.Balance.Widest())
	}
	if r.Latency != nil {
		add(d.latency / float64(d.players))
	}
	waited := time.Duration(0)
	for _, i := range d.members {
		waited += time.Duration(max(s.groups.now-s.pools.info[i].created, 0)) / time.Duration(len(d.members))
	}
	add(float64(waited) / float64(r.Search.Expiry))
	return 1 - sum/n
}
