// Package protocol implements the messages between a Tactus server and its
// clients: pure functions from values to bytes and back. docs/protocol.md
// specifies them; testdata/vectors has test vectors for every language.
//
// A message is one MessagePack array that begins with the message's type. Append
// functions add a whole message to a byte slice and never fail; the caller's
// values must keep the limits. Parse functions read bytes from an untrusted
// peer: they check every length against the bytes that have arrived before they
// allocate, check every range, and never panic.
//
// Messages of every tick (input, snapshot, ping, pong) are written and read
// without allocation. Hello, welcome and result are maps; they are written by
// github.com/vmihailenco/msgpack, which also checks the results of this package
// in tests. This package's own reader reads all messages: it walks nested values
// without recursion, rejects a number that does not fit instead of truncating
// it, and ignores trailing elements, as docs/protocol.md requires.
//
// Functions are safe for concurrent use on different slices. The package knows
// nothing about connections, matches or the rules of a game.
package protocol
