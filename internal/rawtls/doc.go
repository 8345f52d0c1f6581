// Package rawtls runs TLS 1.3 on bytes that its caller receives and sends: in a tick,
// from a non-blocking descriptor, in loops over many connections.
//
// The handshake, and all else that may block, takes place over a net.Conn as usual, with
// crypto/tls. Then [Detach] turns the connection into [Records], which does no I/O. It
// passes only whole records to crypto/tls, which therefore never waits within one, and
// collects what crypto/tls writes. See docs/adr/0019-tls-at-the-tick.md.
package rawtls
