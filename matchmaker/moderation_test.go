package matchmaker_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/internal/testtime"
	"tactus/matchmaker"
	"tactus/matchmaker/internal/store/storetest"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func (w *world) admin() adminv1.AdminServiceClient { return adminv1.NewAdminServiceClient(w.conn) }

// ban bans and fails the test if that is refused.
func (w *world) ban(req *adminv1.CreateBanRequest) *adminv1.Ban {
	w.t.Helper()
	res, err := w.admin().CreateBan(w.context(), req)
	if err != nil {
		w.t.Fatalf("CreateBan %v: %v", req, err)
	}
	return res.GetBan()
}

func TestBans_holdAtEveryEntrance(t *testing.T) {
	w := start(t, nil)
	w.server("s1", nil)
	p := w.quickPlay()
	party, err := w.client.CreateParty(w.context(), &matchmakerv1.CreatePartyRequest{GuestToken: p.GetGuestToken()})
	if err != nil {
		t.Fatal(err)
	}
	ban := w.ban(&adminv1.CreateBanRequest{PlayerId: p.GetPlayerId(), DurationS: 3600, Reason: "aimbot"})
	if ban.GetBanId() != "player:"+p.GetPlayerId() || ban.GetCreatedBy() == "" || time.Until(time.UnixMilli(ban.GetUntilUnixMs())) < 59*time.Minute {
		t.Errorf("ban %v", ban)
	}
	for name, call := range map[string]func(ctx context.Context) error{
		"CreateTicket": func(ctx context.Context) error {
			_, err := w.client.CreateTicket(ctx, &matchmakerv1.CreateTicketRequest{GuestToken: p.GetGuestToken()})
			return err
		},
		"CreateTicket of a back end": func(ctx context.Context) error {
			_, err := w.client.CreateTicket(ctx, &matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{PlayerId: "u-1"}, {PlayerId: p.GetPlayerId()}}})
			return err
		},
		"CreateTicket of a party": func(ctx context.Context) error {
			_, err := w.client.CreateTicket(ctx, &matchmakerv1.CreateTicketRequest{Party: party.GetMemberId()})
			return err
		},
		"CreateParty": func(ctx context.Context) error {
			_, err := w.client.CreateParty(ctx, &matchmakerv1.CreatePartyRequest{GuestToken: p.GetGuestToken()})
			return err
		},
		"JoinParty": func(ctx context.Context) error {
			_, err := w.client.JoinParty(ctx, &matchmakerv1.JoinPartyRequest{GuestToken: p.GetGuestToken(), PartyCode: party.GetPartyCode()})
			return err
		},
		"CreateRoom": func(ctx context.Context) error {
			_, err := w.client.CreateRoom(ctx, &matchmakerv1.CreateRoomRequest{GuestToken: p.GetGuestToken()})
			return err
		},
		"CreateRoom of a party": func(ctx context.Context) error {
			_, err := w.client.CreateRoom(ctx, &matchmakerv1.CreateRoomRequest{Party: party.GetMemberId()})
			return err
		},
	} {
		err := call(w.context())
		if s := status.Convert(err); s.Code() != codes.PermissionDenied || reasonOf(err) != "BANNED" || !strings.Contains(s.Message(), ": aimbot") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.admin().LiftBan(w.context(), &adminv1.LiftBanRequest{BanId: ban.GetBanId()}); err != nil {
		t.Fatal(err)
	}
	w.search(&matchmakerv1.CreateTicketRequest{GuestToken: p.GetGuestToken()})
	if _, err := w.admin().LiftBan(w.context(), &adminv1.LiftBanRequest{BanId: ban.GetBanId()}); reasonOf(err) != "BAN_UNKNOWN" {
		t.Errorf("lifted twice: %v", err)
	}
}

