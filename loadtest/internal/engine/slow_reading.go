package engine

import "time"

// SlowReading makes a client read slowly, and counts how it does. It is not safe for
// concurrent use; owned by the engine that serves the client, and by the client
// within calls of that engine.
type SlowReading struct {
	// The client reads during the first For of each Every.
	For, Every time.Duration
	// Bytes, if not 0, makes it read at most so many bytes once each Every instead.
	Bytes int

	Pauses  int64 // how often it has stopped reading
	Resumed int64 // when it last began to read again, 0: not yet

	began  int64
	paused bool
}

// restart starts the pattern for a new connection.
func (s *SlowReading) restart(now int64) {
	if s != nil {
		s.began, s.paused, s.Resumed = now, false, 0
	}
}

// reads reports whether the client reads everything now. It never does where Bytes
// limits it.
func (s *SlowReading) reads(now int64) bool {
	return s.Bytes == 0 && (now-s.began)%int64(s.Every) < int64(s.For)
}

// update counts pauses by whether the client reads now.
func (s *SlowReading) update(now int64, reads bool) {
	switch {
	case reads && s.paused:
		s.Resumed = now
	case !reads && !s.paused:
		s.Pauses++
	}
	s.paused = !reads
}

// pauseLeft returns how long a client that does not read will stay so.
func (s *SlowReading) pauseLeft(now int64) time.Duration {
	return s.Every - time.Duration((now-s.began)%int64(s.Every))
}
