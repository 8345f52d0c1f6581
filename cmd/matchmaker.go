package tactuscmd

import (
	"context"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/internal/publicport"
	"tactus/matchmaker"
	"tactus/protocol"
)

// matchmakerFlags are the flags of `tactus matchmaker`.
type matchmakerFlags struct {
	cfg          matchmaker.Config
	listen, data string
	page         pageFlags
	admin        adminFlags
	identity     identityFlags
	tls          publicTLSFlags
	limits       limitFlags
	internalTLS  internalTLSFlags
	queues       queueFlags
}

func matchmakerCommand(p Program) *cobra.Command {
	var f matchmakerFlags
	f.cfg.Functions, f.cfg.Protocol = p.MatchFunctions, protocol.Subprotocol
	c := &cobra.Command{
		Use: "matchmaker", Short: "Match players and assign them to game servers; serves the page, too", Args: cobra.NoArgs,
	}
	c.AddCommand(rehearsalCommands(p)...)
	fl := c.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8080", "public port: page and API for browsers")
	fl.StringVar(&f.cfg.InternalAddr, "internal", matchmaker.DefaultInternalAddr, "internal port: gRPC for game servers and back ends")
	fl.StringArrayVar(&f.cfg.AllowedOrigins, "origin", nil, "page that may use the API, and connect to game servers without --origin, such as https://host; may be repeated; then name the page of this matchmaker, too")
	fl.StringVar(&f.data, "data", "data", "folder for the signing key and, without --nats, the ratings")
	f.page.add(c)
	f.identity.add(c)
	f.tls.add(c)
	f.limits.add(c, nil)
	f.limits.addRates(c)
	f.internalTLS.add(c)
	f.queues.add(c)
	f.queues.addShared(c)
	f.admin.add(c, "127.0.0.1:8091")
	logger, check := logFlags(c), checkFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *check {
			return runChecks(c, func(ctx context.Context, found *checks) { found.matchmaker(ctx, &f) })
		}
		log, err := logger()
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
		defer stop()
		return runMatchmaker(ctx, &f, log)
	}
	return c
}

// apply gives the configuration what the groups of flags hold. It reads and writes no
// file.
func (f *matchmakerFlags) apply() {
	f.queues.apply(&f.cfg, f.data)
	f.limits.apply(&f.cfg)
	f.cfg.AuditDir, f.cfg.AuditKeep = auditDir(f.data), f.admin.auditKeep
}

// load does the same with what is in files. It makes the signing key if there is none.
func (f *matchmakerFlags) load() (err error) {
	if f.cfg.Key, err = loadKey(f.data); err != nil {
		return err
	}
	if f.cfg.Identity, err = f.identity.config(); err != nil {
		return err
	}
	return f.internalTLS.apply(&f.cfg)
}

func runMatchmaker(ctx context.Context, f *matchmakerFlags, log *zap.Logger) error {
	ignoreBrokenPipes()
	watchClocks(log)
	hangups := receiveHangups()
	public, err := listen("listen", f.listen)
	if err != nil {
		return err
	}
	secured, err := f.tls.open(f.data, log)
	if err != nil {
		return err
	}
	internal, err := listen("internal", f.cfg.InternalAddr)
	if err != nil {
		return err
	}
	admin, err := f.admin.open(log)
	if err != nil {
		return err
	}
	f.apply()
	if err := f.load(); err != nil {
		return err
	}
	page, base, err := f.page.open()
	if err != nil {
		return err
	}
	reg := newRegistry()
	f.cfg.InternalListener, f.cfg.Registerer = internal, reg
	port, err := publicport.New(publicport.Config{TLS: secured.config(), HSTS: secured.hsts, Limits: f.limits.limits, Proxies: f.limits.proxies, Registerer: reg, Log: log})
	if err != nil {
		return err
	}
	mm, err := matchmaker.New(f.cfg, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mm.Probes().Register(mux)
	mux.Handle(matchmakerPath, mm.Handler())
	mux.Handle("/", page)
	adminHandler, err := f.admin.handler(adminParts{
		reg: reg, probes: mm.Probes(), matchmaker: mm, moderation: mm.AdminHandler(), audit: mm.Audit(), log: log,
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if err := secured.run(ctx, group, public.Addr()); err != nil {
		return err
	}
	group.Go(func() error { return mm.Run(ctx) })
	group.Go(func() error { return hangups.run(ctx, mm.ReloadRules, nil, log) })
	group.Go(func() error { return port.Serve(ctx, public, mount(base, mux)) })
	group.Go(func() error {
		return serve(ctx, withErrorLog(publicServer(adminHandler), log, "admin"), admin)
	})
	log.Info("matchmaker listening", zap.String("page", originOf(secured.secure(), public.Addr())+"/"),
		zap.String("grpc", internal.Addr().String()), zap.String("dashboard", f.admin.dashboardURL(admin.Addr())))
	return group.Wait()
}
