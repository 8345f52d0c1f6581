//go:build !race

package wasm

// proofTicks is how long the random matches are that both builds have to play
// alike.
const proofTicks = 100_000
