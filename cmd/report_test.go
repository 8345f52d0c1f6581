package tactuscmd

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"tactus/protocol"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	"tactus/protocol/rpc/tactus/admin/v1/adminv1connect"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

func TestReportPlayer_keepsTheLogAndCanBeErased(t *testing.T) {
	data := t.TempDir()
	p := startDev(t, func(c *devConfig) { c.data = data })
	a, ann := assign(t, p, &matchmakerv1.CreateTicketRequest{PlayerName: "Ann"})
	b, bob := assign(t, p, &matchmakerv1.CreateTicketRequest{PlayerName: "Bob", MatchId: a.GetMatchId()})
	dial(t, a.GetUrl()).enter(protocol.Hello{Token: a.GetJoinToken()})
	second, _ := dial(t, b.GetUrl()).enter(protocol.Hello{Token: b.GetJoinToken()})
	report := func(token string, slot uint32, name string) error {
		_, err := p.client().ReportPlayer(context.Background(), connect.NewRequest(&matchmakerv1.ReportPlayerRequest{
			GuestToken: token, MatchId: a.GetMatchId(), Slot: slot, ReportedName: name,
			Category: matchmakerv1.ReportCategory_REPORT_CATEGORY_CHAT, Text: "insults",
		}))
		return err
	}
	slot := uint32(second.Slot)
	if err := report(ann.GetGuestToken(), slot, "Bob"); err != nil {
		t.Fatal(err)
	}
	_, stranger := assign(t, p, &matchmakerv1.CreateTicketRequest{PlayerName: "Cleo", Mode: "duel"})
	for name, err := range map[string]error{
		"oneself":    report(bob.GetGuestToken(), slot, "Bob"),
		"no player":  report(ann.GetGuestToken(), slot, "Zoe"),
		"a stranger": report(stranger.GetGuestToken(), slot, "Bob"),
		"no token":   report("", slot, "Bob"),
	} {
		if connect.CodeOf(err) != connect.CodeFailedPrecondition {
			t.Errorf("%s: %v", name, err)
		}
	}
	admin := adminv1connect.NewAdminServiceClient(http.DefaultClient, "http://"+p.admin.Addr().String())
	reports := func() []*adminv1.Report {
		t.Helper()
		res, err := admin.ListReports(context.Background(), connect.NewRequest(&adminv1.ListReportsRequest{}))
		if err != nil {
			t.Fatal(err)
		}
		return res.Msg.GetReports()
	}
	list := reports()
	if len(list) != 1 || list[0].GetPlayerId() != bob.GetPlayerId() || list[0].GetReporterId() != ann.GetPlayerId() ||
		list[0].GetCategory() != "chat" || list[0].GetText() != "insults" || !list[0].GetLogKept() {
		t.Fatalf("reports %v", list)
	}
	if marks, _ := filepath.Glob(filepath.Join(data, "replays", "keep-*.keep")); len(marks) != 1 || !strings.Contains(marks[0], a.GetMatchId()) {
		names, _ := os.ReadDir(filepath.Join(data, "replays"))
		t.Errorf("marks of kept logs %q of %v", marks, names)
	}
	exported, err := admin.ExportPlayer(context.Background(), connect.NewRequest(&adminv1.ExportPlayerRequest{PlayerId: bob.GetPlayerId()}))
	if err != nil || len(exported.Msg.GetReports()) != 1 || exported.Msg.GetReports()[0].GetReporterId() != "" || len(exported.Msg.GetPlayer().GetSeats()) != 1 {
		t.Errorf("exported %v %v", exported, err)
	}
	deleted, err := admin.DeletePlayer(context.Background(), connect.NewRequest(&adminv1.DeletePlayerRequest{PlayerId: bob.GetPlayerId()}))
	if err != nil || len(deleted.Msg.GetStays()) == 0 || !strings.HasPrefix(deleted.Msg.GetTombstoneId(), "x-") {
		t.Errorf("deleted %v %v", deleted, err)
	}
	if list := reports(); len(list) != 0 {
		t.Errorf("reports after the deletion: %v", list)
	}
}
