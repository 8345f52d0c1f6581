package matchmaker

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// unborn is how long a claim's ticket may still be on its way into its queue.
const unborn = 3 * time.Second

// claimPause is between two looks at a ticket on its way into its queue.
const claimPause = 20 * time.Millisecond

// claim makes the ticket its players' only search. existing is the leader's
// present one, where that stays: by the queue's policy, or because the same
// request made it.
func (s *service) claim(ctx context.Context, t *ticket.Ticket, request string) (existing *claim.Claim, err error) {
	keep := false
	if r, ok := s.catalog.Lookup(t.Queue); ok && r.Queue != nil {
		keep = r.Queue.Search.Duplicate == rules.DuplicateKeep
	}
	for i := range t.Members {
		m := &t.Members[i]
		next := claim.Claim{Ticket: t.ID, Handles: handlesFrom(t, i), Request: request, At: t.Created}
		m.Claim, err = s.claims.Take(ctx, m.Player, next, func(ctx context.Context, old claim.Claim) error {
			if i == 0 {
				same := request != "" && old.Request == request
				if stays, err := s.stays(ctx, &old, keep, same); err != nil || stays {
					existing = &old
					return errors.Join(err, errStays)
				}
			}
			return s.replace(ctx, &old)
		})
		if err == nil {
			continue
		}
		s.dropClaims(t)
		if existing != nil && errors.Is(err, errStays) {
			return existing, nil
		}
		return nil, claimError(err)
	}
	return nil, nil
}

var errStays = errors.New("the earlier search stays")

// handlesFrom lists the tickets of a ticket's members, that of one of them
// first.
func handlesFrom(t *ticket.Ticket, first int) []string {
	handles := handlesOf(t)
	if first > 0 {
		handles[0], handles[first] = handles[first], handles[0]
	}
	return handles
}

// stays reports whether an earlier search goes on, or has ended already where
// the same request made it. One that died on its way into its queue does not.
func (s *service) stays(ctx context.Context, old *claim.Claim, keep, same bool) (bool, error) {
	if !keep && !same {
		return false, nil
	}
	now, err := s.searchStatus(ctx, old, matchmakerv1.EndReason_END_REASON_UNSPECIFIED)
	return now.Searching || same && now.Known, err
}

// replace ends an earlier search.
func (s *service) replace(ctx context.Context, old *claim.Claim) error {
	_, err := s.searchStatus(ctx, old, matchmakerv1.EndReason_END_REASON_REPLACED)
	return err
}

// searchStatus looks at an earlier search, or ends it. One that is not in its queue yet
// is waited for.
func (s *service) searchStatus(ctx context.Context, old *claim.Claim, reason matchmakerv1.EndReason) (now routing.SearchStatus, err error) {
	name, ok := ticket.QueueOf(old.Ticket)
	if !ok {
		return routing.SearchStatus{}, nil
	}
	for {
		err = s.router.Do(ctx, name, func(owner routing.Owner) (err error) {
			now, err = owner.Finish(ctx, old.Ticket, reason)
			return err
		})
		if err != nil || now.Known || time.Since(old.At) > unborn {
			if _, exists := s.catalog.Lookup(name); !exists {
				return routing.SearchStatus{}, nil // its queue was closed
			}
			return now, err
		}
		select {
		case <-time.After(claimPause):
		case <-ctx.Done():
			return routing.SearchStatus{}, ctx.Err()
		}
	}
}

// lacks reports whether an error of adding a ticket says for certain that its
// queue does not have it. After any other the claims stay: the player's next
// request finds the search, or its lack.
func lacks(err error) bool {
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.InvalidArgument, codes.FailedPrecondition, codes.NotFound:
		return true
	default:
		return false
	}
}

// dropClaims lets the players of a ticket search again.
func (s *service) dropClaims(t *ticket.Ticket) {
	for _, m := range t.Members {
		s.claims.Drop(m.Player, m.Claim)
	}
}

func claimError(err error) error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return known
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}
