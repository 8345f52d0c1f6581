// Package fanout reads and writes the sessions of a match: those of a small match on
// the goroutine that runs the match, those of a big one in shards.
//
// A shard is a fixed share of the sessions, and the goroutine that reads and writes
// them. The first shard is run by the match's own goroutine. In a pass, every shard
// visits its sessions, and the match waits for all of them. Between passes all
// sessions belong to the match's goroutine.
//
// While a pass runs, nothing changes what the shards share: the list of sessions,
// [session.Shared], the world and its [replicate.Tracker].
package fanout
