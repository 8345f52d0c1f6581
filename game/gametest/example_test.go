package gametest_test

import (
	"fmt"
	"testing"

	"tactus/game/gametest"
	"tactus/game/tag"
)

// TestGame_conforms is all the code that the test of a game needs.
func TestGame_conforms(t *testing.T) {
	gametest.Run(t, tag.Game, gametest.Ticks(60))
}

// Verify checks outside of a test what [gametest.Run] checks in one.
func ExampleVerify() {
	err := gametest.Verify(tag.Game, gametest.Ticks(60))
	fmt.Println(err)
	// Output: <nil>
}
