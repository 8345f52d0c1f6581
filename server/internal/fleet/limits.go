package fleet

import "time"

const (
	// maxReplicas bounds the streams of one server.
	maxReplicas = 64
	// maxKeptAnswers bounds how many answers are kept for repeated requests.
	maxKeptAnswers = 4096
	// parallelReserves bounds the reservations being answered at once on one
	// stream; more wait in it.
	parallelReserves = 64
	// maxResults bounds the results that wait for an acknowledgement. Above it the
	// oldest is dropped.
	maxResults = 10_000
	// maxInFlight bounds the unacknowledged results of one stream.
	maxInFlight = 64

	// loadSpacing is the least time between two loads of one stream.
	loadSpacing     = 20 * time.Millisecond
	minLoadInterval = 100 * time.Millisecond
	maxLoadInterval = time.Minute

	// idInUseRetry is the wait while another process has this server's id.
	idInUseRetry = 2 * time.Second

	handshakeTimeout = 5 * time.Second
	keepaliveTime    = 15 * time.Second
	keepaliveTimeout = 5 * time.Second
	// ackTimeout is how long a matchmaker has to acknowledge a result before it is
	// sent to another.
	ackTimeout = 2 * time.Second
	// dropAfter is how long a link is kept to a replica that is no longer listed.
	dropAfter = 30 * time.Second
	// ackWaitTimeout bounds how long a client that ends waits for acknowledgements,
	// connectTimeout how long it waits for them without a connection.
	// Matchmakers can't store anything while NATS elects a leader, up to 10 s.
	ackWaitTimeout = 15 * time.Second
	connectTimeout = time.Second
	// closeTimeout is how long a matchmaker has to close its side of a stream.
	closeTimeout = time.Second
)
