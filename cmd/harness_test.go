package tactuscmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/gobwas/ws"
	"go.uber.org/zap"

	"tactus/game"
	"tactus/game/arena"
	"tactus/internal/publicport"
	"tactus/matchmaker"
	"tactus/protocol"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
	"tactus/server"
)

// commandVariable makes this test's binary the program.
const commandVariable = "TACTUS_TEST_COMMAND"

// TestMain runs the command line instead of the tests in processes that they
// start.
func TestMain(m *testing.M) {
	ports := os.Getenv("TACTUS_DOCUMENT_PORTS")
	switch {
	case os.Getenv(commandVariable) != "":
	case ports != "":
		os.Args = append(os.Args[:1], elsewhere(os.Args[1:], strings.NewReplacer(strings.Split(ports, ",")...))...)
	default:
		forgetSettings()
		os.Exit(m.Run())
	}
	Program{Games: []game.Game{arena.Game}}.Main()
}

// forgetSettings keeps what the developer's environment configures out of the
// tests and of the processes that they start.
func forgetSettings() {
	keep := []string{"TACTUS_EXAMPLES"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if name == "PORT" || strings.HasPrefix(name, "TACTUS_") && !slices.Contains(keep, name) {
			_ = os.Unsetenv(name)
		}
	}
}

// process is the program, run by a test.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended and all its output is in lines

	mu    sync.Mutex
	lines []string
	grown chan struct{} // capacity 1
}

// startProcess runs the program until the test ends. change may alter how it is
// started.
func startProcess(t *testing.T, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self, args...), ended: make(chan struct{}), grown: make(chan struct{}, 1)}
	out, in := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = in, in
	p.cmd.Env = append(os.Environ(), commandVariable+"=1")
	if change != nil {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, s.Text())
			p.mu.Unlock()
			p.wake()
		}
	}()
	go func() {
		_ = p.cmd.Wait()
		_ = in.Close()
		<-read
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%v wrote\n%s", args, p.output())
		}
	})
	return p
}

func (p *process) wake() {
	select {
	case p.grown <- struct{}{}:
	default:
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// forget makes waitFor see only lines from now on.
func (p *process) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = nil
}

// waitFor waits for a line with a text and returns it.
func (p *process) waitFor(text string) string {
	p.t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for {
		for line := range strings.Lines(p.output()) {
			if strings.Contains(line, text) {
				return line
			}
		}
		select {
		case <-p.grown:
		case <-p.ended:
			if !strings.Contains(p.output(), text) {
				p.t.Fatalf("the process ended without %q", text)
			}
		case <-deadline.C:
			p.t.Fatalf("no line with %q", text)
		}
	}
}

// wait waits for the end and returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

// anyPorts are the flags of a command that listens wherever there is room.
func anyPorts(t *testing.T, command string) []string {
	t.Helper()
	args := []string{command, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json"}
	if command == "server" {
		return append(args, "--matchmaker", "127.0.0.1:1")
	}
	return append(args, "--internal", "127.0.0.1:0")
}

// startDev runs `tactus dev` on free ports until the test ends.
func startDev(t *testing.T, change func(*devConfig)) *devProcess {
	t.Helper()
	cfg := devConfig{listen: "127.0.0.1:0", internal: "127.0.0.1:0", data: t.TempDir(), admin: adminFlags{listen: "127.0.0.1:0"}}
	if change != nil {
		change(&cfg)
	}
	p, err := openDev(&cfg, zap.NewNop(), []game.Game{arena.Game})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("dev ended with %v", err)
		}
	})
	return p
}

func (p *devProcess) client() matchmakerv1connect.MatchmakerServiceClient {
	return matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, "http://"+p.public.Addr().String())
}

// assign takes a ticket to its assignment. A server that has just started may
// not be registered yet; the ticket waits for it.
func assign(t *testing.T, p *devProcess, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.Assignment, *matchmakerv1.CreateTicketResponse) {
	t.Helper()
	return assignTo(t, p.client(), req)
}

func assignTo(t *testing.T, c matchmakerv1connect.MatchmakerServiceClient, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.Assignment, *matchmakerv1.CreateTicketResponse) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ticket, err := c.CreateTicket(ctx, connect.NewRequest(req))
	for connect.CodeOf(err) == connect.CodeUnavailable || connect.CodeOf(err) == connect.CodeInvalidArgument && ctx.Err() == nil {
		ticket, err = c.CreateTicket(ctx, connect.NewRequest(req)) // no server has registered yet
	}
	if err != nil {
		t.Fatal(err)
	}
	return watchFor(t, c, ticket.Msg.GetTicketId()), ticket.Msg
}

