package repeat

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tactus/internal/testtime"
)

func TestSender_repeatsTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var sent []string
		s := New(func(m *string) error {
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
		send := func(m string) {
			if err := s.Send(&m); err != nil {
				t.Error(err)
			}
		}
		testtime.Sleep(10 * time.Second)
		expect() // nothing to repeat yet
		send("a")
		testtime.Sleep(2 * time.Second)
		send("b")
		testtime.Sleep(7 * time.Second)
		expect("a 10s", "b 12s", "b 15s", "b 18s")
		send("over")
		testtime.Sleep(10 * time.Second)
		expect("over 19s")
		send("c")
		s.Stop()
		testtime.Sleep(10 * time.Second)
		expect("c 29s")
	})
}

func TestSender_stopsRepeatingAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		s := New(func(*int) error { tries++; return errors.New("gone") }, func(*int) bool { return true })
		if err := s.Send(new(int)); err == nil {
			t.Error("the error is lost")
		}
		testtime.Sleep(time.Minute)
		synctest.Wait()
		if tries != 2 {
			t.Errorf("%d tries", tries)
		}
		s.Stop()
	})
}
