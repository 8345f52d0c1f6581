// Package protocol is the wire between a Tactus server and its clients: pure
// functions from values to bytes and back. docs/protocol.md is the contract
// they keep; testdata/vectors proves it to every language.
//
// A message is one MessagePack array whose first element is its type. Append
// functions add a whole message to a byte slice and never fail; what goes in is
// the caller's own and is expected to keep the limits. Parse functions take
// bytes from a stranger: they check every length against the bytes that are
// really there before they allocate, check every range, and never panic.
//
// Messages of every tick (input, snapshot, ping, pong) are written and read
// without allocation. Hello, welcome and result are maps; they are written by
// github.com/vmihailenco/msgpack, which is also the oracle of the tests. They
// are read by this package's own reader all the same: it walks nested values
// without recursion, refuses a number that does not fit instead of cutting it,
// and ignores trailing elements, as the contract wants.
package protocol
