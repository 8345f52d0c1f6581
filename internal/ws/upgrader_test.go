package ws

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tactus/internal/origin"
)

func TestUpgrader_rejects(t *testing.T) {
	r := newHarness(t, &Upgrader{Origins: policy(t, "https://play.example.com")})
	cases := []struct {
		name, old, new string
		status         int
	}{
		{"method", "GET", "POST", 405},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 505},
		{"plain request", "Upgrade: websocket\r\n", "", 426},
		{"no connection token", "Connection: Upgrade", "Connection: keep-alive", 426},
		{"version 12", "Version: 13", "Version: 12", 426},
		{"no version", "Sec-WebSocket-Version: 13\r\n", "", 426},
		{"two versions", "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n", 426},
		{"no key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", "", 400},
		{"short key", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 400},
		{"key that is no base64", "AAAAAAAAAAAAAAAAAAAAAA==", "!!!!!!!!!!!!!!!!!!!!!!==", 400},
		{"two keys", "Sec-WebSocket-Version", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version", 400},
		{"no subprotocol", "Sec-WebSocket-Protocol: tactus.v1\r\n", "", 400},
		{"another subprotocol", "tactus.v1", "chat, Tactus.V1", 400},
		{"body", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nContent-Length: 1\r\n", 400},
		{"foreign origin", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin: https://evil.example\r\n", 403},
		{"null origin", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin: null\r\n", 403},
		{"empty origin", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin:\r\n", 403},
		{"prefix of an allowed origin", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin: https://play.example.com.evil.example\r\n", 403},
		{"two origins", "Upgrade: websocket\r\n", "Upgrade: websocket\r\nOrigin: https://play.example.com\r\nOrigin: https://evil.example\r\n", 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, header := exchange(t, r, strings.Replace(handshake, c.old, c.new, 1)+"x")
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if version := header.Get("Sec-WebSocket-Version"); c.status == 426 && version != "13" {
				t.Errorf("426 names version %q, want 13", version)
			}
		})
	}
}

func policy(t *testing.T, entries ...string) *origin.Policy {
	t.Helper()
	p, err := origin.NewPolicy(entries, origin.Distinct)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUpgrader_acceptsOrigin(t *testing.T) {
	cases := []struct {
		name, origin string
		origins      []string
	}{
		{"same host", "http://tactus.test", nil},
		{"same host in other letters", "https://TACTUS.test", nil},
		{"listed origin", "https://play.example.com", []string{"https://play.example.com"}},
		{"listed host", "https://play.example.com:8443", []string{"play.example.com:8443"}},
		{"same host and its scheme's port", "http://tactus.test:80", nil},
		{"listed in other letters", "https://play.example.com", []string{"HTTPS://Play.Example.com:443/"}},
		{"app shell", "capacitor://localhost", []string{"capacitor://localhost"}},
		{"file", "file://", []string{"null"}},
		{"any", "https://anywhere.example", []string{"*"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newHarness(t, &Upgrader{Origins: policy(t, c.origins...)})
			status, _ := exchange(t, r, strings.Replace(handshake, "Upgrade: websocket", "Upgrade: websocket\r\nOrigin: "+c.origin, 1))
			if status != http.StatusSwitchingProtocols {
				t.Fatalf("status %d, want 101", status)
			}
			r.pending().Close(1000, "")
		})
	}
}

func TestUpgrader_failsWithoutHijacking(t *testing.T) {
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake)))
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	if _, err := new(Upgrader).Upgrade(answer, request); err == nil || answer.Code != http.StatusInternalServerError {
		t.Errorf("got %v and status %d, want an error and 500", err, answer.Code)
	}
}

func exchange(t *testing.T, r *harness, request string) (status int, header http.Header) {
	t.Helper()
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header
}

func TestUpgrader_speaksSubprotocolOfCaller(t *testing.T) {
	r := newHarness(t, &Upgrader{Subprotocol: "tactus-lobby.v3", MaxMessage: 10})
	offer := func(subprotocol string) string { return strings.Replace(handshake, "tactus.v1", subprotocol, 1) }
	if status, header := exchange(t, r, offer("tactus-lobby.v3")); status != http.StatusSwitchingProtocols ||
		header.Get("Sec-WebSocket-Protocol") != "tactus-lobby.v3" {
		t.Errorf("answered with %d, %v", status, header)
	}
	r.pending().Close(1000, "")
	if status, header := exchange(t, r, offer("tactus-lobby.v2")); status != http.StatusSwitchingProtocols ||
		header.Get("Sec-WebSocket-Protocol") != "tactus-lobby.v2" {
		t.Errorf("another version was answered with %d, %v", status, header)
	}
	if status, _ := exchange(t, r, handshake); status != http.StatusBadRequest {
		t.Errorf("another subprotocol was answered with %d", status)
	}
}
