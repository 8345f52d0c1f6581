package engine

import "tactus/loadtest/internal/timingwheel"

// inputs numbers the clients of an engine and knows when their next inputs are due.
type inputs struct {
	wheel   timingwheel.Wheel
	clients []Client // by number; nil: free
	free    []int32
}

// add returns the number of a new client.
func (s *inputs) add(c Client) (number int32) {
	if n := len(s.free); n > 0 {
		number = s.free[n-1]
		s.free = s.free[:n-1]
		s.clients[number] = c
	} else {
		number = int32(len(s.clients))
		s.clients = append(s.clients, c)
	}
	s.schedule(number)
	return number
}

// release frees the number of a client for another one.
func (s *inputs) release(number int32) {
	s.wheel.Remove(number)
	s.clients[number] = nil
	s.free = append(s.free, number)
}

// sendDue sends every input that is due.
func (s *inputs) sendDue(now int64) {
	for _, number := range s.wheel.Due(now) {
		s.clients[number].SendInput(now)
		s.schedule(number)
	}
}

func (s *inputs) schedule(number int32) {
	if due := s.clients[number].InputDue(); due != Never {
		s.wheel.Set(number, due)
	}
}
