package ticket

// Players are the ids of the members' players, in order.
func (t *Ticket) Players() []string {
	ids := make([]string, t.Size())
	for i, m := range t.Members {
		ids[i] = m.Player
	}
	return ids
}

// Handles are the members' handles, in order.
func (t *Ticket) Handles() []string {
	handles := make([]string, t.Size())
	for i := range t.Members {
		handles[i] = t.Handle(i)
	}
	return handles
}