func TestBans_endASearch(t *testing.T) {
	w := start(t, nil)
	w.server("s1", func(g *gameServer, _ *fleetv1.Register) {
		g.answer = func(*fleetv1.Reserve) *fleetv1.ReserveResult { return &fleetv1.ReserveResult{Reason: "full"} }
	})
	p := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "duel", Players: []*matchmakerv1.Player{{PlayerId: "u-1"}}})
	found, err := w.admin().GetPlayer(w.context(), &adminv1.GetPlayerRequest{PlayerId: "u-1"})
	if err != nil || found.GetSearchingIn() == "" || found.GetSearchingSinceUnixMs() == 0 {
		t.Errorf("player %v %v", found, err)
	}
	w.ban(&adminv1.CreateBanRequest{PlayerId: "u-1"})
	testtime.Until(t, "the search has ended", func() bool {
		res, err := w.client.GetTicket(w.context(), &matchmakerv1.GetTicketRequest{TicketId: p.GetTicketId()})
		return err == nil && res.GetTicket().GetState() == matchmakerv1.WatchTicketResponse_STATE_ENDED
	})
	if _, err := w.admin().GetPlayer(w.context(), &adminv1.GetPlayerRequest{PlayerId: "nobody"}); reasonOf(err) != "PLAYER_UNKNOWN" {
		t.Errorf("a player that is not known: %v", err)
	}
}

func TestBans_ofAddressesAreBoundedAndConfirmed(t *testing.T) {
	w := start(t, nil)
	for name, c := range map[string]struct {
		req  *adminv1.CreateBanRequest
		want string
	}{
		"wide":             {&adminv1.CreateBanRequest{AddressRange: "192.0.2.0/23", Confirm: true}, "BAD_FIELD"},
		"wide IPv6":        {&adminv1.CreateBanRequest{AddressRange: "2001:db8::/47", Confirm: true}, "BAD_FIELD"},
		"no range":         {&adminv1.CreateBanRequest{AddressRange: "home", Confirm: true}, "BAD_FIELD"},
		"long":             {&adminv1.CreateBanRequest{AddressRange: "192.0.2.1", DurationS: 8 * 24 * 3600, Confirm: true}, "BAD_FIELD"},
		"chat":             {&adminv1.CreateBanRequest{AddressRange: "192.0.2.1", ChatOnly: true, Confirm: true}, "BAD_FIELD"},
		"both":             {&adminv1.CreateBanRequest{AddressRange: "192.0.2.1", PlayerId: "g-1", Confirm: true}, "BAD_FIELD"},
		"neither":          {&adminv1.CreateBanRequest{}, "BAD_FIELD"},
		"long text":        {&adminv1.CreateBanRequest{PlayerId: "g-1", Reason: strings.Repeat("x", 201)}, "BAD_FIELD"},
		"not confirmed":    {&adminv1.CreateBanRequest{AddressRange: "127.0.0.77/24"}, "BAN_NOT_CONFIRMED"},
		"a good one":       {&adminv1.CreateBanRequest{AddressRange: "2001:db8:1::5/48", Confirm: true}, ""},
		"a single address": {&adminv1.CreateBanRequest{AddressRange: "192.0.2.1", Confirm: true}, ""},
	} {
		_, err := w.admin().CreateBan(w.context(), c.req)
		if got := reasonOf(err); got != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if c.want == "BAN_NOT_CONFIRMED" && !strings.Contains(err.Error(), "0 players were seen in 127.0.0.0/24") {
			t.Errorf("not confirmed: %v", err)
		}
	}
	list, err := w.admin().ListBans(w.context(), &adminv1.ListBansRequest{})
	if err != nil || len(list.GetBans()) != 2 {
		t.Fatalf("bans %v %v", list, err)
	}
	for _, b := range list.GetBans() {
		if left := time.Until(time.UnixMilli(b.GetUntilUnixMs())); left > 24*time.Hour || left < 23*time.Hour {
			t.Errorf("%s holds for %v, want 24 h", b.GetBanId(), left)
		}
	}
}

