package store

import (
	"context"
	"errors"
	"fmt"
)

// Holder of a lease.
type Holder struct {
	Member
	Term uint64 // grows with each holder
}

// HeldError is returned for a lease that a live member holds.
type HeldError struct{ Holder Holder }

func (e *HeldError) Error() string {
	return fmt.Sprintf("the lease is held by %s (%s), term %d", e.Holder.ID, e.Holder.Address, e.Holder.Term)
}

// Leases have one holder per name.
type Leases struct{}

// Lease is held until it is lost or released.
type Lease struct{ lost chan struct{} }

var errUnfinished = errors.New("not implemented")

// Leases opens the leases.
func (s *Store) Leases(context.Context, *Members) (*Leases, error) { return nil, errUnfinished }

// Holder of a lease, as last heard.
func (l *Leases) Holder(string) (Holder, bool) { return Holder{}, false }

// Acquire takes a lease.
func (l *Leases) Acquire(context.Context, string) (*Lease, error) { return nil, errUnfinished }

// Changed gets a value after a holder has changed.
func (l *Leases) Changed() <-chan struct{} { return nil }

// Term of the lease.
func (x *Lease) Term() uint64 { return 0 }

// Lost is closed when the lease is no longer held.
func (x *Lease) Lost() <-chan struct{} { return x.lost }

// Release gives the lease back.
func (x *Lease) Release(context.Context) {}
