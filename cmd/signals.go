package tactuscmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"go.uber.org/zap"
)

// ignoreBrokenPipes keeps a service running when the reader of its log has ended. Other
// commands end then, as `tactus replay info FILE | head` should.
func ignoreBrokenPipes() { signal.Ignore(syscall.SIGPIPE) }

// hangups receives SIGHUP, which would end the process by default.
type hangups struct {
	received chan os.Signal
	// orphaned reports whether the terminal that started the process is closed. Nil:
	// there was none, or the process must outlive it (nohup).
	orphaned func() bool
}

// receiveHangups receives SIGHUP from now on, until [hangups.run] returns.
func receiveHangups() *hangups {
	h := &hangups{received: make(chan os.Signal, 1)}
	if !signal.Ignored(syscall.SIGHUP) && hasTerminal() {
		h.orphaned = func() bool { return !hasTerminal() }
	}
	signal.Notify(h.received, syscall.SIGHUP)
	return h
}

// run calls reload at each SIGHUP until ctx ends. A nil reload means that there is
// nothing to reload. If end is given and the terminal is closed, it calls end instead.
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
			log.Info("SIGHUP ignored", zap.String("hint", "there is nothing to reload; SIGTERM drains"))
		default:
			if err := reload(); err != nil {
				log.Error("rules not reloaded, queues keep the old ones", zap.Error(err))
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
