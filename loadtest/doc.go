// Package loadtest plays on a Tactus server with many bots and measures what players
// get: how much of the state arrives, how evenly, how soon an input shows, and what a
// client costs the server.
//
// It is a black box. Bots connect as every other client does: matchmaker, ticket, join
// token, WebSocket. They know of the server what package protocol and the .proto
// contracts say. The schema in a game's welcome says which inputs it takes, so that
// any game can be tested.
//
// [Run] starts the bots at a steady rate, waits until all are in a match, measures a
// window and returns a [Report]. A bot is a state machine for one seat: it resumes the
// seat when its connection is lost, and searches again when its match is over.
// Connections are served by the engines of loadtest/internal/engine, which cost so
// little that the load tester is not what a test measures. Where it is all the same,
// the report says so.
package loadtest