// watchFor watches a ticket until it is assigned.
func watchFor(t *testing.T, c matchmakerv1connect.MatchmakerServiceClient, ticketID string) *matchmakerv1.Assignment {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	stream, err := c.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: ticketID}))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for stream.Receive() {
		if a := stream.Msg().GetAssignment(); a != nil {
			return a
		}
		if stream.Msg().GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED {
			t.Fatalf("the ticket ended: %v %s", stream.Msg().GetReason(), stream.Msg().GetMessage())
		}
	}
	t.Fatalf("the watch ended without an assignment: %v", stream.Err())
	return nil
}

// socket is a bare client of /play.
type socket struct {
	t    *testing.T
	conn net.Conn
	in   io.Reader
}

func dial(t *testing.T, url string) *socket {
	t.Helper()
	d := ws.Dialer{Protocols: []string{protocol.Subprotocol}, Timeout: 5 * time.Second}
	conn, buffered, _, err := d.Dial(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	return newSocket(t, conn, buffered)
}

func newSocket(t *testing.T, conn net.Conn, buffered *bufio.Reader) *socket {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	s := &socket{t: t, conn: conn, in: conn}
	if buffered != nil {
		s.in = io.MultiReader(buffered, conn)
	}
	return s
}

func (s *socket) send(payload []byte) {
	s.t.Helper()
	if err := ws.WriteFrame(s.conn, ws.MaskFrame(ws.NewBinaryFrame(payload))); err != nil {
		s.t.Fatal(err)
	}
}

// next returns the next message, or the close code.
func (s *socket) next() ([]byte, protocol.CloseCode) {
	s.t.Helper()
	for {
		f, err := ws.ReadFrame(s.in)
		if err != nil {
			s.t.Fatalf("reading a frame: %v", err)
		}
		switch f.Header.OpCode {
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(f.Payload)
			return nil, protocol.CloseCode(code)
		case ws.OpBinary:
			return f.Payload, 0
		}
	}
}

func (s *socket) wantClose(code protocol.CloseCode) {
	s.t.Helper()
	for {
		if _, got := s.next(); got != 0 {
			if got != code {
				s.t.Errorf("closed with %v, want %v", got, code)
			}
			return
		}
	}
}

// enter says hello and reads up to the first snapshot.
func (s *socket) enter(hello protocol.Hello) (protocol.Welcome, *protocol.Replica) {
	s.t.Helper()
	s.send(protocol.AppendHello(nil, &hello))
	var w protocol.Welcome
	for {
		msg, code := s.next()
		if code != 0 {
			s.t.Fatalf("closed with %v instead of a welcome", code)
		}
		switch kind, err := protocol.Type(msg); {
		case err != nil:
			s.t.Fatal(err)
		case kind == protocol.TypeWelcome:
			if w, err = protocol.ParseWelcome(msg); err != nil {
				s.t.Fatal(err)
			}
		case kind == protocol.TypeSnapshot:
			r := protocol.NewReplica(w.Schema)
			var snap protocol.Snapshot
			if err := errors.Join(protocol.ParseSnapshot(msg, &snap), r.Apply(&snap)); err != nil {
				s.t.Fatal(err)
			}
			return w, r
		}
	}
}

// startMatchmaker runs what `tactus matchmaker` runs, without its page.
func startMatchmaker(t *testing.T) *devProcess {
	t.Helper()
	p := &devProcess{log: zap.NewNop()}
	var err error
	if p.public, err = openPublic("127.0.0.1:0", false); err != nil {
		t.Fatal(err)
	}
	if p.internal, err = listen("internal", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if p.matchmaker, err = matchmaker.New(matchmaker.Config{InternalListener: p.internal}, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, p.matchmaker.Run)
	if p.port, err = publicport.New(publicport.Config{}); err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, func(ctx context.Context) error { return p.public.serve(ctx, p.port, p.matchmaker.Handler()) })
	return p
}

// startServer runs a game server and returns its URL once it takes matches.
func startServer(t *testing.T, matchmakerAddr string, maxMatches int) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gs, err := server.New(server.Config{
		PublicURL: server.GuessedURL(ln.Addr(), ""), Matchmakers: []string{matchmakerAddr}, MaxMatches: maxMatches, ReplayDir: t.TempDir(),
	}, zap.NewNop(), arena.Game)
	if err != nil {
		t.Fatal(err)
	}
	runUntilEnd(t, gs.Host)
	runUntilEnd(t, func(ctx context.Context) error { return serve(ctx, publicServer(gs.Handler()), ln) })
	return server.GuessedURL(ln.Addr(), "")
}

func runUntilEnd(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// createRoom opens a room as soon as a server with space has registered.
func createRoom(t *testing.T, p *devProcess) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		room, err := p.client().CreateRoom(context.Background(), connect.NewRequest(&matchmakerv1.CreateRoomRequest{Game: "arena"}))
		if err == nil {
			return room.Msg.GetRoomCode()
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
