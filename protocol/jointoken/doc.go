// Package jointoken mints and verifies the two tokens of Tactus, both JSON Web
// Tokens (RFC 7519) signed with Ed25519 (RFC 8037). A join token is a seat: the
// matchmaker signs it, and the one game server it names admits its player once.
// A guest token is the identity of an anonymous player from one visit to the
// next. Neither is accepted as the other.
//
// The package does not check that a join token is used only once. The game
// server does: it remembers the ids of the seats it holds.
package jointoken
