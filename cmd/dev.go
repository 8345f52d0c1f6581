package tactuscmd

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"tactus/game"
	"tactus/internal/origin"
	"tactus/internal/publicport"
	"tactus/matchmaker"
	"tactus/matchmaker/matchfunc"
	"tactus/protocol"
	"tactus/server"
)

// devConfig is the configuration of `tactus dev`.
type devConfig struct {
	listen, internal, public string
	data, region             string
	page                     pageFlags
	options, origins         []string
	portable, lan, trustLag  bool
	addresses                bool
	insecure                 bool      // internal port
	out                      io.Writer // for the invitation of --lan; nil: none
	admin                    adminFlags
	identity                 identityFlags
	tls                      publicTLSFlags
	limits                   limitFlags
	makeTLS                  bool   // a certificate for this machine
	authority                string // file; of that certificate
	queues                   queueFlags
	turns                    turnTimeout
	functions                map[string]matchfunc.Func
}

func devCommand(program Program) *cobra.Command {
	cfg := devConfig{functions: program.MatchFunctions}
	c := &cobra.Command{
		Use: "dev", Short: "Run everything in one process: page, matchmaker, one game server, dashboard",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&cfg.listen, "listen", "localhost:8080", "public port: page, matchmaker API, /play; localhost stands for 127.0.0.1 and [::1]")
	f.BoolVar(&cfg.lan, "lan", false, "listen on all addresses, for players in your network; prints the URLs of the page and a QR code")
	f.StringVar(&cfg.internal, "internal", matchmaker.DefaultInternalAddr, "internal port: gRPC")
	f.BoolVar(&cfg.insecure, "internal-insecure", false, "let the internal port be reached from other machines; every caller may do everything")
	f.StringVar(&cfg.public, "public-url", "", "ws:// or wss:// URL at which browsers reach /play; default: the host of the page's URL")
	f.StringVar(&cfg.region, "region", "", "region of the game server, for queues with latency rules")
	f.StringVar(&cfg.data, "data", "data", "folder for replays, ratings and the signing key")
	f.BoolVar(&cfg.addresses, "log-addresses", true, "show addresses of players in logs and to operators; bans of addresses hold anyway")
	f.StringArrayVar(&cfg.options, "option", nil, "option of every match, as name=number; may be repeated")
	f.StringArrayVar(&cfg.origins, "origin", nil, "page of another site that may connect, such as https://host; may be repeated")
	f.BoolVar(&cfg.trustLag, "trust-lag", false, "believe how old clients say their picture of others was, for tests with a simulated network; a false claim lets a player aim at the past")
	f.BoolVar(&cfg.portable, "portable-io", false, "use Go's network poller instead of raw descriptors")
	cfg.turns.add(c, ", as while a debugger is attached")
	cfg.page.live = true
	cfg.page.add(c)
	cfg.identity.add(c)
	f.BoolVar(&cfg.makeTLS, "tls", false, "TLS with a certificate made for localhost, and with --lan for this machine's addresses; prints how browsers come to trust it")
	cfg.tls.add(c)
	cfg.limits.add(c, []string{"127.0.0.0/8", "::1"})
	cfg.limits.addRates(c)
	cfg.queues.add(c)
	cfg.admin.add(c, "127.0.0.1:8091")
	logger := logFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		log, err := logger()
		if err != nil {
			return err
		}
		cfg.out = c.OutOrStdout()
		p, err := openDev(&cfg, log, program.Games)
		if err != nil {
			return err
		}
		limitGarbage()
		ignoreBrokenPipes()
		watchClocks(log)
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM)
		defer stop()
		return p.run(ctx)
	}
	return c
}

// devProcess holds the parts that `tactus dev` runs, with open ports.
type devProcess struct {
	public          *publicPort
	port            *publicport.Port
	internal, admin net.Listener
	tls             *publicTLS
	matchmaker      *matchmaker.Matchmaker
	server          *server.Server
	publicHandler   http.Handler
	adminHandler    http.Handler
	dashboard       string // URL
	dataDir         string
	lan             bool
	authority       string    // file of the authority to trust; empty: none
	out             io.Writer // for the invitation of --lan and the authority; nil: none
	log             *zap.Logger
}

