package match

import (
	"testing"
	"unsafe"
)

// TestPlayerSlot_size: ten thousand of them may be silent.
func TestPlayerSlot_size(t *testing.T) {
	if size := unsafe.Sizeof(playerSlot{}); size != 320 {
		t.Errorf("a player has %d bytes, want five cache lines", size)
	}
}
