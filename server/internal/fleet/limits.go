package fleet

import "time"

const (
	// maxReplicas bounds the streams of one server.
	maxReplicas = 64
	// keptAnswers bounds how many answers are kept for repeated requests.
	keptAnswers = 4096
	// parallelReserves bounds the reservations being answered at once on one
	// stream; more wait in it.
	parallelReserves = 64
	// maxResults bounds the ended matches whose end waits to be acknowledged;
	// the oldest is dropped above it.
	maxResults = 10_000
	// maxInFlight bounds the ended matches told over one stream and not
	// acknowledged yet.
	maxInFlight = 64

	// loadSpacing is the least time between two loads of one stream.
	loadSpacing     = 20 * time.Millisecond
	minLoadInterval = 100 * time.Millisecond
	maxLoadInterval = time.Minute

	handshakeTimeout = 5 * time.Second
	keepaliveTime    = 15 * time.Second
	keepaliveTimeout = 5 * time.Second
	// ackTimeout is how long one matchmaker has to acknowledge a match's end
	// before another is told.
	ackTimeout = 2 * time.Second
	// dropAfter is how long a replica that nobody tells of any more is kept.
	dropAfter = 30 * time.Second
	// ackWaitTimeout bounds how long the end of the client waits for
	// acknowledgements, lonelyTimeout how long it does so without a connection.
	// Matchmakers can't store anything while NATS elects a leader, up to 10 s.
	ackWaitTimeout = 15 * time.Second
	connectTimeout = time.Second
	// closeTimeout is how long a matchmaker has to answer the end of our side of
	// a stream.
	closeTimeout = time.Second
)
