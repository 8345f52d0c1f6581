package port

import (
	"net"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
)

// recordingListener passes on what it accepted.
type recordingListener struct {
	net.Listener
	accepted chan *net.TCPConn
}

func (l recordingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted <- c.(*net.TCPConn)
	}
	return c, err
}

// By default TCP keeps a connection to a vanished peer, and with it a ticket or a
// seat, for a quarter of an hour.
func TestNewServer_endsConnectionsOfVanishedPeers(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := recordingListener{inner, make(chan *net.TCPConn, 1)}
	server := NewServer(Config{}, func(*grpc.Server) {}, zap.NewNop())
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if _, err := http2.NewFramer(nil, client).ReadFrame(); err != nil { // settings: the server has the connection
		t.Fatal(err)
	}
	raw, err := (<-listener.accepted).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]struct{ level, option, want int }{
		"unacknowledged data, ms": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(pingTimeout.Milliseconds())},
		"probes":                  {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
	} {
		var got int
		var gerr error
		if err := raw.Control(func(fd uintptr) { got, gerr = unix.GetsockoptInt(int(fd), option.level, option.option) }); err != nil || gerr != nil {
			t.Fatal(err, gerr)
		}
		if got != option.want {
			t.Errorf("%s: %d, want %d", name, got, option.want)
		}
	}
}
