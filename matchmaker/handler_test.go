package matchmaker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"tactus/internal/publicport"
	"tactus/matchmaker"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// public serves the matchmaker's handler as the public port does.
func (w *world) public() *httptest.Server {
	mux := http.NewServeMux()
	mux.Handle(matchmaker.HandlerPath, w.mm.Handler())
	server := httptest.NewUnstartedServer(mux)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	w.t.Cleanup(server.Close)
	return server
}

// behindProxy serves the handler by a public port that trusts loopback as its proxy, and
// returns its URL.
func (w *world) behindProxy() string {
	w.t.Helper()
	port, err := publicport.New(publicport.Config{Proxies: publicport.Proxies{Trusted: []string{"127.0.0.1"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- port.Serve(ctx, ln, w.mm.Handler()) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func TestHandler_servesConnectClients(t *testing.T) {
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for name, tt := range map[string]struct {
		options   []connect.ClientOption
		protocols *http.Protocols
	}{
		"connect":  {},
		"json":     {options: []connect.ClientOption{connect.WithProtoJSON()}},
		"grpc-web": {options: []connect.ClientOption{connect.WithGRPCWeb()}},
		"grpc":     {options: []connect.ClientOption{connect.WithGRPC()}, protocols: h2c},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, nil)
			w.server("s1", nil)
			transport := &http.Transport{Protocols: tt.protocols}
			defer transport.CloseIdleConnections()
			client := matchmakerv1connect.NewMatchmakerServiceClient(&http.Client{Transport: transport}, w.public().URL, tt.options...)
			playsByConnect(t, w, client)
		})
	}
}

func playsByConnect(t *testing.T, w *world, client matchmakerv1connect.MatchmakerServiceClient) {
	t.Helper()
	ctx := w.context()
	created, err := client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{Game: "arena"}))
	if err != nil {
		t.Fatal(err)
	}
	watch, err := client.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: created.Msg.GetTicketId()}))
	if err != nil {
		t.Fatal(err)
	}
	var last *matchmakerv1.WatchTicketResponse
	for watch.Receive() {
		last = proto.CloneOf(watch.Msg())
	}
	if err := watch.Err(); err != nil || last.GetAssignment().GetJoinToken() == "" {
		t.Errorf("last message %v, error %v", last, err)
	}
	_ = watch.Close()
	room, err := client.CreateRoom(ctx, connect.NewRequest(&matchmakerv1.CreateRoomRequest{}))
	if err != nil || room.Msg.GetRoomCode() == "" {
		t.Errorf("room %v %v", room, err)
	}
	if games, err := client.ListGames(ctx, connect.NewRequest(&matchmakerv1.ListGamesRequest{})); err != nil || games.Msg.GetServers() != 1 {
		t.Errorf("games %v %v", games, err)
	}
	if list, err := client.ListMatches(ctx, connect.NewRequest(&matchmakerv1.ListMatchesRequest{})); err != nil || len(list.Msg.GetMatches()) != 1 {
		t.Errorf("matches %v %v", list, err)
	}
	cancelled, err := client.CancelTicket(ctx, connect.NewRequest(&matchmakerv1.CancelTicketRequest{TicketId: created.Msg.GetTicketId()}))
	if err != nil || cancelled.Msg.GetReason() != matchmakerv1.EndReason_END_REASON_MATCHED {
		t.Errorf("cancelled %v %v", cancelled, err)
	}
	_, err = client.CreateTicket(ctx, connect.NewRequest(&matchmakerv1.CreateTicketRequest{Game: "chess"}))
	var refused *connect.Error
	if !errors.As(err, &refused) || refused.Code() != connect.CodeInvalidArgument || !strings.Contains(refused.Message(), "hosted here: arena") {
		t.Errorf("unknown game: %v", err)
	}
}

