package tactuscmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
)

// ignoreBrokenPipes keeps a service alive when nothing reads its log any more.
// Other commands end, as `tactus replay info FILE | head` should.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }

// hangups receives SIGHUP, which would end the process otherwise.
type hangups struct {
	received chan os.Signal
	// orphaned reports whether the terminal that the process was started from is
	// gone. Nil: there was none, or the process was told to outlive it (nohup).
	orphaned func() bool
}

// receiveHangups takes SIGHUP from now on, until [hangups.run] returns.
func receiveHangups() *hangups {
	h := &hangups{received: make(chan os.Signal, 1)}
	if !signal.Ignored(syscall.SIGHUP) && hasTerminal() {
		h.orphaned = func() bool { return !hasTerminal() }
	}
	signal.Notify(h.received, syscall.SIGHUP)
	return h
}

// run calls reload at each SIGHUP until ctx ends; a nil reload means that there
// is nothing to read again. Where end is given and the terminal has gone, it
// calls end instead.
func (h *hangups) run(ctx context.Context, reload func() error, end func(), log *zap.Logger) error {
	defer signal.Stop(h.received)
	for {
		select {
		case <-h.received:
		case <-ctx.Done():
			return nil
		}
		switch {
		case end != nil && h.orphaned != nil && h.orphaned():
			log.Info("terminal closed, stopping")
			end()
		case reload == nil:
			log.Info("SIGHUP ignored: there is nothing to read again; SIGTERM drains")
		default:
			if err := reload(); err != nil {
				log.Error("rules have mistakes; the queues stay as they are", zap.Error(err))
			}
		}
	}
}

// hasTerminal reports whether the process has a controlling terminal.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	_ = tty.Close()
	return true
}
