// Package ws moves the bytes of WebSocket connections (RFC 6455): the upgrade,
// frames in both directions, and their limits. It knows no match and no
// message.
//
// A connection has two lives. As a [Pending] it is read by the goroutine that
// shakes hands, with ordinary blocking I/O and deadlines. As a [Conn] it
// belongs to the goroutine that runs its match, which reads it once and writes
// it once a tick and never waits: on Linux a plain TCP connection is then a
// raw non-blocking descriptor without goroutine, timer or read buffer of its
// own; everywhere else, and under TLS, two goroutines serve the same interface.
//
// Clients send whole binary messages of a bounded size. Text, fragments,
// extensions and frames without a mask end the connection with a number and a
// reason, before anything of the declared size is allocated.
package ws