func post(t *testing.T, server *httptest.Server, method, contentType string, body []byte) *http.Response {
	t.Helper()
	res, err := server.Client().Post(server.URL+matchmaker.HandlerPath+method, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// Nothing but an HTTP client and JSON is needed.
func TestHandler_servesPlainJSON(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	server := w.public()
	var created struct{ TicketID, PlayerName string }
	res := post(t, server, "CreateTicket", "application/json", []byte(`{"game":"arena","mode":"duel","playerName":"Ann"}`))
	if err := json.NewDecoder(res.Body).Decode(&created); err != nil || res.StatusCode != 200 || created.PlayerName != "Ann" {
		t.Fatalf("%d %+v %v", res.StatusCode, created, err)
	}
	watch := []byte(`{"ticketId":"` + created.TicketID + `"}`)
	res = post(t, server, "WatchTicket", "application/connect+json", envelope(watch))
	var last *matchmakerv1.WatchTicketResponse
	for {
		flags, message := readEnvelope(t, res.Body)
		if flags&2 != 0 { // end of stream
			break
		}
		last = new(matchmakerv1.WatchTicketResponse)
		if err := protojson.Unmarshal(message, last); err != nil {
			t.Fatal(err)
		}
	}
	if last.GetState() != matchmakerv1.WatchTicketResponse_STATE_ASSIGNED || last.GetAssignment().GetMode() != "duel" {
		t.Errorf("last message %v", last)
	}
}

func envelope(message []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(out, message...)
}

func readEnvelope(t *testing.T, from io.Reader) (flags byte, message []byte) {
	t.Helper()
	var head [5]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		t.Fatal(err)
	}
	message = make([]byte, binary.BigEndian.Uint32(head[1:]))
	if _, err := io.ReadFull(from, message); err != nil {
		t.Fatal(err)
	}
	return head[0], message
}

func TestHandler_rejectsOversizedAndSlowRequests(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.MaxRequestBytes, c.RequestTimeout = 2048, 50*time.Millisecond })
	w.server("s1", nil)
	server := w.public()
	big := []byte(`{"playerName":"` + strings.Repeat("x", 4096) + `"}`)
	if res := post(t, server, "CreateTicket", "application/json", big); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("big: status %d", res.StatusCode)
	}
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "POST "+matchmaker.HandlerPath+"ListGames HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	answer, _ := io.ReadAll(conn) // the server answers and closes, or this test hangs
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 408")) {
		t.Errorf("slow: %q", answer)
	}
	if res := post(t, server, "CreateTicket", "text/plain", []byte("{}")); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text: status %d", res.StatusCode)
	}
}

func TestHandler_checksOrigins(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) { c.AllowedOrigins = []string{"https://play.example.com"} })
	server := w.public()
	ask := func(method, origin string) *http.Response {
		req, err := http.NewRequestWithContext(w.context(), method, server.URL+matchmaker.HandlerPath+"ListGames", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		req.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	preflight := ask(http.MethodOptions, "https://play.example.com")
	if preflight.StatusCode != http.StatusNoContent || !strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "Connect-Protocol-Version") {
		t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
	}
	if res := ask(http.MethodPost, "https://play.example.com"); res.Header.Get("Access-Control-Allow-Origin") != "https://play.example.com" {
		t.Errorf("allowed origin: %v", res.Header)
	}
	for _, method := range []string{http.MethodOptions, http.MethodPost} {
		if res := ask(method, "https://evil.example.com"); res.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s from a foreign origin: %v", method, res.Header)
		}
	}
}

func TestLimits_applyToForwardedAddresses(t *testing.T) {
	w := start(t, func(c *matchmaker.Config) {
		c.Rates = matchmaker.Rates{AddressPerSecond: .001, AddressBurst: 1}
	})
	w.server("s1", nil)
	url := w.behindProxy()
	ask := func(forwarded string) int {
		req, err := http.NewRequestWithContext(w.context(), http.MethodPost, url+matchmaker.HandlerPath+"CreateTicket", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Forwarded-For", forwarded)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	got := []int{ask("203.0.113.1"), ask("6.6.6.6, 203.0.113.1"), ask("203.0.113.2")}
	if got[0] != 200 || got[1] != 429 || got[2] != 200 {
		t.Errorf("answers %v, want 200, 429 (only the last hop counts), 200", got)
	}
}
