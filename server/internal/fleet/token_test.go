package fleet

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// doorkeeper is a matchmaker that notes the tokens it is shown and refuses streams.
type doorkeeper struct {
	fleetv1.UnimplementedFleetServiceServer
	shown chan []string
	ended chan struct{} // closed when the test reads no more of them
}

func (d doorkeeper) Connect(stream grpc.BidiStreamingServer[fleetv1.ConnectRequest, fleetv1.ConnectResponse]) error {
	md, _ := metadata.FromIncomingContext(stream.Context())
	select {
	case d.shown <- md.Get("authorization"):
	case <-d.ended:
	}
	return status.Error(codes.Unauthenticated, "not today")
}

func TestClient_showsTheTokenOfItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# mine\nserver first-token\n")
	listener := bufconn.Listen(1 << 16)
	n := newNetwork()
	n.listeners[addrA] = listener
	d := doorkeeper{shown: make(chan []string), ended: make(chan struct{})}
	server := grpc.NewServer()
	fleetv1.RegisterFleetServiceServer(server, d)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		close(d.ended)
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	cfg := n.config(addrA)
	cfg.TokenFile = path
	_, stop := startClient(t, cfg, newHost(), zap.NewNop())
	defer stop()
	if got := await(t, "a stream", d.shown); len(got) != 1 || got[0] != "Bearer first-token" {
		t.Errorf("shown %q", got)
	}
	write("second-token\n")
	for { // a stream may have begun before the change
		if got := await(t, "another stream", d.shown); len(got) == 1 && got[0] == "Bearer second-token" {
			break
		}
	}
}

func TestReadToken_rejectsFilesWithoutOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if _, err := ReadToken(path); err == nil {
		t.Error("a missing file was read")
	}
	for _, text := range []string{"", "# a comment\n\n", "three words here\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := ReadToken(path); err == nil {
			t.Errorf("%q holds the token %q", text, token)
		}
	}
}