func TestAdminHandler_speaksJSONAndBansTheBrowsersAddress(t *testing.T) {
	dir := t.TempDir()
	w := start(t, func(c *matchmaker.Config) { c.AuditDir = dir })
	w.server("s1", nil)
	admin, public := httptest.NewServer(w.mm.AdminHandler()), httptest.NewServer(w.mm.Handler())
	t.Cleanup(admin.Close)
	t.Cleanup(public.Close)
	post := func(url, body string) (int, map[string]any) {
		t.Helper()
		res, err := http.Post(url, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		var out map[string]any
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: %s", url, text)
		}
		return res.StatusCode, out
	}
	call := func(method, body string) (int, map[string]any) {
		return post(admin.URL+matchmaker.AdminPath+method, body)
	}
	if code, out := call("CreateBan", `{"playerId":"g-1","durations":5}`); code != 400 || !strings.Contains(out["message"].(string), "durations") {
		t.Errorf("an unknown field: %d %v", code, out)
	}
	code, out := call("CreateBan", `{"addressRange":"127.0.0.1","reason":"flood","confirm":true}`)
	if code != 200 || out["ban"].(map[string]any)["addressRange"] != "127.0.0.1/32" {
		t.Errorf("ban: %d %v", code, out)
	}
	code, out = post(public.URL+matchmaker.HandlerPath+"CreateTicket", `{}`)
	if code != 403 || !strings.HasPrefix(out["message"].(string), "Your network is banned until ") {
		t.Errorf("ticket from the address: %d %v", code, out)
	}
	if _, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{}); err != nil {
		t.Errorf("ticket by the internal port: %v", err)
	}
	if code, out = call("DrainServer", `{"serverId":"s1","reason":"upgrade"}`); code != 200 {
		t.Errorf("drain: %d %v", code, out)
	}
	if code, out = call("DrainServer", `{"serverId":"s9"}`); code != 404 {
		t.Errorf("drain of no server: %d %v", code, out)
	}
	code, out = call("ListAudit", ``)
	entries, _ := out["entries"].([]any)
	if code != 200 || len(entries) != 3 {
		t.Fatalf("audit: %d %v", code, out)
	}
	if e := entries[2].(map[string]any); e["action"] != "CreateBan" || e["target"] != "127.0.0.1" || e["reason"] != "flood" || e["outcome"] != "ok" || e["who"] == "" {
		t.Errorf("entry %v", e)
	}
	if e := entries[0].(map[string]any); e["outcome"] != "no such game server is live" {
		t.Errorf("entry of a failure: %v", e)
	}
}

func TestBans_holdAtEveryReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a NATS")
	}
	nats := storetest.StartCluster(t, 1)
	a, b := sharing(t, "a", nats.URL(), duel), sharing(t, "b", nats.URL(), duel)
	both(a, b, "s1")
	banned := func() bool {
		_, err := b.client.CreateTicket(b.context(), &matchmakerv1.CreateTicketRequest{Queue: "duel", Players: []*matchmakerv1.Player{{PlayerId: "u-1"}}})
		return reasonOf(err) == "BANNED"
	}
	if banned() {
		t.Fatal("banned from the start")
	}
	ban := a.ban(&adminv1.CreateBanRequest{PlayerId: "u-1"})
	b.until("the ban is known", banned)
	if _, err := b.admin().LiftBan(b.context(), &adminv1.LiftBanRequest{BanId: ban.GetBanId()}); err != nil {
		t.Fatal(err)
	}
	if banned() {
		t.Error("banned where the ban was lifted")
	}
	a.ban(&adminv1.CreateBanRequest{PlayerId: "u-1"})
	b.until("the second ban is known", banned)
	nats.Kill(0)
	if !banned() {
		t.Error("a ban is forgotten without the store")
	}
}

func TestBans_holdAfterARestart(t *testing.T) {
	dir := t.TempDir()
	w := start(t, func(c *matchmaker.Config) { c.DataDir = dir })
	w.ban(&adminv1.CreateBanRequest{PlayerId: "u-1", Reason: "spam"})
	w.stop()
	w = start(t, func(c *matchmaker.Config) { c.DataDir = dir })
	denied := func() bool {
		_, err := w.client.CreateTicket(w.context(), &matchmakerv1.CreateTicketRequest{Players: []*matchmakerv1.Player{{PlayerId: "u-1"}}})
		return reasonOf(err) == "BANNED"
	}
	if !denied() {
		t.Error("a restart lifts the ban")
	}
	w.ban(&adminv1.CreateBanRequest{PlayerId: "u-1", DurationS: 1})
	testtime.Until(t, "the ban has run out", func() bool { return !denied() })
}
