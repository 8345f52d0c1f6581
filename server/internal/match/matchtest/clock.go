package matchtest

// Clock only moves when the test moves it.
type Clock struct {
	Time  int64
	Late  int64 // by how much sleepers wake up late
	Still int64
}

// Now is the time.
func (c *Clock) Now() int64 { return c.Time }

// StoodStill is for how long the process was suspended.
func (c *Clock) StoodStill() int64 { return c.Still }

// SleepUntil moves the time, or takes what wake has.
func (c *Clock) SleepUntil(t int64, wake <-chan struct{}) {
	select {
	case <-wake:
	default:
		c.Time = max(c.Time, t) + c.Late
	}
}
