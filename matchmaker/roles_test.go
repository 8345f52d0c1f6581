package matchmaker_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/access"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/store/storetest"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// tokenOf is the token of a role in the files of these tests.
func tokenOf(role string) string { return "token-of-the-role-" + role }

// writeTokens writes a file with a token for each role.
func writeTokens(t *testing.T, roles ...string) string {
	t.Helper()
	var lines strings.Builder
	lines.WriteString("# role token\n\n")
	for _, role := range roles {
		lines.WriteString(role + " " + tokenOf(role) + "\n")
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// as adds a token to the calls of a context; empty: none.
func as(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// servedMethods lists every method of the port, as its reflection service does.
func servedMethods(ctx context.Context, t *testing.T, conn *grpc.ClientConn) (methods []string) {
	t.Helper()
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(as(ctx, tokenOf("operator")))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range answer.GetListServicesResponse().GetService() {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service.GetName()))
		if err != nil {
			t.Fatal(err)
		}
		list := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range list.Len() {
			methods = append(methods, "/"+service.GetName()+"/"+string(list.Get(i).Name()))
		}
	}
	return methods
}

// callEmpty calls a method of any kind with an empty request, and returns the error
// of its first answer.
func callEmpty(ctx context.Context, conn *grpc.ClientConn, method string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err == nil {
		_ = stream.CloseSend()
	}
	return stream.RecvMsg(&emptypb.Empty{})
}

func refusalOf(err error) failure.Reason { return failure.Reason(reasonOf(err)) }

// rolesFor are the roles that the table must name for the methods of a service, apart
// from the table.
func rolesFor(method string) access.Roles {
	service, name, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	switch service {
	case "tactus.fleet.v1.FleetService":
		return access.GameServer
	case "tactus.replica.v1.ReplicaService":
		return access.Matchmaker
	case "tactus.matchmaker.v1.MatchmakerService":
		if strings.HasPrefix(name, "List") || name == "GetRating" {
			return access.BackEnd | access.Operator
		}
		return access.BackEnd
	case "tactus.admin.v1.AdminService":
		return access.Operator
	case "grpc.health.v1.Health":
		return access.Anyone
	}
	return access.All
}

func TestRoles_everyMethodNamesItsCallers(t *testing.T) {
	path := writeTokens(t, access.Names()...)
	w := startLogged(t, zap.NewNop(), func(c *matchmaker.Config) { c.Roles.TokenFile = path })
	served := servedMethods(w.context(), t, w.conn)
	if len(served) < 30 {
		t.Fatalf("%d methods: %q", len(served), served)
	}
	seen := make(map[string]bool)
	for _, method := range served {
		seen[method] = true
		permitted, listed := access.Permitted(method)
		if !listed {
			t.Errorf("%s has no entry in the table of package access", method)
		}
		if permitted != rolesFor(method) {
			t.Errorf("%s is open to %s, want %s", method, permitted, rolesFor(method))
		}
		for i, role := range access.Names() {
			err := callEmpty(as(w.context(), tokenOf(role)), w.conn, method)
			allowed := permitted == access.Anyone || permitted&(1<<i) != 0
			if refused := refusalOf(err) == failure.RoleNotAllowed; refused == allowed {
				t.Errorf("%s called by a %s: %v", method, role, err)
			}
		}
		for _, token := range []string{"", "token-of-nobody-at-all"} {
			err := callEmpty(as(w.context(), token), w.conn, method)
			if refused := refusalOf(err) == failure.CallerUnknown; refused == (permitted == access.Anyone) {
				t.Errorf("%s called with token %q: %v", method, token, err)
			}
		}
	}
	for _, method := range access.Methods() {
		if !seen[method] {
			t.Errorf("the table has %s, which the port does not serve", method)
		}
	}
}

func TestRoles_callsWithoutATableEntryAreRefused(t *testing.T) {
	policy := access.NewPolicy(access.Config{}, zap.NewNop()) // every caller has every role
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(append(policy.Options(), grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error { return nil }))...)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := callEmpty(ctx, dial(t, listener), "/tactus.future.v1.Service/Method"); refusalOf(err) != failure.RoleNotAllowed {
		t.Errorf("a method that the table does not have: %v", err)
	}
}

