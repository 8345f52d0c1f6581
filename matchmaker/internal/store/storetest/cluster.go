package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// nodeVariable turns a test binary that is started with it into a NATS node.
const nodeVariable = "TACTUS_STORETEST_NODE"

func init() {
	if settings := os.Getenv(nodeVariable); settings != "" {
		if err := serveNode(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// node configures a child process.
type node struct {
	Name       string
	Port       int
	RoutePort  int   // 0: alone
	RoutePorts []int // of all nodes
	Dir        string
	Security   *security // nil: plain text, for everybody
}

// serveNode runs in the child until its standard input ends, at the latest with the
// parent.
func serveNode(settings string) error {
	var n node
	if err := json.Unmarshal([]byte(settings), &n); err != nil {
		return err
	}
	opts := &server.Options{
		ServerName: n.Name, Host: "127.0.0.1", Port: n.Port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: n.Dir,
	}
	if err := n.Security.apply(opts); err != nil {
		return err
	}
	if n.RoutePort != 0 {
		opts.Cluster = server.ClusterOpts{Name: "storetest", Host: "127.0.0.1", Port: n.RoutePort}
		for _, port := range n.RoutePorts {
			opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: loopback(port)})
		}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("node %s is not ready", n.Name)
	}
	fmt.Fprintln(os.Stdout, "ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Cluster is NATS with JetStream on loopback. Each node is a process.
type Cluster struct {
	t       testing.TB
	nodes   []node
	running []*process
}

type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// StartCluster starts n nodes, which end with the test. The streams of a single node have
// one replica.
func StartCluster(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, nodes: make([]node, n), running: make([]*process, n)}
	ports := FreePorts(t, 2*n)
	for i := range n {
		c.nodes[i] = node{Name: fmt.Sprintf("n%d", i), Port: ports[i], Dir: t.TempDir()}
		if n > 1 {
			c.nodes[i].RoutePort, c.nodes[i].RoutePorts = ports[n+i], ports[n:]
		}
	}
	t.Cleanup(func() {
		for i := range c.nodes {
			c.Kill(i)
		}
	})
	for i := range n {
		c.start(i)
	}
	c.awaitMeta()
	return c
}

// FreePorts returns ports that are free now. They are below the range of outgoing
// connections, so none takes a port while its process is down. Another listener may take
// one, from a range of thousands.
func FreePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		if tries > 100*n {
			t.Fatal("no free ports")
		}
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports
}

const firstPort, lastPort = 18_000, 32_000

// start starts a node and waits until it accepts connections.
func (c *Cluster) start(i int) {
	c.t.Helper()
	settings, err := json.Marshal(c.nodes[i])
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), nodeVariable+"="+string(settings))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.running[i] = &process{cmd, stdin}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		c.t.Fatalf("node %d did not start: %q %v", i, line, err)
	}
}

// awaitMeta waits until the cluster can create streams.
func (c *Cluster) awaitMeta() {
	c.t.Helper()
	c.jetStream(func(ctx context.Context, js jetstream.JetStream) error {
		cfg := jetstream.StreamConfig{Name: "storetest", Storage: jetstream.MemoryStorage, Replicas: len(c.nodes)}
		if _, err := js.CreateStream(ctx, cfg); err != nil {
			return err
		}
		return js.DeleteStream(ctx, cfg.Name)
	})
}

// jetStream repeats f until it succeeds.
func (c *Cluster) jetStream(f func(ctx context.Context, js jetstream.JetStream) error) {
	c.t.Helper()
	nc, err := nats.Connect(c.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		c.t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err := f(ctx, js)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the cluster does not answer: %v", err)
		}
	}
}

// URL is the URL of all nodes, also of those that are down.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.nodes))
	for i := range c.nodes {
		urls[i] = c.NodeURL(i)
	}
	return strings.Join(urls, ",")
}

// NodeURL is the URL of one node.
func (c *Cluster) NodeURL(i int) string { return "nats://" + loopback(c.nodes[i].Port) }

// Kill ends a node without warning (SIGKILL), if it is running.
func (c *Cluster) Kill(i int) {
	p := c.running[i]
	if p == nil {
		return
	}
	c.running[i] = nil
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}

// Restart starts a killed node again with its files.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.Kill(i)
	c.start(i)
}

// LeaderOf waits until the stream has a leader and returns its node.
func (c *Cluster) LeaderOf(stream string) int {
	c.t.Helper()
	leader := -1
	c.jetStream(func(ctx context.Context, js jetstream.JetStream) error {
		s, err := js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		if cluster := s.CachedInfo().Cluster; cluster != nil {
			for i, n := range c.nodes {
				if n.Name == cluster.Leader && c.running[i] != nil {
					leader = i
					return nil
				}
			}
		}
		return fmt.Errorf("stream %s has no leader", stream)
	})
	return leader
}

// LastSequence is the sequence of the newest message that a stream ever had.
func (c *Cluster) LastSequence(stream string) uint64 {
	c.t.Helper()
	var last uint64
	c.jetStream(func(ctx context.Context, js jetstream.JetStream) error {
		s, err := js.Stream(ctx, stream)
		if err == nil {
			last = s.CachedInfo().State.LastSeq
		}
		return err
	})
	return last
}
