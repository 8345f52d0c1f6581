//go:build unix

package matchmaker_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"tactus/matchmaker/internal/store/storetest"
)

// upgradeFrom is the commit of the release that the test upgrades from.
var upgradeFrom = flag.String("upgrade-from", "", "commit of the earlier release; empty: no upgrade is tested")

const (
	upgradePlayers = 100             // of each release
	upgradeMatch   = 15              // seconds of a match, so that a drain ends soon
	upgradeDrain   = 2 * time.Minute // for the matches of a server to end
	upgradeStart   = time.Minute     // for a process to be ready
)

// upgrade is an installation of the earlier release that becomes one of this one.
type upgrade struct {
	t        *testing.T
	dir      string
	http     *http.Client
	old, new string // binaries
	nats     *storetest.Cluster
	front    *balancer
	replicas []*program
	servers  []*program // of the earlier release
	after    []*program // that replace them
}

// TestUpgrade_rollingLosesAndRefusesNobody replaces the processes of an installation
// one after another by those of this release, as docs/deploying.md says, while bots of
// both releases play.
func TestUpgrade_rollingLosesAndRefusesNobody(t *testing.T) {
	if *upgradeFrom == "" {
		t.Skip("plays for minutes: make test-upgrade")
	}
	u := startUpgrade(t)
	var bots []*loadtest
	for _, binary := range []string{u.old, u.new} {
		bots = append(bots, u.play(binary))
	}
	for _, b := range bots {
		b.awaitStart()
	}
	for _, r := range u.replicas {
		u.replace(r)
	}
	for i := range u.servers {
		u.run(u.after[i])
		if err := u.servers[i].terminate(upgradeDrain); err != nil {
			t.Error(err)
		}
		t.Logf("%s is replaced by %s", u.servers[i].name, u.after[i].name)
	}
	for _, b := range bots {
		b.check()
	}
}

func startUpgrade(t *testing.T) *upgrade {
	t.Helper()
	dir, err := os.MkdirTemp("", "tactus-upgrade-") //nolint:usetesting // kept for inspection when the test fails
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs of all processes are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	u := &upgrade{t: t, dir: dir, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, new: buildBinary(t, dir)}
	u.old = u.buildEarlier()
	u.nats = storetest.StartCluster(t, 3)
	u.arrange()
	for _, p := range slices.Concat(u.replicas, u.servers) {
		u.run(p)
	}
	return u
}

// buildEarlier builds the earlier release from the repository's history.
func (u *upgrade) buildEarlier() string {
	u.t.Helper()
	source, binary := filepath.Join(u.dir, "source"), filepath.Join(u.dir, "tactus-earlier")
	script := fmt.Sprintf("mkdir %[1]s && git -C \"$(git rev-parse --show-toplevel)\" archive %[2]s | tar -x -C %[1]s && cd %[1]s && go build -o %[3]s ./cmd/tactus",
		source, *upgradeFrom, binary)
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		u.t.Fatalf("the release at %s can't be built: %v\n%s", *upgradeFrom, err, out)
	}
	return binary
}

// arrange decides on all processes. A replica keeps its addresses, a server is replaced
// by one beside it.
func (u *upgrade) arrange() {
	u.t.Helper()
	const replicas, servers = 2, 3
	ports := storetest.FreePorts(u.t, 3*replicas+4*servers)
	address := func() string {
		port := ports[0]
		ports = ports[1:]
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	process := func(binary, name string, args ...string) *program {
		p := &program{name: name, log: filepath.Join(u.dir, name+".log"), admin: address(), http: u.http, binary: binary}
		p.args = slices.Concat(args, []string{"--admin", p.admin})
		return p
	}
	var internal, public []string
	for i := range replicas {
		internal, public = append(internal, address()), append(public, address())
		u.replicas = append(u.replicas, process(u.old, fmt.Sprintf("replica%d", i), "matchmaker",
			"--listen", public[i], "--internal", internal[i], "--nats", u.nats.URL(), "--data", filepath.Join(u.dir, fmt.Sprint("replica", i))))
	}
	server := func(binary, name string) *program {
		return process(binary, name, "server", "--listen", address(), "--id", name, "--matchmaker", strings.Join(internal, ","),
			"--data", filepath.Join(u.dir, name), "--drain", upgradeDrain.String(), "--state-hash",
			"--option", fmt.Sprint("seconds=", upgradeMatch), "--option", "warmup=1", "--option", "kills=0")
	}
	for i := range servers {
		u.servers = append(u.servers, server(u.old, fmt.Sprintf("earlier%d", i)))
		u.after = append(u.after, server(u.new, fmt.Sprintf("later%d", i)))
	}
	u.front = newBalancer(u.t, public)
}

// run starts a process and waits until it is ready.
func (u *upgrade) run(p *program) {
	u.t.Helper()
	p.start(u.t)
	u.t.Cleanup(p.kill)
	u.awaitReady(p)
}

// replace replaces a replica at its addresses by one of this release. The balancer has
// taken it out before, as a load balancer does by its health check.
func (u *upgrade) replace(r *program) {
	u.t.Helper()
	u.front.takeOut(r.args[2])
	if err := r.terminate(upgradeStart); err != nil {
		u.t.Error(err)
	}
	r.binary = u.new
	u.run(r)
	u.awaitServers(r)
	u.front.putBack(r.args[2])
	u.t.Logf("%s is replaced", r.name)
}

func (u *upgrade) awaitReady(p *program) {
	u.t.Helper()
	u.await(p.name+" is ready", func() error {
		select {
		case <-p.gone:
			u.t.Fatalf("%s ended: %v; see %s", p.name, p.cmd.ProcessState, p.log)
		default:
		}
		res, err := u.http.Get("http://" + p.admin + "/readyz")
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New(res.Status)
		}
		return nil
	})
}

