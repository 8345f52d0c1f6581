// Package ws implements server-side WebSocket connections (RFC 6455) for a server
// that does its I/O at fixed ticks.
//
// After the upgrade a connection is [Pending]: it is read with blocking I/O and
// deadlines until the client has identified itself. Then it becomes a [Conn], which
// has one owner at a time, such as the goroutine that runs a match, and never blocks. On Linux
// a Conn is a raw non-blocking descriptor without a goroutine, timer or buffer of its
// own; on other systems, under TLS and with ForcePortable, a goroutine reads it and
// another writes what the socket does not accept at once. [ReadBatch] and
// [WriteBatch] read and write many connections with back-to-back system calls.
// A [Poller] watches connections whose clients are silent.
//
// Clients must send unfragmented, masked binary messages of bounded size. Text
// messages, fragments and extensions close the connection with a code and a reason,
// before memory for the announced length is allocated.
//
// The package knows nothing about matches or the content of messages.
package ws
