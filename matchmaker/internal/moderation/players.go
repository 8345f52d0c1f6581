package moderation

import (
	"context"
	"errors"
	"time"

	"tactus/internal/banlist"
	"tactus/internal/text"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ranking"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

// Reported is what a player says about another one.
type Reported struct {
	Reporter string // id
	Match    string
	Slot     uint32
	Name     string // of the reported player, as the reporter saw it
	Category string
	Text     string
}

// Report stores a report and has the match's log kept. The reporter must have played
// in the match. Errors are failures.
func (s *Service) Report(ctx context.Context, r Reported) error {
	keep := &fleetv1.Moderate{Action: &fleetv1.Moderate_KeepLog{KeepLog: &fleetv1.KeepLog{
		MatchId: r.Match, ReporterId: r.Reporter, Slot: r.Slot, PlayerName: r.Name, KeepS: uint32(ReportsKept / time.Second),
	}}}
	answer, server := s.keepLog(ctx, r.Match, keep)
	if answer == nil || answer.GetRefusal() != "" || len(answer.GetPlayers()) == 0 {
		return failure.New(failure.NotInMatch)
	}
	about := answer.GetPlayers()[0]
	_, err := s.parts.Reports.Put(ctx, Report{
		Player: about.GetPlayerId(), Name: about.GetPlayerName(), Reporter: r.Reporter, Match: r.Match, Server: server,
		Category: r.Category, Text: text.Text(r.Text, banlist.MaxReason), Created: time.Now().UnixMilli(), LogKept: answer.GetLogKept(),
	})
	if err != nil {
		return failure.New(failure.StoreUnavailable).Because(err)
	}
	return nil
}

// keepLog asks the game server of a match; of one that has ended, all of them.
func (s *Service) keepLog(ctx context.Context, match string, keep *fleetv1.Moderate) (*fleetv1.Moderated, string) {
	if answer, info, err := s.askMatch(ctx, match, keep); err == nil {
		return answer, info.Server
	}
	answers, _ := s.ask(ctx, keep)
	for _, a := range answers {
		if a.Answer.GetFound() {
			return a.Answer, a.Server
		}
	}
	return nil, ""
}

// ListReports implements admin.v1.
func (s *Service) ListReports(ctx context.Context, req *adminv1.ListReportsRequest) (*adminv1.ListReportsResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	all, err := s.parts.Reports.All(ctx)
	if err != nil {
		return nil, failure.New(failure.StoreUnavailable).Because(err)
	}
	if req.GetPlayerId() != "" {
		if err := s.playerID(&req.PlayerId); err != nil {
			return nil, err
		}
	}
	res := &adminv1.ListReportsResponse{}
	for _, r := range all {
		if req.GetPlayerId() == "" || r.Player == req.GetPlayerId() {
			res.Reports = append(res.Reports, reportOf(r))
		}
	}
	return res, nil
}

func reportOf(r Report) *adminv1.Report {
	return &adminv1.Report{
		ReportId: r.ID, PlayerId: r.Player, PlayerName: r.Name, ReporterId: r.Reporter, MatchId: r.Match, ServerId: r.Server,
		Category: r.Category, Text: r.Text, CreatedUnixMs: r.Created, LogKept: r.LogKept,
	}
}

// CloseReport implements admin.v1.
func (s *Service) CloseReport(ctx context.Context, req *adminv1.CloseReportRequest) (*adminv1.CloseReportResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	none := ""
	return act(ctx, s, "CloseReport", req.GetReportId(), &none, func(ctx context.Context) (*adminv1.CloseReportResponse, error) {
		if _, err := s.parts.Reports.Remove(ctx, req.GetReportId()); err != nil {
			return nil, storeError(err, failure.ReportUnknown)
		}
		return &adminv1.CloseReportResponse{}, nil
	})
}

// remains is what a deletion leaves, and why.
var remains = []string{
	"The sums of ratings and histories, under the tombstone id: the ratings of the other players follow from them.",
	"Results of the last 90 days in the log of results, with the old id and name, until they are that old: a result that is reported again must not count twice.",
	"Match logs (replays) with the old id and name on the game servers, until they are deleted by age or number: a match can't be run again without its players.",
	"Bans of the player, until they are lifted or run out: a deletion must not lift a ban.",
	"The audit log, for 7 days by default: it says what operators did.",
	"The identity token or guest token that the player holds: with it they play on as a new player with the same id.",
}

// DeletePlayer implements admin.v1.
func (s *Service) DeletePlayer(ctx context.Context, req *adminv1.DeletePlayerRequest) (*adminv1.DeletePlayerResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	none := ""
	return act(ctx, s, "DeletePlayer", req.GetPlayerId(), &none, func(ctx context.Context) (*adminv1.DeletePlayerResponse, error) {
		if err := s.playerID(&req.PlayerId); err != nil {
			return nil, err
		}
		id := req.GetPlayerId()
		_ = s.parts.Searches.Stop(ctx, id)
		s.ask(ctx, &fleetv1.Moderate{Action: &fleetv1.Moderate_Kick{
			Kick: &fleetv1.Kick{PlayerId: id, Text: banlist.KickText("your data is being deleted")},
		}})
		s.ask(ctx, &fleetv1.Moderate{Action: &fleetv1.Moderate_ForgetPlayer{ForgetPlayer: &fleetv1.ForgetPlayer{PlayerId: id}}})
		tombstone, queues, err := s.parts.Ranking.Delete(ctx, id)
		if err = errors.Join(err, s.parts.Reports.Erase(ctx, id)); err != nil {
			return nil, failure.New(failure.StoreUnavailable).Because(err)
		}
		return &adminv1.DeletePlayerResponse{TombstoneId: tombstone, Queues: uint32(queues), Stays: remains}, nil
	})
}

// ExportPlayer implements admin.v1.
func (s *Service) ExportPlayer(ctx context.Context, req *adminv1.ExportPlayerRequest) (*adminv1.ExportPlayerResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	none := ""
	return act(ctx, s, "ExportPlayer", req.GetPlayerId(), &none, func(ctx context.Context) (*adminv1.ExportPlayerResponse, error) {
		if err := s.playerID(&req.PlayerId); err != nil {
			return nil, err
		}
		id := req.GetPlayerId()
		res := &adminv1.ExportPlayerResponse{Elsewhere: []string{
			"Match logs (replays) are on the game servers, in the folder replays of their --data.",
			"The text of chat is stored nowhere.",
		}}
		res.Player, _ = s.player(ctx, id)
		for _, queue := range s.parts.Ranking.QueuesOf(id) {
			record, err := s.record(ctx, queue, id)
			if err != nil {
				return nil, failure.New(failure.StoreUnavailable).Because(err)
			}
			res.Records = append(res.Records, record)
		}
		reports, err := s.parts.Reports.All(ctx)
		if err != nil {
			return nil, failure.New(failure.StoreUnavailable).Because(err)
		}
		for _, r := range reports {
			switch id {
			case r.Player:
				about := reportOf(r)
				about.ReporterId = "" // it is the data of another player
				res.Reports = append(res.Reports, about)
			case r.Reporter:
				res.Reported = append(res.Reported, reportOf(r))
			}
		}
		return res, nil
	})
}

// record is a player's rating in a queue, with the last matches.
func (s *Service) record(ctx context.Context, queue, player string) (*adminv1.PlayerRecord, error) {
	rating := s.parts.Ranking.Rating(queue, player)
	matches, err := s.parts.Ranking.History(ctx, queue, player, 0)
	if err != nil {
		return nil, err
	}
	record := &adminv1.PlayerRecord{
		Queue: queue, PlayerName: rating.Name, Points: rating.Points, Uncertainty: rating.Uncertainty,
		Matches: uint32(rating.Matches), Wins: uint32(rating.Wins),
	}
	for _, m := range matches {
		record.History = append(record.History, playedOf(m))
	}
	return record, nil
}

func playedOf(m ranking.Match) *adminv1.PlayedMatch {
	return &adminv1.PlayedMatch{
		MatchId: m.ID, Mode: m.Mode, EndedUnixMs: m.Ended.UnixMilli(), Rank: uint32(m.Rank), Teams: uint32(m.Teams),
		PointsBefore: m.Before, PointsAfter: m.After,
	}
}
