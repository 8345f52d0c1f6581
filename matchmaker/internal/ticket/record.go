package ticket

import (
	"encoding/json"
	"fmt"
)

// Record is what the owner of a queue records of a ticket, for the next owner.
type Record struct {
	Ticket *Ticket
	Status *Status `json:",omitempty"` // nil while it searches
}

// Encode returns the record as bytes.
func (r *Record) Encode() []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("ticket: a record can't be encoded: %v", err)) // it holds strings and numbers
	}
	return data
}

// DecodeRecord parses a record.
func DecodeRecord(data []byte) (*Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("ticket record: %w", err)
	}
	if r.Ticket == nil || r.Ticket.ID == "" || len(r.Ticket.Members) == 0 {
		return nil, fmt.Errorf("ticket record: it has no ticket")
	}
	return &r, nil
}
