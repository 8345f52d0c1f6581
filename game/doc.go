// Package game is the contract between Tactus and the rules of a match.
//
// A game developer implements [Game] and [World] over tables of 32-bit words
// ([Tables], [NewTable]). Everything else is derived from the tables: each
// player's snapshots, checkpoints, the state hash, replays and prediction in the
// browser. The same package is compiled into the server and, as WebAssembly,
// into the page.
//
// A match is a function: state(t+1) = Step(state(t), inputs(t+1)). Rules read
// no clock, do no I/O, start no goroutine, range over no map and use no float;
// package game/gametest finds rules that do.
//
// A match belongs to one goroutine: neither [World] nor [Simulation] is safe for
// concurrent use. A [Game] is shared by all matches.
//
// The package imports the standard library only, and of it nothing that grows
// the WebAssembly build or hides a source of variation: no fmt, os, net, time,
// sync or encoding. Reflection is used at start only. It knows nothing about
// connections, snapshots or the server.
package game
