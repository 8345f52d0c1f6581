package api

import (
	"context"
	"strings"

	"tactus/internal/banlist"
	"tactus/internal/ratelimit"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/moderation"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// maxMatchID bounds the id of a match, in bytes.
const maxMatchID = 64

const (
	// A player may report 5 others at once, and one a minute; an address 60 at once, and
	// one a second.
	reportsPerSecond        = 1.0 / 60
	reportsBurst            = 5
	addressReportsPerSecond = 1.0
	addressReportsBurst     = 60
)

// reportLimits bounds how often players report. It is safe for concurrent use.
type reportLimits struct {
	players   *ratelimit.Limiter[string]
	addresses *ratelimit.Addresses
}

func newReportLimits() *reportLimits {
	return &reportLimits{
		players:   ratelimit.New[string](reportsPerSecond, reportsBurst, ratelimit.Keys),
		addresses: ratelimit.NewAddresses(addressReportsPerSecond, addressReportsBurst, ratelimit.Keys),
	}
}

// address limits the reports of an address.
func (l *reportLimits) address(ctx context.Context, limits *Limits) error {
	client := clientOf(ctx)
	if client.Exempt {
		return nil
	}
	if wait, ok := l.addresses.Reserve(ratelimit.AddressOf(client.Addr), 0); !ok {
		return limits.reject("reports", failure.TooManyReports, wait)
	}
	return nil
}

// player limits the reports of a player.
func (l *reportLimits) player(player string, limits *Limits) error {
	if wait, ok := l.players.Reserve(player, 0); !ok {
		return limits.reject("reports", failure.TooManyReports, wait)
	}
	return nil
}

// ReportPlayer implements matchmaker.v1.
func (s *Service) ReportPlayer(ctx context.Context, req *matchmakerv1.ReportPlayerRequest) (*matchmakerv1.ReportPlayerResponse, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	if err := s.reporting.address(ctx, s.limits); err != nil {
		return nil, err
	}
	if req.GetGuestToken() == "" && req.GetIdentityToken() == "" {
		return nil, failure.Newf(failure.NotInMatch, "a report needs the token of a player of the match")
	}
	if id := req.GetMatchId(); id == "" || len(id) > maxMatchID {
		return nil, failure.Newf(failure.BadField, "match_id has %d bytes, it needs 1 to %d", len(id), maxMatchID).Field("match_id", "1 to 64 bytes")
	}
	if n := len(req.GetText()); n > banlist.MaxReason {
		return nil, failure.Newf(failure.BadField, "the text has %d bytes, at most %d", n, banlist.MaxReason).Field("text", "up to 200 bytes")
	}
	category, known := strings.CutPrefix(req.GetCategory().String(), "REPORT_CATEGORY_")
	if !known || req.GetCategory() == matchmakerv1.ReportCategory_REPORT_CATEGORY_UNSPECIFIED {
		return nil, failure.Newf(failure.BadField, "a report needs a category").Field("category", "CHAT, CHEATING, NAME or OTHER")
	}
	p, err := s.parts.Identity.Identify(ctx, req.GetGuestToken(), req.GetIdentityToken(), "")
	if err != nil {
		return nil, err
	}
	if err := s.parts.Bans.Check(ctx, p.ID); err != nil {
		return nil, err
	}
	if err := s.reporting.player(p.ID, s.limits); err != nil {
		return nil, err
	}
	err = s.parts.Reports.Report(ctx, moderation.Reported{
		Reporter: p.ID, Match: req.GetMatchId(), Slot: req.GetSlot(), Name: req.GetReportedName(),
		Category: strings.ToLower(category), Text: req.GetText(),
	})
	if err != nil {
		return nil, err
	}
	return &matchmakerv1.ReportPlayerResponse{}, nil
}
