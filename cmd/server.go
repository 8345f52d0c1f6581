package tactuscmd

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/game"
	"tactus/matchmaker"
	"tactus/server"
)

// serverFlags is what `tactus server` is told.
type serverFlags struct {
	cfg     server.Config
	options []string
	data    string
	drain   time.Duration
	admin   adminFlags
}

func serverCommand(games []game.Game) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "server", Short: "Host matches for a matchmaker", Args: cobra.NoArgs,
		Long: "Hosts matches for a matchmaker. SIGTERM drains: nothing new is taken, running matches go on\n" +
			"until they end or --drain has passed. SIGINT, or a second SIGTERM, ends at once.",
	}
	fl := c.Flags()
	fl.StringVar(&f.cfg.PublicAddr, "listen", "127.0.0.1:8081", "public port: /play, /livez and /readyz")
	fl.StringVar(&f.cfg.PublicURL, "public-url", "", "ws:// or wss:// URL of /play as browsers reach it; made from --listen")
	fl.StringSliceVar(&f.cfg.Matchmakers, "matchmaker", []string{matchmaker.DefaultInternalAddr}, "internal address of a matchmaker, host:port; may be repeated. Others that it tells of are connected too")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.CA, "matchmaker-ca", "", "PEM file with the authority of the matchmakers' certificates; turns on TLS")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.Cert, "matchmaker-cert", "", "PEM file with this server's certificate for mutual TLS; read again when it changes")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.Key, "matchmaker-key", "", "PEM file with the key of --matchmaker-cert")
	fl.StringVar(&f.cfg.ID, "id", "", "name of this server in the cluster; random")
	fl.StringVar(&f.cfg.Region, "region", "", "region told to the matchmaker")
	fl.StringArrayVar(&f.cfg.AllowedOrigins, "origin", []string{"*"}, "page that may connect, as https://host; * for any, since players come with a token")
	fl.IntVar(&f.cfg.MaxMatches, "max-matches", 1024, "matches at most")
	fl.IntVar(&f.cfg.MaxPlayers, "max-players", 20000, "people at most")
	fl.DurationVar(&f.cfg.Grace, "grace", 30*time.Second, "how long the seat of a lost connection is kept")
	fl.BoolVar(&f.cfg.StateHash, "state-hash", false, "send clients a hash of their state each second")
	fl.BoolVar(&f.cfg.ForcePortable, "portable-io", false, "keep sockets in Go's poller instead of raw descriptors")
	fl.StringVar(&f.data, "data", "data", "folder for replays")
	fl.DurationVar(&f.drain, "drain", 4*time.Minute, "how long SIGTERM waits for running matches")
	fl.StringArrayVar(&f.options, "option", nil, "name=number, given to every match; may be repeated")
	f.admin.add(c, "127.0.0.1:8092")
	logger := logFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		log, err := logger()
		if err != nil {
			return err
		}
		return runServer(c.Context(), &f, log, games)
	}
	return c
}

func runServer(ctx context.Context, f *serverFlags, log *zap.Logger, games []game.Game) error {
	ignoreBrokenPipes()
	watchStandstill(log)
	hangups := receiveHangups()
	options, err := parseOptions(f.options)
	if err != nil {
		return err
	}
	if f.cfg.PublicURL, err = publicURL(f.cfg.PublicURL, log); err != nil {
		return err
	}
	public, err := listen("listen", f.cfg.PublicAddr)
	if err != nil {
		return err
	}
	admin, err := f.admin.open()
	if err != nil {
		return err
	}
	reg := newRegistry()
	f.cfg.Options, f.cfg.Registerer, f.cfg.Product = options, reg, buildVersion()
	f.cfg.ReplayDir = filepath.Join(f.data, "replays")
	gs, err := server.New(f.cfg, log, games...)
	if err != nil {
		return err
	}
	gs.GuessPublicURL(public.Addr(), "")
	limitGarbage()
	ctx, done := context.WithCancel(ctx)
	defer done()
	stopSignals := drainOnTerm(gs, f.drain, done)
	defer stopSignals()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer done()
		return gs.Host(ctx)
	})
	group.Go(func() error { return hangups.run(ctx, nil, nil, log) })
	group.Go(func() error { return serve(ctx, withErrorLog(publicServer(gs.Handler()), log, "public"), public) })
	group.Go(func() error {
		return serve(ctx, withErrorLog(publicServer(f.admin.handler(adminParts{reg: reg, probes: gs.Probes(), matches: gs.Matches})), log, "admin"), admin)
	})
	log.Info("game server listens", zap.String("addr", public.Addr().String()), zap.String("id", gs.ID()),
		zap.Strings("matchmakers", f.cfg.Matchmakers), zap.String("dashboard", openURL(admin.Addr())+"/"))
	return group.Wait()
}

// drainOnTerm drains at the first SIGTERM and stops at the second.
func drainOnTerm(gs *server.Server, deadline time.Duration, stop func()) (release func()) {
	term := make(chan os.Signal, 2)
	signal.Notify(term, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-term:
				if n > 0 {
					stop()
					return
				}
				gs.Drain(deadline)
			case <-quit:
				return
			}
		}
	}()
	return func() {
		signal.Stop(term)
		close(quit)
	}
}
