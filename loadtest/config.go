package loadtest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// Config says what to play, with how many bots and for how long. The zero value
// plays the first mode of the only game on http://127.0.0.1:8080 with 100 bots
// for 30 s.
type Config struct {
	// URL is the matchmaker's public origin, http or https.
	URL string
	// TLS is used for an https URL and for wss play URLs; nil: the system's authorities.
	TLS *tls.Config
	// Game and Mode name what to play; empty: the server's only game, its first
	// mode.
	Game, Mode string
	// Players is the number of bots.
	Players int
	// PerMatch puts groups of so many bots in matches of their own, private rooms.
	// The last group may be smaller. 0: bots search like any player.
	PerMatch int
	// Duration is the time that is measured, after ramp and warm-up.
	Duration time.Duration
	// Ramp is the time over which bots arrive, at a steady rate that does not depend
	// on earlier bots. 0: 200 a second.
	Ramp time.Duration
	// WarmUp is the time between the last arrival and the first measurement.
	WarmUp time.Duration
	// Seed makes the bots' choices repeatable. 0 is a seed like others.
	Seed uint64
	// Verify keeps a copy of the state for each bot and compares its hash with every
	// hash that the server sends.
	Verify bool
	// SlowReaders is how many of the bots read slowly, with a small receive buffer.
	// They are not measured: the figures show what the other bots notice of them.
	SlowReaders int
	// SlowAs is how slow readers read; empty: in bursts.
	SlowAs Slowness
	// ServerPID is a process on this machine. Its CPU time is measured. 0: none.
	ServerPID int
	// Thresholds are conditions on the result, like "gap_p99<50",
	// "delivered>=0.999" or "errors==0". See [Metrics] for the names.
	Thresholds []string
	// Wait is how long to wait until a player would find a seat. 0: no wait.
	Wait time.Duration
	// Progress receives the live display; nil: none.
	Progress io.Writer
}

// Defaults of Config.
const (
	DefaultURL      = "http://127.0.0.1:8080"
	DefaultPlayers  = 100
	DefaultDuration = 30 * time.Second
	DefaultWarmUp   = 2 * time.Second
	// arrivalsPerSecond is the default ramp.
	arrivalsPerSecond = 200
	// maxPlayers is bounded by one machine's ports to one server address.
	maxPlayers = 50_000
)

// withDefaults returns c with defaults for zero values.
func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	c.URL = strings.TrimRight(c.URL, "/")
	if c.Players == 0 {
		c.Players = DefaultPlayers
	}
	if c.Duration == 0 {
		c.Duration = DefaultDuration
	}
	if c.WarmUp == 0 {
		c.WarmUp = DefaultWarmUp
	}
	if c.SlowAs == "" {
		c.SlowAs = SlowBursts
	}
	if c.Ramp == 0 {
		c.Ramp = time.Duration(c.Players) * time.Second / arrivalsPerSecond
	}
	return c
}

// Validate returns every mistake in the configuration, nil for none.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		fail("url %q is not an origin like %s", c.URL, DefaultURL)
	}
	if c.Players < 1 || c.Players > maxPlayers {
		fail("players %d is not between 1 and %d", c.Players, maxPlayers)
	}
	if c.PerMatch < 0 {
		fail("per-match %d is negative", c.PerMatch)
	}
	if c.Duration < time.Second {
		fail("duration %v is shorter than 1s", c.Duration)
	}
	if c.Wait < 0 {
		fail("wait %v is negative", c.Wait)
	}
	if c.Ramp < 0 || c.WarmUp < 0 {
		fail("ramp %v and warm-up %v must not be negative", c.Ramp, c.WarmUp)
	}
	if c.SlowReaders < 0 || c.SlowReaders >= c.Players && c.SlowReaders > 0 {
		fail("slow readers %d is not between 0 and one less than players (%d)", c.SlowReaders, c.Players)
	}
	if !c.SlowAs.known() {
		fail("slow readers can't be slow as %q: there are %s, %s and %s", c.SlowAs, SlowBursts, SlowStopped, SlowLink)
	}
	if c.ServerPID < 0 {
		fail("server pid %d is negative", c.ServerPID)
	}
	if _, err := thresholds.ParseAll(c.Thresholds); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
