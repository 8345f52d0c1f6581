//go:build linux

// Command uring measures whether io_uring makes a server of the shape of Tactus
// cheaper: at each tick every client's socket is read and written once. It runs
// the same server with one system call for each of these and with variants of
// io_uring, in turns, against one generator on loopback, and prints what the
// server's process cost as ratios within a round. docs/adr/0005-io-uring.md has
// what came out.
package main
