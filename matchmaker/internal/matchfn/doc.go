// Package matchfn implements the match function of queues that are configured by
// rules.
//
// A [Matcher] receives the groups that wait and the state of the fleet, and returns
// proposals that satisfy every rule for every group in them. It is deterministic and
// does no I/O. It first fills running matches that ask for players, then forms new
// ones, starting with the group that has the highest priority and has waited longest.
//
// A Matcher keeps an index of the groups between calls. The index saves time and
// does not influence the result, with one exception: searches too large for one call
// take turns over several.
package matchfn
