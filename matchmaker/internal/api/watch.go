package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/membership"
	"tactus/matchmaker/internal/repeat"
)

// memberInterval is how often a watched party or room is read and sent, in case a
// hint of a change was lost.
const memberInterval = repeat.Silence - 500*time.Millisecond

// message is one that a watch sends.
type message[W any] interface {
	*W
	proto.Message
}

// watchMember sends a party or a room to one of its members: immediately, when it
// has changed, and every few seconds. A member leaves a moment after its newest watcher
// has gone. publicError makes failures of the records' errors.
func watchMember[T any, R membership.Record[T], W any, M message[W]](
	ctx context.Context, w *membership.Watchers, records *membership.Records[T, R], handle string,
	describe func(R, int) M, send func(M) error, publicError func(error) error,
) error {
	changed := make(chan struct{}, 1)
	unsubscribe, err := records.Changed(handle, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return publicError(err)
	}
	defer unsubscribe()
	watcher := w.NewWatcher()
	// The watcher leaves, too, when it was recorded and the answer got lost.
	defer w.Left(handle, watcher)
	r, at, err := records.Watched(ctx, handle, watcher)
	if err != nil {
		return publicError(err)
	}
	tick := time.NewTicker(memberInterval)
	defer tick.Stop()
	repeated := repeat.New(func(m *W) error { return send(M(m)) }, func(*W) bool { return true })
	defer repeated.Stop()
	var sent M
	for due := true; ; {
		if now := describe(r, at); due || !proto.Equal(sent, now) {
			if err := repeated.Send(now); err != nil {
				return err
			}
			sent = now
		}
		select {
		case <-changed:
			due = false
		case <-tick.C:
			due = true
		case <-w.Stopping():
			return failure.New(failure.Stopping)
		case <-ctx.Done():
			return watchError(ctx, failure.Status(ctx.Err()).Err())
		}
		if r, at, err = records.Find(ctx, handle); err != nil {
			return publicError(err)
		}
		if membership.IsPoll(records.WatchOf(r, at, handle)) { // it may have been the last poll
			if r, at, err = records.Watched(ctx, handle, watcher); err != nil {
				return publicError(err)
			}
		}
	}
}

// pollMember returns what a watch would send now, and counts as a watcher for a
// while.
func pollMember[T any, R membership.Record[T]](
	ctx context.Context, w *membership.Watchers, records *membership.Records[T, R], handle string, publicError func(error) error,
) (R, int, error) {
	r, at, err := records.Find(ctx, handle)
	if err != nil {
		return nil, 0, publicError(err)
	}
	if watcher := w.Polled(handle, records.WatchOf(r, at, handle)); watcher != "" {
		if r, at, err = records.Watched(ctx, handle, watcher); err != nil {
			return nil, 0, publicError(err)
		}
	}
	return r, at, nil
}
