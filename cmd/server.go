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
	"tactus/internal/audit"
	"tactus/internal/publicport"
	"tactus/matchmaker"
	"tactus/server"
)

// serverFlags are the flags of `tactus server`.
type serverFlags struct {
	cfg     server.Config
	options []string
	data    string
	drain   time.Duration
	tls     publicTLSFlags
	turns   turnTimeout
	limits  limitFlags
	admin   adminFlags

	addresses bool
}

func serverCommand(games []game.Game) *cobra.Command {
	var f serverFlags
	c := &cobra.Command{
		Use: "server", Short: "Host matches for a matchmaker", Args: cobra.NoArgs,
		Long: "Hosts matches for a matchmaker. SIGTERM drains the server: it accepts no new matches and ends when\n" +
			"its matches have ended or the time of --drain is over. SIGINT or a second SIGTERM ends it immediately.",
	}
	fl := c.Flags()
	fl.StringVar(&f.cfg.PublicAddr, "listen", "127.0.0.1:8081", "public port: /play, /livez and /readyz")
	fl.StringVar(&f.cfg.PublicURL, "public-url", "", "ws:// or wss:// URL at which browsers reach /play; default: guessed from --listen")
	fl.StringSliceVar(&f.cfg.Matchmakers, "matchmaker", []string{matchmaker.DefaultInternalAddr}, "internal address of a matchmaker, host:port; may be repeated; its replicas are found automatically")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.CA, "matchmaker-ca", "", "PEM file with the authority of the matchmakers' certificates; turns on TLS")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.Cert, "matchmaker-cert", "", "PEM file with this server's certificate for mutual TLS; reloaded when it changes")
	fl.StringVar(&f.cfg.MatchmakerTLSFiles.Key, "matchmaker-key", "", "PEM file with the key of --matchmaker-cert")
	fl.StringVar(&f.cfg.MatchmakerTokenFile, "matchmaker-token-file", "", "file with the token that this server shows the matchmakers, one of their --internal-token-file")
	fl.StringVar(&f.cfg.ID, "id", "", "name of this server in the cluster; default: random")
	fl.StringVar(&f.cfg.Region, "region", "", "region of this server, for queues with latency rules")
	fl.StringArrayVar(&f.cfg.AllowedOrigins, "origin", nil, "page that may connect, such as https://host, or * for any; may be repeated; default: those of the matchmakers' --origin and pages of this host name; any page while the matchmakers have none")
	fl.IntVar(&f.cfg.MaxMatches, "max-matches", 1024, "maximum number of matches")
	fl.IntVar(&f.cfg.MaxPlayers, "max-players", 20000, "maximum number of players")
	fl.DurationVar(&f.cfg.Grace, "grace", 30*time.Second, "how long a seat is kept after its connection is lost")
	fl.BoolVar(&f.cfg.StateHash, "state-hash", false, "send clients a hash of their state every second")
	fl.BoolVar(&f.cfg.TrustLag, "trust-lag", false, "believe how old clients say their picture of others was, for tests with a simulated network; a false claim lets a player aim at the past")
	fl.BoolVar(&f.cfg.ForcePortable, "portable-io", false, "use Go's network poller instead of raw descriptors")
	fl.BoolVar(&f.addresses, "log-addresses", true, "show addresses of players in logs and to operators; bans of addresses hold anyway")
	fl.StringVar(&f.data, "data", "data", "folder for match logs")
	fl.DurationVar(&f.drain, "drain", 4*time.Minute, "how long a drain waits for running matches")
	fl.StringArrayVar(&f.options, "option", nil, "option of every match, as name=number; may be repeated")
	f.tls.add(c)
	f.turns.add(c, "")
	fl.IntVar(&f.cfg.MaxReplayFiles, "replay-files", 200, "most match logs of private matches")
	fl.Int64Var(&f.cfg.MaxReplayBytes, "replay-bytes", 1<<30, "most bytes of all match logs")
	fl.DurationVar(&f.cfg.KeepReplays, "replay-keep", 7*24*time.Hour, "how long match logs of other than private matches stay, within --replay-bytes")
	f.limits.add(c, nil)
	f.admin.add(c, "127.0.0.1:8092")
	logger, check := logFlags(c), checkFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *check {
			return runChecks(c, func(ctx context.Context, found *checks) { found.server(ctx, &f, games) })
		}
		log, err := logger()
		if err != nil {
			return err
		}
		return runServer(c.Context(), &f, log, games)
	}
	return c
}

// apply gives the configuration what the other flags hold.
func (f *serverFlags) apply(log *zap.Logger) (err error) {
	if f.cfg.Options, err = parseOptions(f.options); err != nil {
		return err
	}
	if f.cfg.PublicURL, err = publicURL(f.cfg.PublicURL, log); err != nil {
		return err
	}
	f.cfg.HideAddresses = !f.addresses
	f.cfg.ReplayDir = filepath.Join(f.data, "replays")
	f.turns.apply(&f.cfg)
	f.cfg.MatchmakerOrigins = len(f.cfg.AllowedOrigins) == 0
	return nil
}

func runServer(ctx context.Context, f *serverFlags, log *zap.Logger, games []game.Game) error {
	ignoreBrokenPipes()
	watchClocks(log)
	hangups := receiveHangups()
	if err := f.apply(log); err != nil {
		return err
	}
	secured, err := f.tls.open(f.data, log)
	if err != nil {
		return err
	}
	warnOfScheme(f.cfg.PublicURL, secured.secure(), log)
	public, err := listen("listen", f.cfg.PublicAddr)
	if err != nil {
		return err
	}
	admin, err := f.admin.open(log)
	if err != nil {
		return err
	}
	reg := newRegistry()
	f.cfg.Registerer, f.cfg.Product, f.cfg.PublicTLS = reg, buildVersion(), secured.config()
	port, err := publicport.New(publicport.Config{TLS: f.cfg.PublicTLS, HSTS: secured.hsts, Limits: f.limits.limits, Proxies: f.limits.proxies, Registerer: reg, Log: log})
	if err != nil {
		return err
	}
	gs, err := server.New(f.cfg, log, games...)
	if err != nil {
		return err
	}
	gs.GuessPublicURL(public.Addr(), "")
	record, err := audit.Open(auditDir(f.data), f.admin.auditKeep, log)
	if err != nil {
		return err
	}
	defer func() { _ = record.Close() }()
	adminHandler, err := f.admin.handler(adminParts{
		reg: reg, probes: gs.Probes(), matches: gs.Matches, moderation: matchmaker.NewServerAdmin(gs, record, log), audit: record, log: log,
	})
	if err != nil {
		return err
	}
	limitGarbage()
	ctx, done := context.WithCancel(ctx)
	defer done()
	stopSignals := drainOnTerm(gs, f.drain, done)
	defer stopSignals()
	group, ctx := errgroup.WithContext(ctx)
	if err := secured.run(ctx, group, public.Addr()); err != nil {
		return err
	}
	group.Go(func() error { defer done(); return gs.Host(ctx) })
	group.Go(func() error { return hangups.run(ctx, nil, nil, log) })
	group.Go(func() error { return port.Serve(ctx, public, gs.Handler()) })
	group.Go(func() error {
		return serve(ctx, withErrorLog(publicServer(adminHandler), log, "admin"), admin)
	})
	log.Info("game server listening", zap.String("addr", public.Addr().String()), zap.String("id", gs.ID()),
		zap.Strings("matchmakers", f.cfg.Matchmakers), zap.String("dashboard", f.admin.dashboardURL(admin.Addr())))
	return group.Wait()
}

// drainOnTerm drains the server at the first SIGTERM and stops it at the second.
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
