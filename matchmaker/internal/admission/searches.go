package admission

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/matchmaker/internal/catalog"
	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/queue"
	"tactus/matchmaker/internal/routing"
	"tactus/matchmaker/internal/rules"
	"tactus/matchmaker/internal/store"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

const (
	// enqueueTimeout is how long the ticket of a claim may be on its way into its
	// queue.
	enqueueTimeout = 3 * time.Second
	// statusInterval is between two looks at a search on that way.
	statusInterval = 20 * time.Millisecond
)

// SearchesConfig is what [Searches] works with. All fields are needed.
type SearchesConfig struct {
	// Ready returns the failure of a request that comes before the matchmaker runs,
	// or when it stops.
	Ready   func() error
	Queues  *queue.Set
	Catalog *catalog.Catalog
	Router  *routing.Router
	Claims  *claim.Claims
}

// Searches starts and ends searches. A player has one at a time. It is safe for
// concurrent use.
type Searches struct{ cfg SearchesConfig }

// NewSearches makes the searches of this process.
func NewSearches(cfg SearchesConfig) *Searches { return &Searches{cfg: cfg} }

// Start puts a ticket into its queue. The players' earlier searches end, unless the
// leader's is kept: then nothing is started, and that one is returned.
func (s *Searches) Start(ctx context.Context, t *ticket.Ticket, request string) (existing *claim.Claim, err error) {
	if existing, err = s.claim(ctx, t, request); err != nil || existing != nil {
		return existing, err
	}
	err = s.cfg.Router.Do(ctx, t.Queue, func(o routing.Owner) error { return o.Add(ctx, t) })
	if err != nil && certainlyNotQueued(err) {
		s.Release(t)
	}
	return nil, err
}

// QueueOf returns the queue of a ticket's handle, if it can be a queue of ours: an
// invented name must not create one.
func (s *Searches) QueueOf(handle string) (string, error) {
	if err := s.cfg.Ready(); err != nil {
		return "", err
	}
	name, ok := ticket.QueueOf(handle)
	if !ok || s.cfg.Queues.Find(name) == nil && !s.cfg.Catalog.Hosted(name) && !s.cfg.Queues.Known(name) {
		return "", failure.New(failure.TicketUnknown)
	}
	return name, nil
}

// Cancel ends a search at its player's request, and returns how it has ended: a
// match may have been found before.
func (s *Searches) Cancel(ctx context.Context, handle string) (matchmakerv1.EndReason, error) {
	found, err := s.finish(ctx, handle, matchmakerv1.EndReason_END_REASON_CANCELLED)
	if err != nil {
		return 0, err
	}
	if !found.Known {
		return 0, failure.New(failure.TicketUnknown)
	}
	return found.Reason, nil
}

// End ends a search when its match is over or can't be opened. A search that has its
// seat keeps it. A search that can't be ended now expires.
func (s *Searches) End(ctx context.Context, handle string, reason matchmakerv1.EndReason) {
	_, _ = s.finish(ctx, handle, reason)
}

func (s *Searches) finish(ctx context.Context, handle string, reason matchmakerv1.EndReason) (found routing.SearchStatus, err error) {
	name, err := s.QueueOf(handle)
	if err != nil {
		return found, err
	}
	id, _, ok := ticket.SplitHandle(handle)
	if !ok {
		return found, failure.New(failure.TicketUnknown)
	}
	err = s.cfg.Router.Do(ctx, name, func(o routing.Owner) (err error) {
		found, err = o.Finish(ctx, id, reason)
		return err
	})
	return found, err
}

// Stop ends a player's search, if there is one.
func (s *Searches) Stop(ctx context.Context, player string) error {
	found, err := s.cfg.Claims.Get(ctx, player)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return claimError(err)
	}
	_, err = s.searchStatus(ctx, &found, matchmakerv1.EndReason_END_REASON_CANCELLED)
	return err
}

// Of returns the queue in which a player searches, and since when; empty for none.
func (s *Searches) Of(ctx context.Context, player string) (queueName string, since time.Time) {
	found, err := s.cfg.Claims.Get(ctx, player)
	if err != nil {
		return "", since
	}
	status, err := s.searchStatus(ctx, &found, matchmakerv1.EndReason_END_REASON_UNSPECIFIED)
	if err != nil || !status.Searching {
		return "", since
	}
	queueName, _ = ticket.QueueOf(found.Ticket)
	return queueName, found.At
}

