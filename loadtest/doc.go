// Package loadtest plays on a Tactus server with many bots at once and measures
// what players get: how much of the state arrives, how evenly, how soon an input
// shows, and what a client costs the server.
//
// It is a black box: bots take the road of every other client (matchmaker,
// ticket, join token, WebSocket) and know of the server what package protocol
// and the .proto contracts say. Which inputs a game takes is read from the
// schema in its welcome, so any game can be tested.
//
// Bots are cheap. On Linux a bot that has joined is a raw descriptor in an epoll
// set; one loop serves some thousand of them without allocating, so that the
// load tester is not what a test measures. Where it is all the same, the report
// says so.
package loadtest
