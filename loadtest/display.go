package loadtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// display shows the progress of a run: one refreshed line on a terminal, elsewhere a
// plain line every few seconds. It is not safe for concurrent use; owned by the run.
type display struct {
	run    *run
	out    io.Writer
	ticker *time.Ticker
	bar    *progressbar.ProgressBar // nil: plain lines
	name   string
	began  time.Time
	length time.Duration

	plainAt   time.Time
	lastAt    time.Time
	snapshots int64
	received  int64
	rates     string
}

const (
	refreshEvery = 200 * time.Millisecond
	plainEvery   = 5 * time.Second
	rateEvery    = time.Second
)

func newDisplay(r *run) *display {
	d := &display{run: r, out: r.cfg.Progress, ticker: time.NewTicker(refreshEvery), lastAt: time.Now()}
	if d.out == nil {
		d.out = io.Discard
	}
	if f, ok := d.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		d.bar = progressbar.NewOptions(
			1, progressbar.OptionSetWriter(d.out), progressbar.OptionSetWidth(20),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(refreshEvery/2),
		)
	}
	d.phase("arriving", r.cfg.Ramp)
	return d
}

// tick returns a channel that fires when the display should be refreshed.
func (d *display) tick() <-chan time.Time { return d.ticker.C }

// phase begins a part of the run that lasts for length.
func (d *display) phase(name string, length time.Duration) {
	d.name, d.began, d.length = name, time.Now(), length
	d.plainAt = time.Time{}
	if d.bar != nil {
		d.bar.ChangeMax64(max(int64(length/time.Millisecond), 1))
	}
}

// until shows the phase until length has passed or ctx is done.
func (d *display) until(ctx context.Context, length time.Duration) {
	end := time.NewTimer(length)
	defer end.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-d.tick():
			d.refresh(time.Since(d.began))
		}
	}
}

// arriving shows how many bots are in a match.
func (d *display) arriving() {
	d.refresh(time.Duration(float64(d.length) * float64(d.run.inside.Load()) / float64(d.run.cfg.Players)))
}

func (d *display) refresh(done time.Duration) {
	d.measureRates()
	line := fmt.Sprintf("%-9s %d/%d bots  %s  errors %d",
		d.name, d.run.online.Load(), d.run.cfg.Players, d.rates, total(d.run.errors.list()))
	if d.bar != nil {
		d.bar.Describe(line)
		_ = d.bar.Set64(min(int64(done/time.Millisecond), d.bar.GetMax64()-1))
		return
	}
	if time.Since(d.plainAt) >= plainEvery {
		d.plainAt = time.Now()
		fmt.Fprintf(d.out, "%s  %.1f s of %.1f s\n", line, time.Since(d.began).Seconds(), d.length.Seconds())
	}
}

func (d *display) measureRates() {
	passed := time.Since(d.lastAt)
	if passed < rateEvery && d.rates != "" {
		return
	}
	var snapshots, received, gap int64
	for _, e := range d.run.engines {
		live := &e.meter.live
		snapshots += live.snapshots.Load()
		received += live.received.Load()
		gap = max(gap, live.gapP99.Load())
	}
	perSecond := func(n int64) float64 { return float64(n) / passed.Seconds() }
	d.rates = fmt.Sprintf("%.0f snapshots/s  %.2f MB/s  gap p99 %.1f ms",
		perSecond(snapshots-d.snapshots), perSecond(received-d.received)/1e6, float64(gap)/1000)
	d.lastAt, d.snapshots, d.received = time.Now(), snapshots, received
}

// finish clears the refreshed line.
func (d *display) finish() {
	d.ticker.Stop()
	if d.bar != nil {
		_ = d.bar.Finish()
	}
}
