package port

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// By default TCP keeps a connection to a vanished peer, and with it a ticket or a
// seat, for a quarter of an hour.
func TestLiveListener_endsConnectionsOfVanishedPeers(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted, err := liveListener{inner}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := accepted.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]struct{ level, option, want int }{
		"unacknowledged data, ms": {unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ackTimeout.Milliseconds())},
		"probes":                  {unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		"silence before, s":       {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(pingInterval.Seconds())},
		"between probes, s":       {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(probeInterval.Seconds())},
		"number of probes":        {unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes},
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
