//go:build wasip1

// Command tagwasm is the rules of tag for the tests of package wasm.
package main

import (
	"tactus/game/tag"
	"tactus/game/wasm"
)

func init() { wasm.Register(tag.Game) }

func main() {}
