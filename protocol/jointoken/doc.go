// Package jointoken makes and checks the two tokens of Tactus, both JSON Web
// Tokens (RFC 7519) signed with Ed25519 (RFC 8037). A join token is a seat: the
// matchmaker signs it, and the one game server it names lets its player in,
// once. A guest token is who an anonymous player is, from one visit to the
// next. Neither passes for the other.
//
// That a join token is used only once is for the server to see to: it remembers
// the ids of the seats it holds.
package jointoken
