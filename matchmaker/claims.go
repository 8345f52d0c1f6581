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
// earlier one, where that is kept.
func (s *service) claim(ctx context.Context, t *ticket.Ticket, request string) (existing *claim.Claim, err error) {
	for i := range t.Members {
		if existing, err = s.claimFor(ctx, t, i, request); err != nil || existing != nil {
			s.dropClaims(t)
			return existing, err
		}
	}
	return nil, nil
}

// claimFor takes one member's claim. An earlier search of theirs ends, unless the
// member is the leader and it is kept.
func (s *service) claimFor(ctx context.Context, t *ticket.Ticket, member int, request string) (existing *claim.Claim, _ error) {
	m := &t.Members[member]
	next := claim.Claim{Ticket: t.ID, Handles: handlesFrom(t, member), Request: request, At: t.Created}
	var replaces uint64
	for {
		revision, conflict, err := s.claims.Take(ctx, m.Player, next, replaces)
		if err != nil {
			return nil, failure.New(failure.StoreUnavailable).Because(err)
		}
		if conflict == nil {
			m.Claim = revision
			return nil, nil
		}
		if member == 0 && s.keepExisting(ctx, t.Queue, &conflict.Claim, request) {
			return &conflict.Claim, nil
		}
		if err := s.replace(ctx, &conflict.Claim); err != nil {
			return nil, claimError(err)
		}
		replaces = conflict.Revision
	}
}

// handlesFrom lists the tickets of a ticket's members, that of one of them
// first.
func handlesFrom(t *ticket.Ticket, first int) []string {
	handles := handlesOf(t)
	if first > 0 {
		handles[0], handles[first] = handles[first], handles[0]
	}
	return handles
}

// keepExisting reports whether the player's earlier search is kept: it goes on and
// the queue keeps such searches, or the same request created it. One that can't be
// asked about is kept, too.
func (s *service) keepExisting(ctx context.Context, queueName string, old *claim.Claim, request string) bool {
	same := request != "" && old.Request == request
	if !same && !s.keepsDuplicates(queueName) {
		return false
	}
	how, err := s.fate(ctx, old, matchmakerv1.EndReason_END_REASON_UNSPECIFIED)
	return err != nil || how.searching || same && how.known
}

// keepsDuplicates reports whether a queue keeps a player's earlier search.
func (s *service) keepsDuplicates(queueName string) bool {
	r, ok := s.catalog.Lookup(queueName)
	return ok && r.Queue != nil && r.Queue.Search.Duplicate == rules.DuplicateKeep
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
