package matchmaker_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

const nginxConfig = `
daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; location / { proxy_pass %[3]s; } }
}
`

// nginx proxies to a server with nginx's own defaults, which hold streams back.
func nginx(t *testing.T, to string) (url string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil { // Debian has it where only root looks
		program, err = exec.LookPath("/usr/sbin/nginx")
	}
	switch {
	case err != nil && os.Getenv("TACTUS_EXAMPLES") != "":
		t.Fatalf("streams can't be tried behind nginx: %v", err)
	case err != nil:
		t.Skipf("streams can't be tried behind nginx; on Debian: apt-get install nginx-light: %v", err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, dir, address, to), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(program, "-p", dir, "-e", "stderr", "-c", config)
	run.Stderr = t.Output()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Signal(syscall.SIGTERM)
		_ = run.Wait()
	})
	return "http://" + address
}

func TestHandler_streamsPassNginx(t *testing.T) {
	w := start(t, nil)
	url := nginx(t, w.public().URL)
	w.until("nginx listens", func() bool {
		conn, err := net.Dial("tcp", url[len("http://"):])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: transport}, url, connect.WithProtoJSON())
	ann, err := client.CreateParty(w.context(), connect.NewRequest(&matchmakerv1.CreatePartyRequest{PlayerName: "Ann"}))
	if err != nil {
		t.Fatal(err)
	}
	watch, err := client.WatchParty(w.context(), connect.NewRequest(&matchmakerv1.WatchPartyRequest{MemberId: ann.Msg.GetMemberId()}))
	if err != nil {
		t.Fatal(err)
	}
	if !watch.Receive() {
		t.Fatalf("nothing arrives: %v", watch.Err())
	}
	if h := watch.ResponseHeader(); h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	w.joins(ann.Msg.GetPartyCode(), "Bob")
	for len(watch.Msg().GetMembers()) < 2 {
		if !watch.Receive() {
			t.Fatalf("nobody joins: %v", watch.Err())
		}
	}
}
