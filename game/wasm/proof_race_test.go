//go:build race

package wasm

// proofTicks is short here: the race detector finds nothing in rules, which
// start no goroutine, and slows the native half down twentyfold.
const proofTicks = 5_000
