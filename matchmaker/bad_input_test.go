package matchmaker_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statusv1 "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"tactus/matchmaker"
	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

const (
	testIssuer   = "https://login.test/"
	testAudience = "tactus-test"
	// choosy takes one player at a time, who speaks a language.
	choosy = `
queue: choosy
game: arena
mode: duel
teams: {count: 2, max: 1}
party: {max: 1}
attributes: [{name: language, rule: overlap}]
`
)

// edge is a matchmaker with everything that callers can get wrong, and the two
// ways in: native gRPC on the internal port and Connect on the public one.
type edge struct {
	*world
	issuer ed25519.PrivateKey
	native caller
	public caller

	publicURL string
}

// caller is one way in. Its errors are gRPC statuses, whatever they came as.
type caller struct {
	name string
	call func(ctx context.Context, method string, req, res proto.Message) error
}

func startEdge(t *testing.T, change func(*matchmaker.Config)) *edge {
	t.Helper()
	public, issuer, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(t.TempDir(), "issuer.pem")
	if err := os.WriteFile(keys, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	w, _ := withRules(t, choosy, func(c *matchmaker.Config) {
		c.Identity = matchmaker.Identity{KeyFile: keys, Issuer: testIssuer, Audience: testAudience}
		if change != nil {
			change(c)
		}
	})
	w.server("s1", nil)
	url := w.behindProxy()
	return &edge{
		world: w, issuer: issuer, publicURL: url,
		native: caller{"native", w.byGRPC}, public: caller{"public", w.byConnect(url, "")},
	}
}

func (w *world) byGRPC(ctx context.Context, method string, req, res proto.Message) error {
	return w.conn.Invoke(ctx, "/"+matchmakerv1connect.MatchmakerServiceName+"/"+method, req, res)
}

// byConnect calls the public port as a browser does, or, if an address is
// given, as somebody behind a proxy.
func (w *world) byConnect(url, address string) func(context.Context, string, proto.Message, proto.Message) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	w.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	return func(ctx context.Context, method string, req, res proto.Message) error {
		body, err := proto.Marshal(req)
		if err != nil {
			return err
		}
		post, err := http.NewRequestWithContext(ctx, http.MethodPost, url+matchmaker.HandlerPath+method, bytes.NewReader(body))
		if err != nil {
			return err
		}
		post.Header.Set("Content-Type", "application/proto")
		if address != "" {
			post.Header.Set("X-Forwarded-For", address)
		}
		answer, err := client.Do(post)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if body, err = io.ReadAll(answer.Body); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return connectError(body)
		}
		return proto.Unmarshal(body, res)
	}
}

// connectError reads an error as Connect sends it to a browser.
func connectError(body []byte) error {
	var sent struct {
		Code    string
		Message string
		Details []struct {
			Type  string
			Value string
		}
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return fmt.Errorf("%w: %q", err, body)
	}
	var code codes.Code
	if err := code.UnmarshalJSON([]byte(strconv.Quote(strings.ToUpper(sent.Code)))); err != nil {
		return err
	}
	s := &statusv1.Status{Code: int32(code), Message: sent.Message}
	for _, d := range sent.Details {
		value, err := base64.RawStdEncoding.DecodeString(d.Value)
		if err != nil {
			return err
		}
		s.Details = append(s.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type, Value: value})
	}
	return status.ErrorProto(s)
}

func (c caller) createTicket(ctx context.Context, req *matchmakerv1.CreateTicketRequest) (*matchmakerv1.CreateTicketResponse, error) {
	res := new(matchmakerv1.CreateTicketResponse)
	return res, c.call(ctx, "CreateTicket", req, res)
}

// details are what a program can go by.
func details(err error) (info *errdetails.ErrorInfo, fields []string, retry time.Duration) {
	for _, d := range status.Convert(err).Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				fields = append(fields, v.GetField())
			}
		case *errdetails.RetryInfo:
			retry = d.GetRetryDelay().AsDuration()
		}
	}
	return info, fields, retry
}

// refuses checks that a call is refused for the reason, with its code, and says
// which field it is about ("" for none).
func (c caller) refuses(t *testing.T, method string, req, res proto.Message, reason failure.Reason, field string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.call(ctx, method, req, res)
	info, fields, _ := details(err)
	if status.Code(err) != reason.Kind().Code || info.GetReason() != string(reason) || info.GetDomain() != failure.Domain {
		t.Errorf("%s: %v with %v, want %s", c.name, err, info, reason)
	}
	if got := strings.Join(fields, ","); got != field {
		t.Errorf("%s: the field is %q, want %q", c.name, got, field)
	}
	if len(status.Convert(err).Message()) > 600 {
		t.Errorf("%s: the answer repeats what it was sent: %d bytes", c.name, len(err.Error()))
	}
}