// awaitServers waits until a replica knows all servers.
func (u *upgrade) awaitServers(r *program) {
	u.t.Helper()
	u.await(r.name+" knows the servers", func() error {
		o, err := r.overview()
		if err == nil && len(o.Servers) < len(u.servers) {
			err = fmt.Errorf("it knows %d of %d", len(o.Servers), len(u.servers))
		}
		return err
	})
}

func (u *upgrade) await(what string, condition func() error) {
	u.t.Helper()
	deadline := time.Now().Add(upgradeStart)
	for {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			u.t.Fatalf("%s: not within %v: %v", what, upgradeStart, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// balancer stands for the load balancer in front of the replicas.
type balancer struct {
	url   string
	hosts []string
	out   atomic.Pointer[string] // the host that gets no new requests
	next  atomic.Uint32
}

func newBalancer(t *testing.T, hosts []string) *balancer {
	t.Helper()
	b := &balancer{hosts: hosts}
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		ErrorLog:      zap.NewStdLog(zap.NewNop()), // bots end while they search
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: b.host()}) },
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	b.url = "http://" + ln.Addr().String()
	return b
}

func (b *balancer) host() string {
	for {
		host := b.hosts[int(b.next.Add(1))%len(b.hosts)]
		if out := b.out.Load(); out == nil || *out != host {
			return host
		}
	}
}

func (b *balancer) takeOut(host string) { b.out.Store(&host) }
func (b *balancer) putBack(string)      { b.out.Store(nil) }

// loadtest are bots in a process of their own.
type loadtest struct {
	u       *upgrade
	program *program
	report  string
}

// play starts the bots of a release. They play until they are asked to end.
func (u *upgrade) play(binary string) *loadtest {
	u.t.Helper()
	name := "bots of " + filepath.Base(binary)
	b := &loadtest{u: u, report: filepath.Join(u.dir, name+".json")}
	b.program = &program{
		name: name, binary: binary, log: filepath.Join(u.dir, name+".log"), http: u.http,
		args: []string{
			"loadtest", "--url", u.front.url, "--game", "arena", "--mode", "ffa", "--players", strconv.Itoa(upgradePlayers),
			"--duration", "1h", "--json", b.report, "--verify", "--log-format", "json",
		},
	}
	b.program.start(u.t)
	u.t.Cleanup(b.program.kill)
	return b
}

// awaitStart waits until all bots are measured.
func (b *loadtest) awaitStart() {
	b.u.t.Helper()
	b.u.await(b.program.name+" play", func() error {
		text, err := os.ReadFile(b.program.log)
		if err == nil && !strings.Contains(string(text), "measuring") {
			err = errors.New("not all have arrived")
		}
		return err
	})
}

// check ends the bots and reads what they have seen.
func (b *loadtest) check() {
	b.u.t.Helper()
	if err := b.program.cmd.Process.Signal(os.Interrupt); err != nil {
		b.u.t.Fatal(err)
	}
	<-b.program.gone
	text, err := os.ReadFile(b.report)
	if err != nil {
		b.u.t.Fatalf("%s: %v", b.program.name, err)
	}
	var seen struct {
		Clients     int            `json:"clients"`
		Unavailable float64        `json:"unavailable_s"`
		Errors      map[string]int `json:"errors"`
		Reconnects  map[string]int `json:"reconnects"`
		Verify      struct {
			Checked    int `json:"checked"`
			Mismatched int `json:"mismatched"`
		} `json:"verify"`
	}
	if err := json.Unmarshal(text, &seen); err != nil {
		b.u.t.Fatalf("%s: %v", b.program.name, err)
	}
	if seen.Clients != upgradePlayers || len(seen.Errors) > 0 || len(seen.Reconnects) > 0 || seen.Unavailable > 0 ||
		seen.Verify.Checked == 0 || seen.Verify.Mismatched > 0 {
		b.u.t.Errorf("%s: %d of %d played; errors %v, reconnects %v, %.1f s unavailable, %d of %d states differ", b.program.name,
			seen.Clients, upgradePlayers, seen.Errors, seen.Reconnects, seen.Unavailable, seen.Verify.Mismatched, seen.Verify.Checked)
		return
	}
	b.u.t.Logf("%s: %d played without an error, %d states compared", b.program.name, seen.Clients, seen.Verify.Checked)
}
