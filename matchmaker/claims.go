package matchmaker

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// unborn is how long a claim's ticket may still be on its way into its queue.
const unborn = 3 * time.Second

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
	how, err := s.fate(ctx, old, matchmakerv1.EndReason_END_REASON_UNSPECIFIED)
	return how.searching || same && how.known, err
}

// replace ends an earlier search.
func (s *service) replace(ctx context.Context, old *claim.Claim) error {
	_, err := s.fate(ctx, old, matchmakerv1.EndReason_END_REASON_REPLACED)
	return err
}

// fate looks at an earlier search, or ends it. One that is not in its queue yet
// is waited for.
func (s *service) fate(ctx context.Context, old *claim.Claim, reason matchmakerv1.EndReason) (how fate, err error) {
	name, ok := ticket.QueueOf(old.Ticket)
	if !ok {
		return fate{}, nil
	}
	for {
		err = s.atDesk(ctx, name, func(d desk) (err error) {
			how, err = d.finish(ctx, old.Ticket, reason)
			return err
		})
		if err != nil || how.known || time.Since(old.At) > unborn {
			if _, exists := s.catalog.Lookup(name); !exists {
				return fate{}, nil // its queue was closed
			}
			return how, err
		}
		select {
		case <-time.After(leastBackoff):
		case <-ctx.Done():
			return fate{}, ctx.Err()
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