// serves checks that others are served as ever.
func (e *edge) serves(c caller) {
	e.t.Helper()
	created, err := c.createTicket(e.context(), &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", PlayerName: "Ann"})
	if err != nil {
		e.t.Fatalf("%s: %v", c.name, err)
	}
	(&player{w: e.world, CreateTicketResponse: created}).assigned()
}

// identity is a token of the issuer, or of who pretends to be.
func (e *edge) identity(key ed25519.PrivateKey, change func(jwt.MapClaims)) string {
	e.t.Helper()
	claims := jwt.MapClaims{"iss": testIssuer, "aud": testAudience, "sub": "7f3a", "name": "Ada", "exp": time.Now().Add(time.Hour).Unix()}
	if change != nil {
		change(claims)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(key)
	if err != nil {
		e.t.Fatal(err)
	}
	return text
}

func TestTickets_acceptTokensOfTheIssuer(t *testing.T) {
	e := startEdge(t, nil)
	for c, id := range map[*caller]string{&e.native: "u-7f3a", &e.public: "p-"} {
		created, err := c.createTicket(e.context(), &matchmakerv1.CreateTicketRequest{
			Game: "arena", Mode: "ffa", IdentityToken: e.identity(e.issuer, nil), PlayerName: "Root",
		})
		if err != nil || !strings.HasPrefix(created.GetPlayerId(), id) || created.GetPlayerName() != "Ada" || created.GetGuestToken() != "" {
			t.Fatalf("%s: %v %v", c.name, created, err)
		}
		(&player{w: e.world, CreateTicketResponse: created}).assigned()
	}
}

func TestTickets_rejectBadRequests(t *testing.T) {
	e := startEdge(t, nil)
	_, forger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 65)
	type ticket = matchmakerv1.CreateTicketRequest
	values := func(n int, v string) map[string]*matchmakerv1.Values {
		m := make(map[string]*matchmakerv1.Values, n)
		for i := range n {
			m[fmt.Sprint("a", i)] = &matchmakerv1.Values{Values: []string{v}}
		}
		return m
	}
	regions := func(n int, ms uint32) map[string]uint32 {
		m := make(map[string]uint32, n)
		for i := range n {
			m[fmt.Sprint("r", i)] = ms
		}
		return m
	}
	for name, tt := range map[string]struct {
		req    *ticket
		reason failure.Reason
		field  string
	}{
		"forged identity":      {&ticket{IdentityToken: e.identity(forger, nil)}, failure.IdentityForged, ""},
		"expired identity":     {&ticket{IdentityToken: e.identity(e.issuer, func(c jwt.MapClaims) { c["exp"] = 1 })}, failure.IdentityExpired, ""},
		"identity of a shop":   {&ticket{IdentityToken: e.identity(e.issuer, func(c jwt.MapClaims) { c["aud"] = "shop" })}, failure.IdentityWrongAudience, ""},
		"identity of words":    {&ticket{IdentityToken: "let me in"}, failure.IdentityMalformed, ""},
		"huge identity":        {&ticket{IdentityToken: strings.Repeat("A", 9000)}, failure.IdentityTooLarge, ""},
		"forged guest":         {&ticket{GuestToken: e.identity(forger, nil)}, failure.GuestTokenInvalid, ""},
		"name that hides":      {&ticket{PlayerName: "\u202e\u200b"}, failure.BadName, "player_name"},
		"unknown game":         {&ticket{Game: "chess"}, failure.UnknownGame, "game"},
		"unknown mode":         {&ticket{Game: "arena", Mode: "siege"}, failure.UnknownMode, "mode"},
		"unknown queue":        {&ticket{Queue: "ranked"}, failure.UnknownQueue, "queue"},
		"version of last year": {&ticket{Game: "arena", Mode: "ffa", Version: "0"}, failure.VersionNotServed, ""},
		"long game":            {&ticket{Game: long}, failure.BadField, "game"},
		"long mode":            {&ticket{Mode: long}, failure.BadField, "mode"},
		"long version":         {&ticket{Version: long}, failure.BadField, "version"},
		"long queue":           {&ticket{Queue: long}, failure.BadField, "queue"},
		"long room":            {&ticket{RoomCode: strings.Repeat("x", 513)}, failure.BadField, "room_code"},
		"long match":           {&ticket{MatchId: long}, failure.BadField, "match_id"},
		"long party":           {&ticket{Party: strings.Repeat("x", 300)}, failure.BadField, "party"},
		"long request":         {&ticket{RequestId: long}, failure.BadField, "request_id"},
		"unknown party":        {&ticket{Party: "ABCDEF-secret"}, failure.PartyUnknown, ""},
		"many attributes":      {&ticket{Attributes: values(17, "x")}, failure.BadAttribute, "attributes"},
		"long value":           {&ticket{Attributes: values(1, long)}, failure.BadAttribute, "attributes"},
		"no language":          {&ticket{Queue: "choosy"}, failure.BadAttribute, "attributes"},
		"many regions":         {&ticket{LatencyMs: regions(65, 20)}, failure.BadLatency, "latency_ms"},
		"ages away":            {&ticket{LatencyMs: regions(1, 1<<31)}, failure.BadLatency, "latency_ms"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []caller{e.native, e.public} {
				c.refuses(t, "CreateTicket", tt.req, new(matchmakerv1.CreateTicketResponse), tt.reason, tt.field)
			}
		})
	}
	e.serves(e.native)
	e.serves(e.public)
}

