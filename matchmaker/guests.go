package matchmaker

import "context"

// RevokeGuest refuses a guest at all replicas from now on: calls with their token are
// answered by PERMISSION_DENIED, GUEST_REVOKED. It does not end a search or a seat. The
// reason is for the record. It fails before [Matchmaker.Ready].
func (m *Matchmaker) RevokeGuest(ctx context.Context, player, reason string) error {
	if err := m.checkRunning(); err != nil {
		return err
	}
	return m.parts.guests.Revoke(ctx, player, reason)
}

// RestoreGuest accepts a revoked guest again.
func (m *Matchmaker) RestoreGuest(ctx context.Context, player string) error {
	if err := m.checkRunning(); err != nil {
		return err
	}
	return m.parts.guests.Restore(ctx, player)
}
