package matchmaker

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchIsNeverSilentForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var sent []string
		r := newRepeater(func(m *string) error {
			sent = append(sent, fmt.Sprint(*m, " ", time.Since(began)))
			return nil
		}, func(m *string) bool { return *m != "over" })
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if fmt.Sprint(sent) != fmt.Sprint(want) {
				t.Errorf("sent %q, want %q", sent, want)
			}
			sent = nil
		}
		say := func(m string) {
			if err := r.send(&m); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(10 * time.Second)
		expect() // there is nothing to say yet
		say("a")
		time.Sleep(2 * time.Second)
		say("b")
		time.Sleep(7 * time.Second)
		expect("a 10s", "b 12s", "b 15s", "b 18s")
		say("over")
		time.Sleep(10 * time.Second)
		expect("over 19s")
		say("c")
		r.stop()
		time.Sleep(10 * time.Second)
		expect("c 29s")
	})
}

func TestStreamThatCannotBeWrittenIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := newRepeater(func(*int) error { tries++; return errors.New("gone") }, func(*int) bool { return true })
		if err := r.send(new(int)); err == nil {
			t.Error("the error is lost")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tries != 2 {
			t.Errorf("%d tries", tries)
		}
		r.stop()
	})
}