// Whoever reaches the internal port is trusted to say who plays; nobody else.
func TestTickets_backEndsNamePlayers(t *testing.T) {
	e := startEdge(t, nil)
	many := make([]*matchmakerv1.Player, 33)
	for i := range many {
		many[i] = &matchmakerv1.Player{PlayerId: fmt.Sprint("p-", i)}
	}
	english := map[string]*matchmakerv1.Values{"language": {Values: []string{"en"}}}
	for name, tt := range map[string]struct {
		req    *matchmakerv1.CreateTicketRequest
		reason failure.Reason
		field  string
	}{
		"too many":     {&matchmakerv1.CreateTicketRequest{Players: many}, failure.PartyTooLarge, "players"},
		"nobody":       {&matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{}}}, failure.BadPlayer, "players[0].player_id"},
		"a long id":    {&matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{PlayerId: strings.Repeat("x", 65)}}}, failure.BadPlayer, "players[0].player_id"},
		"twice":        {&matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{PlayerId: "p"}, {PlayerId: "p"}}}, failure.BadPlayer, "players[1].player_id"},
		"a bad name":   {&matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{PlayerId: "p", PlayerName: "\u0007"}}}, failure.BadName, "player_name"},
		"two in a one": {&matchmakerv1.CreateTicketRequest{Queue: "choosy", Attributes: english, Players: many[:2]}, failure.PartyTooLarge, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e.native.refuses(t, "CreateTicket", tt.req, new(matchmakerv1.CreateTicketResponse), tt.reason, tt.field)
			e.public.refuses(t, "CreateTicket", tt.req, new(matchmakerv1.CreateTicketResponse), failure.PlayersNotTrusted, "")
		})
	}
	e.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", Players: many[:2]}).assigned()
	e.serves(e.public)
}