// Release lets the players of a ticket search again.
func (s *Searches) Release(t *ticket.Ticket) {
	for _, m := range t.Members {
		s.cfg.Claims.Drop(m.Player, m.Claim)
	}
}

// claim makes the ticket its players' only search. existing is the leader's
// earlier one, where that is kept.
func (s *Searches) claim(ctx context.Context, t *ticket.Ticket, request string) (existing *claim.Claim, err error) {
	for i := range t.Members {
		if existing, err = s.claimFor(ctx, t, i, request); err != nil || existing != nil {
			s.Release(t)
			return existing, err
		}
	}
	return nil, nil
}

// claimFor takes one member's claim. An earlier search of that player ends, unless
// the member is the leader and it is kept.
func (s *Searches) claimFor(ctx context.Context, t *ticket.Ticket, member int, request string) (existing *claim.Claim, _ error) {
	m := &t.Members[member]
	next := claim.Claim{Ticket: t.ID, Handles: handlesFrom(t, member), Request: request, At: t.Created}
	var replaces uint64
	for {
		revision, conflict, err := s.cfg.Claims.Take(ctx, m.Player, next, replaces)
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
		if _, err := s.searchStatus(ctx, &conflict.Claim, matchmakerv1.EndReason_END_REASON_REPLACED); err != nil {
			return nil, claimError(err)
		}
		replaces = conflict.Revision
	}
}

// handlesFrom lists the handles of a ticket's members, that of one of them first.
func handlesFrom(t *ticket.Ticket, first int) []string {
	handles := t.Handles()
	handles[0], handles[first] = handles[first], handles[0]
	return handles
}

// keepExisting reports whether the player's earlier search is kept: it is still
// running and the queue keeps such searches, or the same request created it. A
// search of unknown status is kept, too.
func (s *Searches) keepExisting(ctx context.Context, queueName string, old *claim.Claim, request string) bool {
	same := request != "" && old.Request == request
	if !same && !s.keepsDuplicates(queueName) {
		return false
	}
	found, err := s.searchStatus(ctx, old, matchmakerv1.EndReason_END_REASON_UNSPECIFIED)
	return err != nil || found.Searching || same && found.Known
}

// keepsDuplicates reports whether a queue keeps a player's earlier search.
func (s *Searches) keepsDuplicates(queueName string) bool {
	r, ok := s.cfg.Catalog.Lookup(queueName)
	return ok && r.Queue != nil && r.Queue.Search.Duplicate == rules.DuplicateKeep
}

// searchStatus returns how an earlier search stands. With a reason it ends the
// search. It waits for a search that may be on its way into its queue.
func (s *Searches) searchStatus(ctx context.Context, old *claim.Claim, reason matchmakerv1.EndReason) (found routing.SearchStatus, err error) {
	name, ok := ticket.QueueOf(old.Ticket)
	if !ok {
		return routing.SearchStatus{}, nil
	}
	for {
		err = s.cfg.Router.Do(ctx, name, func(o routing.Owner) (err error) {
			found, err = o.Finish(ctx, old.Ticket, reason)
			return err
		})
		if err != nil || found.Known || time.Since(old.At) > enqueueTimeout {
			if _, exists := s.cfg.Catalog.Lookup(name); !exists {
				return routing.SearchStatus{}, nil // its queue was closed
			}
			return found, err
		}
		select {
		case <-time.After(statusInterval):
		case <-ctx.Done():
			return routing.SearchStatus{}, ctx.Err()
		}
	}
}

// certainlyNotQueued reports whether an error of adding a ticket means that its
// queue does not have it. After other errors the claims stay: the player's next
// request finds out.
func certainlyNotQueued(err error) bool {
	switch status.Code(err) {
	case codes.ResourceExhausted, codes.InvalidArgument, codes.FailedPrecondition, codes.NotFound:
		return true
	default:
		return false
	}
}

func claimError(err error) error {
	if known, ok := errors.AsType[*failure.Error](err); ok {
		return known
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}
