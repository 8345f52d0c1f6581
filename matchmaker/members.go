package matchmaker

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/internal/steady"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/repeat"
)

const (
	// memberLook is how often a watched party or room is looked at, in case a hint
	// of a change was lost, and told.
	memberLook = repeat.Silence - 500*time.Millisecond
	// leaveTimeout bounds one try to take out a member who is gone, leavePause is
	// between two: the store may have no leader for longer than that.
	leaveTimeout = 5 * time.Second
	leavePause   = time.Second
)

// message is one that a watch sends.
type message[W any] interface {
	*W
	proto.Message
}

// watchMember sends a party or a room to one of its members at once, when it has
// changed, and every few seconds. A member whose newest watcher has gone leaves a
// moment later.
func watchMember[T any, R membership.Record[T], W any, M message[W]](
	ctx context.Context, s *service, records *membership.Records[T, R], handle string,
	describe func(R, int) M, send func(M) error, refuse func(error) error,
) error {
	changed := make(chan struct{}, 1)
	unsubscribe, err := records.Changed(handle, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return refuse(err)
	}
	defer unsubscribe()
	watch := membership.NewSecret() + s.process()
	defer s.leaveLater(handle, watch) // also of one that was noted without an answer
	r, at, err := records.Watched(ctx, handle, watch)
	if err != nil {
		return refuse(err)
	}
	look := time.NewTicker(memberLook)
	defer look.Stop()
	repeated := repeat.New(func(m *W) error { return send(M(m)) }, func(*W) bool { return true })
	defer repeated.Stop()
	var told M
	for due := true; ; {
		if now := describe(r, at); due || !proto.Equal(told, now) {
			if err := repeated.Send(now); err != nil {
				return err
			}
			told = now
		}
		select {
		case <-changed:
			due = false
		case <-look.C:
			due = true
		case <-s.mm.stopping:
			return failure.New(failure.Stopping)
		case <-ctx.Done():
			return failure.Status(ctx.Err()).Err()
		}
		if r, at, err = records.Find(ctx, handle); err != nil {
			return refuse(err)
		}
		if isPoll(records.WatchOf(r, at, handle)) { // which may have been the last one
			if r, at, err = records.Watched(ctx, handle, watch); err != nil {
				return refuse(err)
			}
		}
	}
}

// pollMember finds what a watch would send now, and counts as a watcher for a
// while.
func pollMember[T any, R membership.Record[T]](
	ctx context.Context, s *service, records *membership.Records[T, R], handle string, refuse func(error) error,
) (R, int, error) {
	r, at, err := records.Find(ctx, handle)
	if err != nil {
		return nil, 0, refuse(err)
	}
	if watch := s.polls.note(handle, records.WatchOf(r, at, handle), s.process()); watch != "" {
		s.leaveAfterPolls(handle, watch) // also of one that was noted without an answer
		if r, at, err = records.Watched(ctx, handle, watch); err != nil {
			return nil, 0, refuse(err)
		}
	}
	return r, at, nil
}

// process ends the names of this process's watchers, so that others know when it
// is gone.
func (s *service) process() string {
	id, run := s.members.Self()
	return "@" + id + "/" + run
}

// newMember is one whose first watcher this process waits for.
func (s *service) newMember(player, name string) membership.Member {
	return membership.NewMember(player, name, s.process())
}

// orphaned reports whether a watcher's process is gone.
func (s *service) orphaned(watch string) bool {
	_, process, ok := strings.Cut(watch, "@")
	at := strings.LastIndexByte(process, '/')
	return ok && at >= 0 && s.members.Dead(process[:at], process[at+1:])
}

// leaveAfterPolls takes a member out who polls no more.
func (s *service) leaveAfterPolls(handle, watch string) {
	s.mm.background.Go(func() {
		patience := s.mm.cfg.UnwatchedTimeout
		for left := patience; left > 0; left = s.polls.left(handle, watch, patience) {
			if !s.pause(left) {
				return
			}
		}
		s.leave(handle, watch)
	})
}

// leaveLater takes a member out who does not watch again.
func (s *service) leaveLater(handle, watch string) {
	s.mm.background.Go(func() {
		if s.pause(s.mm.cfg.UnwatchedTimeout) {
			s.leave(handle, watch)
		} // else the member watches at another replica, or at the next process
	})
}

// pause waits, for as long as the process runs. It reports false when that ends.
func (s *service) pause(d time.Duration) bool {
	passed, stop := steady.After(d)
	defer stop()
	select {
	case <-passed:
		return true
	case <-s.mm.stopping:
		return false
	}
}

// leave takes a member out unless there is a newer watcher.
func (s *service) leave(handle, watch string) {
	for !s.leaveNow(handle, watch) {
		select {
		case <-time.After(leavePause):
		case <-s.mm.stopping:
			return
		}
	}
}

// leaveNow reports whether the member is gone, or has come back.
func (s *service) leaveNow(handle, watch string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	leave := s.leaveParty
	if _, _, ok := s.rooms.Split(handle); ok {
		leave = s.leaveRoom
	}
	err := leave(ctx, handle, watch)
	return err == nil || errors.Is(err, membership.ErrUnknown)
}
