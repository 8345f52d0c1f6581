//go:build wasip1

// Command arenawasm is the arena's rules for the browser:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o arena.wasm ./cmd/arenawasm
package main

import (
	"tactus/game/arena"
	"tactus/game/wasm"
)

func init() { wasm.Register(arena.Game) }

func main() {}
