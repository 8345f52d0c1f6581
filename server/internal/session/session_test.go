package session

import (
	"testing"
	"unsafe"
)

// TestSession_size: ten thousand of them may be silent.
func TestSession_size(t *testing.T) {
	if size := unsafe.Sizeof(Session{}); size > 208 {
		t.Errorf("a session has %d bytes, want 208 at most", size)
	}
	if end := unsafe.Offsetof(Session{}.requests) + unsafe.Sizeof(Session{}.requests); end > 192 {
		t.Errorf("what every tick needs ends at byte %d, want three cache lines at most", end)
	}
}
