// Package replicate turns the tables of a match into snapshots for its clients.
//
// Three steps produce a snapshot. The [Tracker] compares the tables with a copy
// taken at the last snapshot and stamps every column that changed. For each client,
// interest management selects the cells its player can see. The [Encoder] writes the
// changes since the client's baseline; bytes that several clients need are encoded
// once and copied.
//
// A client's baseline is the last snapshot it was sent. A client without a baseline
// gets a keyframe.
//
// # Life of a snapshot
//
//	goroutine that runs the match          each goroutine that encodes
//
//	Tracker.CollectEvents   every tick
//	Tracker.BeginSnapshot
//	  table.stamp           changes
//	  placement.place       by cell
//	Tracker.Prepare         each View
//	        │
//	        └──────────────────────────▶   Encoder.Reset   once, before the first Encode
//	                                       Encoder.Encode  each View
//	                                         interest.update   visible cells
//	                                         rowSet.collect    rows of a block
//	                                         writer.block      bytes
//	        ┌───────────────────────────   View.Sent       if it was sent
//	        ▼
//	Tracker.EndSnapshot     the copy is updated
//
// # Ownership
//
// A match has one Tracker for as long as it lives. The goroutine that runs the match
// owns it and makes all calls in the left column; only these ask the world. An
// Encoder belongs to the goroutine that encodes with it. A small match has one; a
// match with shards has one for each of them. While encoders work, the owner of the
// tracker changes neither the tracker nor the tables. A [View] belongs to a client's
// session. At any time one encoder works on it.
//
// # What it does not do
//
// The package knows nothing about connections, sessions and the rate of snapshots.
// It does not decide which clients get a snapshot, and it keeps none of those it
// encoded. It does not queue: a client that skipped snapshots gets the changes since
// its baseline.
//
// Nothing in this package allocates once its buffers have grown to the size of the
// match, except for a client's first snapshot in a world with interest.
package replicate