// openDev opens the three ports first, so that a port in use is reported before
// anything has started.
func openDev(cfg *devConfig, log *zap.Logger, games []game.Game) (_ *devProcess, err error) {
	p := &devProcess{dataDir: cfg.data, log: log}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.lan, p.out = cfg.lan, cfg.out
	if p.public, err = openPublic(cfg.listen, cfg.lan); err != nil {
		return nil, err
	}
	if p.internal, err = listen("internal", cfg.internal); err != nil {
		return nil, err
	}
	if p.admin, err = cfg.admin.open(log); err != nil {
		return nil, err
	}
	p.dashboard = cfg.admin.dashboardURL(p.admin.Addr())
	if p.tls, err = cfg.openTLS(log); err != nil {
		return nil, err
	}
	p.public.secure, p.authority = p.tls.secure(), cfg.authority
	if cfg.public, err = publicURL(cfg.public, log); err != nil {
		return nil, err
	}
	warnOfScheme(cfg.public, p.public.secure, log)
	cfg.page.base = cmp.Or(cfg.page.base, baseOf(cfg.public))
	page, err := cfg.page.handler()
	if err != nil {
		return nil, err
	}
	reg := newRegistry()
	if p.port, err = publicport.New(publicport.Config{TLS: p.tls.config(), HSTS: p.tls.hsts, Limits: cfg.limits.limits, Proxies: cfg.limits.proxies, Registerer: reg, Log: log}); err != nil {
		return nil, err
	}
	if p.matchmaker, p.server, err = devParts(cfg, p, reg, log, games); err != nil {
		return nil, err
	}
	base, err := cleanBase(cfg.page.base)
	if err != nil {
		return nil, err
	}
	p.server.GuessPublicURL(p.public.Addr(), base)
	mux := http.NewServeMux()
	mux.Handle(protocol.Path, p.server.Handler())
	probes := p.matchmaker.Probes().And(p.server.Probes())
	probes.Register(mux)
	mux.Handle(matchmakerPath, p.matchmaker.Handler())
	mux.Handle("/", page)
	p.publicHandler = mount(base, mux)
	p.adminHandler, err = cfg.admin.handler(adminParts{
		reg: reg, probes: probes, matches: p.server.Matches, matchmaker: p.matchmaker,
		moderation: p.matchmaker.AdminHandler(), audit: p.matchmaker.Audit(), log: log,
	})
	return p, err
}

func (p *devProcess) close() {
	if p.public != nil {
		_ = p.public.Close()
	}
	p.tls.close()
	for _, ln := range []net.Listener{p.internal, p.admin} {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// run serves until ctx ends or a part fails.
func (p *devProcess) run(ctx context.Context) error {
	hangups := receiveHangups()
	ctx, end := context.WithCancel(ctx)
	defer end()
	group, ctx := errgroup.WithContext(ctx)
	if err := p.tls.run(ctx, group, p.public.Addr()); err != nil {
		return err
	}
	// The matchmaker runs until the server has reported the results of its matches.
	until, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	group.Go(func() error { return p.matchmaker.Run(until) })
	group.Go(func() error { return hangups.run(ctx, p.matchmaker.ReloadRules, end, p.log) })
	group.Go(func() error {
		defer leave()
		return p.server.Host(ctx)
	})
	group.Go(func() error { return p.public.serve(ctx, p.port, p.publicHandler) })
	group.Go(func() error { return serve(ctx, withErrorLog(publicServer(p.adminHandler), p.log, "admin"), p.admin) })
	select {
	case <-p.matchmaker.Ready():
		p.log.Info("tactus ready", zap.String("page", p.public.url("/")),
			zap.String("grpc", p.internal.Addr().String()), zap.String("dashboard", p.dashboard))
		if p.out != nil && p.authority != "" {
			printTrust(p.out, p.authority)
		}
		if p.out != nil && p.lan {
			printInvitation(p.out, lanURLs(p.public.secure, p.public.Addr().(*net.TCPAddr).Port, lanAddresses()), p.public.secure)
		}
	case <-ctx.Done():
	}
	return group.Wait()
}

func devParts(cfg *devConfig, p *devProcess, reg prometheus.Registerer, log *zap.Logger, games []game.Game) (*matchmaker.Matchmaker, *server.Server, error) {
	options, err := parseOptions(cfg.options)
	if err != nil {
		return nil, nil, err
	}
	key, err := loadKey(cfg.data)
	if err != nil {
		return nil, nil, err
	}
	players, err := cfg.identity.config()
	if err != nil {
		return nil, nil, err
	}
	local := origin.Loopback
	if cfg.lan {
		local = origin.Machine
	}
	id := "dev-" + strings.ToLower(rand.Text()[:12])
	mmConfig := matchmaker.Config{
		Key: key, InternalAddr: cfg.internal, InternalListener: p.internal, Registerer: reg,
		AllowedOrigins: cfg.origins, LocalOrigins: local, SamePortServer: id,
		Identity: players, Functions: cfg.functions, Protocol: protocol.Subprotocol, Roles: matchmaker.Roles{Insecure: cfg.insecure},
	}
	mmConfig.AuditDir, mmConfig.AuditKeep = auditDir(cfg.data), cfg.admin.auditKeep
	cfg.queues.apply(&mmConfig, cfg.data)
	cfg.limits.apply(&mmConfig)
	mm, err := matchmaker.New(mmConfig, log.Named("matchmaker"))
	if err != nil {
		return nil, nil, err
	}
	serverConfig := server.Config{
		ID: id, PublicURL: cfg.public, Region: cfg.region, Matchmakers: []string{p.internal.Addr().String()}, PublicTLS: p.tls.config(),
		AllowedOrigins: cfg.origins, LocalOrigins: local,
		HideAddresses: !cfg.addresses, ReplayDir: filepath.Join(cfg.data, "replays"), Options: options, StateHash: true,
		ForcePortable: cfg.portable, TrustLag: cfg.trustLag, Registerer: reg, Product: buildVersion(), Debugged: server.DebuggerAttached,
	}
	cfg.turns.apply(&serverConfig)
	gs, err := server.New(serverConfig, log.Named("server"), games...)
	return mm, gs, err
}
