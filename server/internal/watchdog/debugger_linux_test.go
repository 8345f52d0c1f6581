package watchdog

import "testing"

func TestTracer_isReadFromStatus(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\ttactus\nTracerPid:\t0\nUid:\t0\n":   false,
		"Name:\ttactus\nTracerPid:\t812\nUid:\t0\n": true,
		"Name:\ttactus\n":                           false,
		"":                                          false,
	} {
		if got := traced([]byte(status)); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}
