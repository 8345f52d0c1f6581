package background

import "testing"

func TestGroup_closeWaitsAndRefusesNewWork(t *testing.T) {
	var g Group
	release, finished := make(chan struct{}), false
	g.Go(func() {
		<-release
		finished = true
	})
	close(release)
	g.Close()
	if !finished {
		t.Error("Close did not wait")
	}
	g.Go(func() { t.Error("work began after Close") })
	g.Close()
}