func TestService_rejectsOtherBadRequests(t *testing.T) {
	e := startEdge(t, nil)
	long := strings.Repeat("x", 1000)
	for name, tt := range map[string]struct {
		method   string
		req, res proto.Message
		reason   failure.Reason
		field    string
	}{
		"cancel":            {"CancelTicket", &matchmakerv1.CancelTicketRequest{TicketId: "t-1"}, new(matchmakerv1.CancelTicketResponse), failure.TicketUnknown, ""},
		"cancel a long one": {"CancelTicket", &matchmakerv1.CancelTicketRequest{TicketId: long}, new(matchmakerv1.CancelTicketResponse), failure.TicketUnknown, ""},
		"cancel none":       {"CancelTicket", &matchmakerv1.CancelTicketRequest{}, new(matchmakerv1.CancelTicketResponse), failure.TicketUnknown, ""},
		"poll":              {"GetTicket", &matchmakerv1.GetTicketRequest{TicketId: long}, new(matchmakerv1.GetTicketResponse), failure.TicketUnknown, ""},
		"poll a party":      {"GetParty", &matchmakerv1.GetPartyRequest{MemberId: "p.ABCDEF." + long}, new(matchmakerv1.GetPartyResponse), failure.PartyUnknown, ""},
		"accept":            {"AcceptMatch", &matchmakerv1.AcceptMatchRequest{TicketId: long, MatchId: long}, new(matchmakerv1.AcceptMatchResponse), failure.TicketUnknown, ""},
		"join":              {"JoinParty", &matchmakerv1.JoinPartyRequest{PartyCode: "ABCDEF"}, new(matchmakerv1.JoinPartyResponse), failure.PartyUnknown, ""},
		"join a long one":   {"JoinParty", &matchmakerv1.JoinPartyRequest{PartyCode: long}, new(matchmakerv1.JoinPartyResponse), failure.BadField, "party_code"},
		"join as a forger":  {"JoinParty", &matchmakerv1.JoinPartyRequest{GuestToken: "x"}, new(matchmakerv1.JoinPartyResponse), failure.GuestTokenInvalid, ""},
		"leave":             {"LeaveParty", &matchmakerv1.LeavePartyRequest{MemberId: long}, new(matchmakerv1.LeavePartyResponse), failure.PartyUnknown, ""},
		"party, bad name":   {"CreateParty", &matchmakerv1.CreatePartyRequest{PlayerName: "\u200b"}, new(matchmakerv1.CreatePartyResponse), failure.BadName, "player_name"},
		"room, options":     {"CreateRoom", &matchmakerv1.CreateRoomRequest{Options: make([]*matchmakerv1.Option, 17)}, new(matchmakerv1.CreateRoomResponse), failure.BadOption, "options"},
		"room, game":        {"CreateRoom", &matchmakerv1.CreateRoomRequest{Game: "chess"}, new(matchmakerv1.CreateRoomResponse), failure.UnknownGame, "game"},
		"rating":            {"GetRating", &matchmakerv1.GetRatingRequest{Queue: "none"}, new(matchmakerv1.GetRatingResponse), failure.UnknownQueue, "queue"},
		"rating, long":      {"GetRating", &matchmakerv1.GetRatingRequest{Queue: "choosy", PlayerId: long}, new(matchmakerv1.GetRatingResponse), failure.BadField, "player_id"},
		"leaderboard":       {"ListLeaderboard", &matchmakerv1.ListLeaderboardRequest{Queue: long}, new(matchmakerv1.ListLeaderboardResponse), failure.BadField, "queue"},
		"history, unrated":  {"ListHistory", &matchmakerv1.ListHistoryRequest{Queue: "choosy", PlayerId: "g-1"}, new(matchmakerv1.ListHistoryResponse), failure.QueueUnrated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []caller{e.native, e.public} {
				c.refuses(t, tt.method, tt.req, tt.res, tt.reason, tt.field)
			}
		})
	}
	e.serves(e.native)
	e.serves(e.public)
}

// What is not UTF-8 is no Protobuf string: neither side's library takes it, so
// that it never gets as far as a queue.
func TestService_rejectsTextThatIsNotUTF8(t *testing.T) {
	e := startEdge(t, nil)
	const field = 3 // player_name
	raw := append([]byte{field<<3 | 2, 4}, "\xff\xfe\xfd\xfc"...)
	garbled := new(matchmakerv1.CreateTicketRequest)
	garbled.ProtoReflect().SetUnknown(raw) // goes over the wire as it is
	for _, tt := range []struct {
		caller
		code codes.Code // as each framework has it
	}{{e.native, codes.Internal}, {e.public, codes.InvalidArgument}} {
		_, err := tt.createTicket(e.context(), garbled)
		if status.Code(err) != tt.code || !strings.Contains(err.Error(), "UTF-8") {
			t.Errorf("%s: %v", tt.name, err)
		}
		e.serves(tt.caller)
	}
}

// Ten thousand tickets from one address: as many as its burst, and no more. Who
// comes from elsewhere notices nothing.
func TestLimits_boundRequestsOfOneAddress(t *testing.T) {
	const burst = 50
	flood := 10_000
	if testing.Short() {
		flood = 1_000
	}
	e := startEdge(t, func(c *matchmaker.Config) {
		c.Rates = matchmaker.Rates{AddressPerSecond: 0.001, AddressBurst: burst}
	})
	url := e.publicURL
	flooder := caller{"flooder", e.byConnect(url, "203.0.113.7")}
	elsewhere := caller{"elsewhere", e.byConnect(url, "203.0.113.8")}
	for range 2 * burst { // a back end asks for many players
		if _, err := e.native.createTicket(t.Context(), &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"}); err != nil {
			t.Fatalf("native: %v", err)
		}
	}
	for _, c := range []caller{flooder} {
		var taken, refused atomic.Int32
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for range flood / 8 {
					_, err := c.createTicket(t.Context(), &matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa"})
					info, _, retry := details(err)
					switch {
					case err == nil:
						taken.Add(1)
					case info.GetReason() == string(failure.TooManyFromAddress) && status.Code(err) == codes.ResourceExhausted && retry > 900*time.Second:
						refused.Add(1)
					default:
						t.Errorf("%s: %v", c.name, err)
						return
					}
				}
			})
		}
		wait.Wait()
		if taken.Load() != burst || int(refused.Load()) != flood-burst {
			t.Errorf("%s: %d taken, %d refused", c.name, taken.Load(), refused.Load())
		}
		e.serves(elsewhere)
	}
}