func TestRoles_warnLetsCallsPass(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	registry := prometheus.NewRegistry()
	path := writeTokens(t, "server")
	w := startLogged(t, zap.New(core), func(c *matchmaker.Config) {
		c.Roles, c.Registerer = matchmaker.Roles{TokenFile: path, WarnOnly: true}, registry
	})
	for range 3 {
		for _, token := range []string{"", tokenOf("server")} {
			if _, err := w.client.ListGames(as(w.context(), token), &matchmakerv1.ListGamesRequest{}); err != nil {
				t.Errorf("with token %q: %v", token, err)
			}
		}
	}
	if n := logs.FilterMessage("caller without the role for a call").Len(); n != 2 {
		t.Errorf("%d warnings for two kinds of callers", n)
	}
	for _, reason := range []failure.Reason{failure.CallerUnknown, failure.RoleNotAllowed} {
		if n := counted(t, registry, "tactus_matchmaker_internal_calls_refused_total", string(reason)); n != 3 {
			t.Errorf("%s counted %v times", reason, n)
		}
	}
}

// counted is the value of a counter with one label.
func counted(t *testing.T, registry *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == label {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// register opens a game server's stream with a token, and returns the error with which
// it ended, or nil once it is registered.
func (w *world) register(id, token string) error {
	stream, err := fleetv1.NewFleetServiceClient(w.conn).Connect(as(w.context(), token))
	if err != nil {
		return err
	}
	err = stream.Send(&fleetv1.ConnectRequest{Message: &fleetv1.ConnectRequest_Register{Register: &fleetv1.Register{
		ServerId: id, PublicUrl: "ws://127.0.0.1:1/play",
		Games: []*matchmakerv1.GameInfo{{Name: "arena", Modes: []*matchmakerv1.ModeInfo{{Name: "ffa", MaxPlayers: 4}}}},
	}}})
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

func TestRoles_serversKeepTheirNames(t *testing.T) {
	path := writeTokens(t, "server", "server/eu-1", "operator")
	w := startLogged(t, zap.NewNop(), func(c *matchmaker.Config) { c.Roles.TokenFile = path })
	for _, step := range []struct {
		id, role string
		want     codes.Code
	}{
		{"any-1", "server", codes.OK},
		{"eu-1", "server/eu-1", codes.OK},
		{"eu-1", "server", codes.PermissionDenied},
		{"eu-2", "server/eu-1", codes.PermissionDenied},
		{"eu-2", "server", codes.OK},
		{"eu-3", "operator", codes.PermissionDenied},
	} {
		if err := w.register(step.id, tokenOf(step.role)); status.Code(err) != step.want {
			t.Errorf("%s registers with the token of %s: %v, want %s", step.id, step.role, err, step.want)
		}
	}
}

func TestRoles_certificatesNameThem(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct {
		subject subject
		want    access.Caller
	}{
		{subject{}, access.Caller{Roles: access.GameServer}},
		{subject{units: []string{"Engineering"}}, access.Caller{Roles: access.GameServer}},
		{subject{units: []string{"Operator", "backend"}}, access.Caller{Roles: access.Operator | access.BackEnd}},
		{subject{uris: []string{"tactus://backend"}, units: []string{"operator"}}, access.Caller{Roles: access.BackEnd}},
		{subject{uris: []string{"tactus://server/eu-1", "spiffe://example.org/x"}}, access.Caller{Roles: access.GameServer, Server: "eu-1"}},
		{subject{uris: []string{"tactus://matchmaker", "tactus://operator"}}, access.Caller{Roles: access.Matchmaker | access.Operator}},
		{subject{uris: []string{"tactus://sever"}, units: []string{"operator"}}, access.Caller{}},
		{subject{uris: []string{"tactus://operator/eu-1"}}, access.Caller{}},
	} {
		cert, _ := a.issueTo(t, tt.subject)
		leaf, err := x509.ParseCertificate(derOf(t, cert))
		if err != nil {
			t.Fatal(err)
		}
		if got := access.Certified(leaf); got != tt.want {
			t.Errorf("%+v: %+v, want %+v", tt.subject, got, tt.want)
		}
	}
}

func TestRoles_certificateOfAGameServerCreatesNoTicket(t *testing.T) {
	s := startSecured(t)
	for role, want := range map[string]codes.Code{"": codes.PermissionDenied, "operator": codes.PermissionDenied, "backend": codes.OK} {
		conn := s.dialAs(t, s.addr, role)
		_, err := matchmakerv1.NewMatchmakerServiceClient(conn).ListGames(s.context(), &matchmakerv1.ListGamesRequest{})
		if reads := role != ""; (err == nil) != reads {
			t.Errorf("%q reads: %v", role, err)
		}
		_, err = matchmakerv1.NewMatchmakerServiceClient(conn).CancelTicket(s.context(), &matchmakerv1.CancelTicketRequest{TicketId: "t.x"})
		if got := status.Code(err); (got == codes.PermissionDenied) != (want == codes.PermissionDenied) {
			t.Errorf("%q ends a ticket: %v", role, err)
		}
	}
}

func TestRoles_openPortNeedsConsent(t *testing.T) {
	path := writeTokens(t, "server")
	dir := t.TempDir()
	a := newAuthority(t)
	cert, key := a.issue(t, "matchmaker")
	files := filesIn(dir)
	for name, data := range map[string][]byte{files.CA: a.pem(), files.Cert: cert, files.Key: key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		cfg matchmaker.Config
		ok  bool
	}{
		"loopback":            {matchmaker.Config{InternalAddr: "127.0.0.1:0"}, true},
		"loopback of IPv6":    {matchmaker.Config{InternalAddr: "[::1]:0"}, true},
		"localhost":           {matchmaker.Config{InternalAddr: "localhost:0"}, true},
		"all addresses":       {matchmaker.Config{InternalAddr: "0.0.0.0:0"}, false},
		"no host":             {matchmaker.Config{InternalAddr: ":0"}, false},
		"TLS of the port":     {matchmaker.Config{InternalAddr: ":0", InternalTLSFiles: matchmaker.TLSFiles{Cert: files.Cert, Key: files.Key}}, false},
		"mutual TLS":          {matchmaker.Config{InternalAddr: ":0", InternalTLSFiles: files}, true},
		"tokens":              {matchmaker.Config{InternalAddr: ":0", Roles: matchmaker.Roles{TokenFile: path}}, true},
		"consent":             {matchmaker.Config{InternalAddr: ":0", Roles: matchmaker.Roles{Insecure: true}}, true},
		"an upgrade":          {matchmaker.Config{InternalAddr: ":0", Roles: matchmaker.Roles{WarnOnly: true}}, true},
		"no file of tokens":   {matchmaker.Config{InternalAddr: ":0", Roles: matchmaker.Roles{TokenFile: path + "?"}}, false},
		"a listener for all":  {matchmaker.Config{InternalListener: listening{&net.TCPAddr{IP: net.IPv4zero}}}, false},
		"a loopback listener": {matchmaker.Config{InternalListener: listening{&net.TCPAddr{IP: net.IPv6loopback}}, InternalAddr: ":1"}, true},
	} {
		if err := tt.cfg.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// listening is a listener of which only the address is asked.
type listening struct{ addr net.Addr }

func (l listening) Addr() net.Addr          { return l.addr }
func (listening) Accept() (net.Conn, error) { return nil, errors.New("not a listener") }
func (listening) Close() error              { return nil }

func TestRoles_replicasShowTokens(t *testing.T) {
	cluster := storetest.StartCluster(t, 1)
	path := writeTokens(t, access.Names()...)
	var worlds []*world
	for range 2 {
		w, addr := shares(t, cluster, pair, func(c *matchmaker.Config) { c.Roles.TokenFile = path })
		conn, err := grpc.NewClient(addr, plaintext(), grpc.WithPerRPCCredentials(shownToken("server")))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		w.conn = conn
		w.server("s1", nil)
		if w.conn, err = grpc.NewClient(addr, plaintext(), grpc.WithPerRPCCredentials(shownToken("backend"))); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.conn.Close() })
		w.client = matchmakerv1.NewMatchmakerServiceClient(w.conn)
		worlds = append(worlds, w)
	}
	ann := worlds[0].search(&matchmakerv1.CreateTicketRequest{Queue: "pair"})
	bob := worlds[1].search(&matchmakerv1.CreateTicketRequest{Queue: "pair"})
	if x, y := ann.assigned(), bob.assigned(); x.GetMatchId() != y.GetMatchId() {
		t.Errorf("two matches: %v and %v", x, y)
	}
}

// shownToken shows the token of a role with each call.
type shownToken string

func (r shownToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + tokenOf(string(r))}, nil
}
func (shownToken) RequireTransportSecurity() bool { return false }
