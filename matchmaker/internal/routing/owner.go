package routing

import (
	"context"
	"errors"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/ticket"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// Owner is the replica that owns a queue: this process, or another one. Errors are
// failures for the caller, or make [Router.Do] find the owner again.
type Owner interface {
	// Add puts a ticket into its queue. To add it again changes nothing.
	Add(ctx context.Context, t *ticket.Ticket) error
	// Watch sends a ticket's status immediately, at intervals, when it changes, and
	// when it has ended. The watch counts as a watcher of the ticket's member.
	Watch(ctx context.Context, handle string, send func(*matchmakerv1.WatchTicketResponse) error) error
	// Get returns the first message of a watch.
	Get(ctx context.Context, handle string) (*matchmakerv1.WatchTicketResponse, error)
	// Finish ends a search unless a match has won it, and returns how it stands. An
	// unspecified reason ends nothing.
	Finish(ctx context.Context, id string, reason matchmakerv1.EndReason) (SearchStatus, error)
	// Answer accepts or declines a proposed match for the member with this handle.
	Answer(ctx context.Context, handle, match string, accept bool) error
}

// SearchStatus is how a search stands.
type SearchStatus struct {
	Known     bool                   // the owner has its ticket
	Searching bool                   // it has not ended
	Reason    matchmakerv1.EndReason // of its end: unspecified before
}

// errMoved means that the replica that was asked does not own the queue, or does not
// own it any more.
var errMoved = errors.New("the queue has moved to another matchmaker")

// ticketError makes a failure of any error of the tickets or the store.
func ticketError(err error) error {
	switch {
	case errors.Is(err, ticket.ErrUnknown):
		return failure.New(failure.TicketUnknown)
	case errors.Is(err, ticket.ErrFull):
		return failure.New(failure.TooManyTickets)
	case errors.Is(err, ticket.ErrStopping):
		return failure.New(failure.Stopping)
	}
	return failure.New(failure.StoreUnavailable).Because(err)
}
