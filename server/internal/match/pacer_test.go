package match

import (
	"testing"
	"time"
)

const second = int64(time.Second)

func TestPacer_keepsAbsoluteDeadlines(t *testing.T) {
	p := newPacer(20, 0)
	for n := int64(1); n <= 100; n++ {
		if want := n * second / 20; p.next != want {
			t.Fatalf("tick %d is due at %d, want %d", n, p.next, want)
		}
		p.ticked(p.next + second/100) // each tick ends a little late
	}
	if p.percent != 100 {
		t.Errorf("speed %d %%, want 100", p.percent)
	}
}

func TestPacer_catchesUpTwoTicksAtMost(t *testing.T) {
	p := newPacer(20, 0)
	period := second / 20
	if back := p.ticked(p.next + 3*period); back != 0 || p.next != 2*period {
		t.Errorf("two ticks behind: put back by %d, next at %d; want to catch up", back, p.next)
	}
	p = newPacer(20, 0)
	late := p.next + 10*period
	if back := p.ticked(late); back != 9*period || p.next != late {
		t.Errorf("nine ticks behind: put back by %d, next at %d; want %d and %d", back, p.next, 9*period, late)
	}
}

func TestPacer_wakesAtFullSpeed(t *testing.T) {
	p := newPacer(20, 0)
	p.setPause(pollPeriod, 0)
	for range 30 {
		p.ticked(p.next)
	}
	if p.percent != 50 {
		t.Errorf("speed %d %% at rest, want 50", p.percent)
	}
	p.setPause(0, p.next)
	due := p.next
	p.ticked(due)
	if p.percent != 100 || p.next != due+second/20 {
		t.Errorf("awake: speed %d %%, next tick after %d ns; want 100 and %d", p.percent, p.next-due, second/20)
	}
}

func TestPacer_reportsTheSpeedOfTheClock(t *testing.T) {
	p := newPacer(20, 0)
	now := int64(0)
	for range 100 {
		now += second / 10 // each tick takes two periods
		now = max(now, p.next)
		p.ticked(now)
	}
	if p.percent < 45 || p.percent > 55 {
		t.Errorf("speed %d %%, want about 50", p.percent)
	}
	for range 100 {
		now = p.next
		p.ticked(now)
	}
	if p.percent != 100 {
		t.Errorf("speed %d %% after recovery, want 100", p.percent)
	}
}
