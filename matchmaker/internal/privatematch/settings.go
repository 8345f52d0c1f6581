package privatematch

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"tactus/internal/text"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/room"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	maxOptions = 16
	maxLabels  = 4
	maxText    = 64 // bytes of an option's name, and of a label's name and text
)

// Settings are what an owner chooses for the next match of a room.
type Settings struct {
	Options []room.Option
	Labels  map[string]string
}

// Furnish sets what a room's next match will be. An error is a failure.
func (h *Host) Furnish(r *room.Room, k ticket.Key, s Settings) error {
	if err := checkOptions(s.Options); err != nil {
		return err
	}
	if known := h.cfg.Fleet.Options(k); known != nil {
		if err := checkRanges(k, known, s.Options); err != nil {
			return err
		}
	}
	clean, err := cleanLabels(s.Labels)
	if err != nil {
		return err
	}
	seats, _, _ := h.cfg.Fleet.Shape(k)
	r.Mode, r.Labels, r.Options = k.Mode, clean, s.Options
	if seats > 0 || r.Seats == 0 { // else its servers are away
		r.Seats = min(max(seats, 1), room.Most)
	}
	return nil
}

// Configure changes what a room's next match will be, if the member with this handle
// owns the room. An empty mode keeps the present one. No member is ready any more.
func (h *Host) Configure(ctx context.Context, handle, mode string, s Settings) error {
	var misdirected []string // tickets that wait for a match of the mode before
	_, _, err := h.cfg.Rooms.ChangeBy(ctx, handle, func(r *room.Room, at int) error {
		misdirected = nil
		if at != 0 {
			return membership.ErrFirst
		}
		before, k := r.Mode, ticket.Key{Game: r.Game, Mode: r.Mode}
		if mode != "" && mode != r.Mode {
			var err error
			if k, err = h.cfg.Catalog.ResolveMode(r.Game, mode); err != nil {
				return err
			}
		}
		if err := h.Furnish(r, k, s); err != nil {
			return err
		}
		if len(r.Members) > r.Seats {
			return failure.Newf(failure.RoomFull, "%s has %d seats, the room has %d members", k.Mode, r.Seats, len(r.Members)).
				Field("mode", "a mode with as many seats")
		}
		for i := range r.Members {
			m := &r.Members[i]
			m.Ready = m.Plain && m.Ready // plain members can't be asked again
			if r.Mode != before && m.Ticket != "" && m.Match == r.Next() {
				misdirected = append(misdirected, m.Ticket)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, ticketHandle := range misdirected {
		h.cfg.Searches.End(ctx, ticketHandle, matchmakerv1.EndReason_END_REASON_UNMATCHABLE)
	}
	return nil
}

// WireOptions are a room's options as the protocol has them.
func WireOptions(r *room.Room) []*matchmakerv1.Option {
	var list []*matchmakerv1.Option
	for _, o := range r.Options {
		list = append(list, &matchmakerv1.Option{Name: o.Name, Value: o.Value})
	}
	return list
}

func checkOptions(options []room.Option) error {
	if len(options) > maxOptions {
		return failure.Newf(failure.BadOption, "%d options, at most %d", len(options), maxOptions).Field("options", "at most 16")
	}
	for _, o := range options {
		if o.Name == "" || len(o.Name) > maxText || !utf8.ValidString(o.Name) {
			return failure.Newf(failure.BadOption, "an option's name has %d bytes, it needs 1 to %d", len(o.Name), maxText).
				Field("options", "names of 1 to 64 bytes")
		}
	}
	return nil
}

// checkRanges refuses options that players may not choose.
func checkRanges(k ticket.Key, known []*matchmakerv1.OptionInfo, options []room.Option) error {
	for _, o := range options {
		at := slices.IndexFunc(known, func(i *matchmakerv1.OptionInfo) bool { return i.GetName() == o.Name })
		if at < 0 {
			return failure.Newf(failure.BadOption, "%s %s has no option %s", k.Game, k.Mode, o.Name).Field("options", "an option of the mode")
		}
		least, most := known[at].GetMin(), known[at].GetMax()
		if least >= most {
			return failure.Newf(failure.BadOption, "option %s of %s %s is set by the operator alone", o.Name, k.Game, k.Mode).
				Field("options", "options that have a range")
		}
		if o.Value < least || o.Value > most {
			return failure.Newf(failure.BadOption, "option %s is %d, choose from %d to %d", o.Name, o.Value, least, most).
				Field("options", fmt.Sprintf("%s from %d to %d", o.Name, least, most))
		}
	}
	return nil
}

// cleanLabels makes texts that can be shown of what an owner wrote.
func cleanLabels(labels map[string]string) (map[string]string, error) {
	if len(labels) > maxLabels {
		return nil, failure.Newf(failure.BadLabel, "%d labels, at most %d", len(labels), maxLabels).Field("labels", "at most 4")
	}
	clean := make(map[string]string, len(labels))
	for name, label := range labels {
		if name == "" || len(name) > maxText || len(label) > maxText {
			return nil, failure.Newf(failure.BadLabel, "label %.16q has %d bytes, at most %d, as have names", name, len(label), maxText).
				Field("labels", fmt.Sprintf("names and texts of at most %d bytes", maxText))
		}
		clean[text.Text(name, maxText)] = text.Text(label, maxText)
	}
	return clean, nil
}
