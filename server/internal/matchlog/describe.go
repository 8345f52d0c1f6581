package matchlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tactus/game"
	"tactus/internal/text"
)

// Info summarizes a log.
type Info struct {
	Header   Header
	Bytes    int64
	Ticks    game.Tick // the last tick
	Duration time.Duration
	// Players are in the order in which they joined.
	Players     []Player
	Joins       int
	Leaves      int
	Commands    int
	Inputs      int // changes of an input
	Checkpoints int
	Reason      string // why the match ended
	// Truncated means that the log stops before its end.
	Truncated bool
	Broken    bool   // the server gave the log up
	Runnable  string // why these games cannot run it again, empty if they can
}

// Player is one stay in a seat.
type Player struct {
	Slot   game.Slot
	Player string
	Name   string
	Bot    bool
	Joined game.Tick // before the tick after this one
	Left   game.Tick // likewise; meaningless unless Gone
	Gone   bool
}

// maxPlayers bounds the stays that Describe keeps.
const maxPlayers = 10000

// String is a few lines.
func (i Info) String() string {
	var b strings.Builder
	h := &i.Header
	fmt.Fprintf(&b, "match     %s, %s %s, mode %s, seed %d\n", h.Match, h.Game, h.Version, h.Mode, h.Seed)
	fmt.Fprintf(&b, "started   %s on server %s\n", h.Started.Format(time.RFC3339), orUnknown(h.Product))
	fmt.Fprintf(&b, "length    %d ticks at %d Hz, %s, %d bytes\n", i.Ticks, h.Rate, i.Duration.Round(time.Second/10), i.Bytes)
	fmt.Fprintf(&b, "contents  %d joins, %d leaves, %d commands, %d inputs, %d checkpoints\n", i.Joins, i.Leaves, i.Commands, i.Inputs, i.Checkpoints)
	fmt.Fprintf(&b, "end       %s\n", i.end())
	if i.Runnable != "" {
		fmt.Fprintf(&b, "rules     %s\n", i.Runnable)
	}
	for _, p := range i.Players {
		fmt.Fprintf(&b, "seat %-4d %q%s\n", p.Slot, p.Name, p.stay())
	}
	return b.String()
}

func orUnknown(s string) string {
	if s == "" {
		return "of an unknown version"
	}
	return s
}

func (i Info) end() string {
	switch {
	case i.Broken:
		return "broken: the server could not keep the log"
	case i.Truncated:
		return "none: the log was cut off, or its match still runs"
	default:
		return i.Reason
	}
}

func (p *Player) stay() string {
	s := ""
	if p.Bot {
		s = ", bot"
	}
	s += fmt.Sprintf(", from tick %d", p.Joined)
	if p.Gone {
		s += fmt.Sprintf(" to %d", p.Left)
	}
	return s
}

// Describe reads a log without running it. It reports whether it could be run with
// the games.
func Describe(ctx context.Context, path string, games []game.Game) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer func() { _ = f.Close() }()
	stat, err := f.Stat()
	if err != nil {
		return Info{}, err
	}
	info, err := describe(ctx, f, games)
	info.Bytes = stat.Size()
	info.Broken = strings.HasSuffix(path, brokenSuffix)
	return info, err
}

func describe(ctx context.Context, src io.Reader, games []game.Game) (Info, error) {
	r, err := Read(src)
	if err != nil {
		return Info{}, err
	}
	info := Info{Header: r.Header()}
	seated := make(map[game.Slot]int) // index in Players
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return info, err
		}
		step, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return info, nil
		case errors.Is(err, ErrTruncated):
			info.Truncated = true
			return info, nil
		case err != nil:
			return info, err
		}
		// The checksum of the first step covers the header, and it is right.
		if first {
			if _, err := rules(&info.Header, games); err != nil {
				info.Runnable = err.Error()
			}
		}
		info.count(step, seated)
	}
}

func (i *Info) count(s *Step, seated map[game.Slot]int) {
	for k := range s.Records {
		i.countRecord(&s.Records[k], seated)
	}
	i.Ticks = s.Tick
	if i.Header.Rate > 0 {
		i.Duration = time.Duration(s.Tick) * time.Second / time.Duration(i.Header.Rate)
	}
	if s.End != nil {
		i.Reason = s.End.Reason
	}
}

func (i *Info) countRecord(rec *Record, seated map[game.Slot]int) {
	switch rec.Kind {
	case KindCheckpoint:
		i.Checkpoints++
	case KindJoin:
		i.Joins++
		if len(i.Players) < maxPlayers {
			seated[rec.Slot] = len(i.Players)
			i.Players = append(i.Players, Player{Slot: rec.Slot, Player: rec.Player, Name: text.Name(rec.Name), Bot: rec.Info.Bot, Joined: i.Ticks})
		}
	case KindLeave:
		i.Leaves++
		if at, ok := seated[rec.Slot]; ok {
			i.Players[at].Left, i.Players[at].Gone = i.Ticks, true
			delete(seated, rec.Slot)
		}
	case KindCommand:
		i.Commands++
	case KindInput:
		i.Inputs++
	case KindSeal: // for the matchmaker alone
	case KindTick, KindEnd: // ends of steps, never among a step's records
	}
}
