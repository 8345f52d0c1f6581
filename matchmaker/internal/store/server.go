package store

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
)

// embeddedServer is a NATS server that only this process can use.
type embeddedServer struct {
	nats   *server.Server
	unlock func()
	remove string // directory to remove with the server; empty: none
}

// startServer starts a server on dir. For an empty dir it makes a temporary one, which
// JetStream needs also for streams in memory.
func startServer(dir string, log *zap.Logger) (*embeddedServer, error) {
	e := &embeddedServer{unlock: func() {}}
	if dir == "" {
		temporary, err := os.MkdirTemp("", "tactus-store-")
		if err != nil {
			return nil, fmt.Errorf("start embedded NATS: %w", err)
		}
		dir, e.remove = temporary, temporary
	} else {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("start embedded NATS: %w", err)
		}
		unlock, err := lockFile(filepath.Join(dir, "lock"))
		if err != nil {
			return nil, fmt.Errorf("the store's directory %s: %w", dir, err)
		}
		e.unlock = unlock
	}
	var err error
	e.nats, err = server.NewServer(&server.Options{
		ServerName:             "embedded",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               dir,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		e.shutdown()
		return nil, fmt.Errorf("start embedded NATS: %w", err)
	}
	e.nats.SetLoggerV2(serverLog{log.Named("nats").Sugar()}, false, false, false)
	e.nats.Start()
	if !e.nats.ReadyForConnections(10*time.Second) || !e.nats.JetStreamEnabled() {
		e.shutdown()
		return nil, fmt.Errorf("embedded NATS did not start with its files in %s; its log says why", dir)
	}
	return e, nil
}

func (e *embeddedServer) shutdown() {
	if e.nats != nil {
		e.nats.Shutdown()
		e.nats.WaitForShutdown()
	}
	e.unlock()
	if e.remove != "" {
		_ = os.RemoveAll(e.remove)
	}
}

// serverLog sends the log of the NATS server to zap. The notices of NATS (start, settings,
// shutdown) have level debug here.
type serverLog struct{ *zap.SugaredLogger }

func (l serverLog) Noticef(format string, v ...any) { l.SugaredLogger.Debugf(format, v...) }
func (l serverLog) Tracef(format string, v ...any)  { l.SugaredLogger.Debugf(format, v...) }

// Fatalf logs an error. The store does not end the process.
func (l serverLog) Fatalf(format string, v ...any) { l.SugaredLogger.Errorf(format, v...) }
