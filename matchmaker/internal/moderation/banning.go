package moderation

import (
	"context"
	"errors"
	"strconv"
	"time"

	"tactus/internal/banlist"
	"tactus/matchmaker/internal/failure"
	adminv1 "tactus/protocol/rpc/tactus/admin/v1"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

const (
	// defaultRangeBan and maxRangeBan bound bans of addresses: behind one address are
	// many players, and others get it later.
	defaultRangeBan = 24 * time.Hour
	maxRangeBan     = 7 * 24 * time.Hour
)

// CreateBan implements admin.v1.
func (s *Service) CreateBan(ctx context.Context, req *adminv1.CreateBanRequest) (*adminv1.CreateBanResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	target := req.GetPlayerId() + req.GetAddressRange()
	action := "CreateBan"
	if req.GetChatOnly() {
		action = "CreateBan chat only"
	}
	return act(ctx, s, action, target, &req.Reason, func(ctx context.Context) (*adminv1.CreateBanResponse, error) {
		record, err := s.newBan(ctx, req)
		if err != nil {
			return nil, err
		}
		seen := 0
		if record.Range != "" {
			seen = s.seenIn(ctx, record.Range)
			if !req.GetConfirm() {
				return nil, failure.Newf(failure.BanNotConfirmed, "%s seen in %s in the last day; confirm to ban them all", atLeast(seen), record.Range).
					With("players", strconv.Itoa(seen))
			}
		}
		if record, err = s.parts.Bans.Put(ctx, record); errors.Is(err, ErrTooMany) {
			return nil, failure.New(failure.TooManyBans)
		} else if err != nil {
			return nil, failure.New(failure.StoreUnavailable).Because(err)
		}
		if record.Player != "" && !record.ChatOnly {
			_ = s.parts.Searches.Stop(ctx, record.Player) // one that can't be ended now ends at the hello
		}
		return &adminv1.CreateBanResponse{Ban: banOf(record), PlayersSeen: uint32(seen)}, nil
	})
}

// newBan makes the ban that a request asks for.
func (s *Service) newBan(ctx context.Context, req *adminv1.CreateBanRequest) (Ban, error) {
	now := time.Now()
	record := Ban{
		ChatOnly: req.GetChatOnly(), Reason: req.GetReason(), Created: now.UnixMilli(), By: ActorOf(ctx).Who,
	}
	last := time.Duration(req.GetDurationS()) * time.Second
	if (req.GetPlayerId() == "") == (req.GetAddressRange() == "") {
		return record, failure.Newf(failure.BadField, "a ban is of player_id or of address_range").Field("player_id", "this or address_range")
	}
	if req.GetAddressRange() == "" {
		if err := s.playerID(&req.PlayerId); err != nil {
			return record, err
		}
		record.Player = req.GetPlayerId()
	} else {
		r, err := banlist.ParseRange(req.GetAddressRange())
		switch {
		case err != nil:
			return record, failure.Newf(failure.BadField, "%s", err.Error()).Field("address_range", "an address, or a range up to /24 or /48")
		case req.GetChatOnly():
			return record, failure.Newf(failure.BadField, "chat is turned off for a player, not for addresses").Field("chat_only", "false with address_range")
		case last > maxRangeBan:
			return record, failure.Newf(failure.BadField, "a ban of addresses lasts up to 7 days").Field("duration_s", "up to 604800")
		case last == 0:
			last = defaultRangeBan
		}
		record.Range = r.String()
	}
	if last > 0 {
		record.Until = now.Add(last).UnixMilli()
	}
	return record, nil
}

// seenIn counts the players that game servers have seen in a range in the last day.
func (s *Service) seenIn(ctx context.Context, addresses string) int {
	answers, _ := s.ask(ctx, &fleetv1.Moderate{Action: &fleetv1.Moderate_CountSeen{CountSeen: &fleetv1.CountSeen{AddressRange: addresses}}})
	players := map[uint64]bool{}
	for _, a := range answers {
		for _, hash := range a.Answer.GetSeen() {
			players[hash] = true
		}
	}
	return len(players)
}

// LiftBan implements admin.v1.
func (s *Service) LiftBan(ctx context.Context, req *adminv1.LiftBanRequest) (*adminv1.LiftBanResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	none := ""
	return act(ctx, s, "LiftBan", req.GetBanId(), &none, func(ctx context.Context) (*adminv1.LiftBanResponse, error) {
		if _, err := s.parts.Bans.Lift(ctx, req.GetBanId()); err != nil {
			return nil, storeError(err, failure.BanUnknown)
		}
		return &adminv1.LiftBanResponse{}, nil
	})
}

// ListBans implements admin.v1.
func (s *Service) ListBans(context.Context, *adminv1.ListBansRequest) (*adminv1.ListBansResponse, error) {
	if err := s.whole(); err != nil {
		return nil, err
	}
	res := &adminv1.ListBansResponse{}
	for _, record := range s.parts.Bans.All() {
		res.Bans = append(res.Bans, banOf(record))
	}
	return res, nil
}

func banOf(r Ban) *adminv1.Ban {
	return &adminv1.Ban{
		BanId: r.ID, PlayerId: r.Player, AddressRange: r.Range, ChatOnly: r.ChatOnly, UntilUnixMs: r.Until,
		Reason: r.Reason, CreatedUnixMs: r.Created, CreatedBy: r.By,
	}
}
