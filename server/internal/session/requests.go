package session

import "tactus/protocol"

// requests holds commands and chat received since the last tick; nil for most
// players.
type requests struct {
	commands   []protocol.Command
	chats      []Chat
	chatBudget bucket
	lastNotice int64 // when the last notice of a refusal was sent
}

// Chat is an accepted line of chat and the id for its reply.
type Chat struct {
	Text string
	ID   uint32 // 0: without reply
}

// Commands returns the commands received since the last call. The slice is valid
// until the next read.
func (s *Session) Commands() []protocol.Command {
	if s.requests == nil {
		return nil
	}
	c := s.requests.commands
	s.requests.commands = c[:0]
	return c
}

// Chats returns the lines of chat received since the last call. The slice is valid
// until the next read.
func (s *Session) Chats() []Chat {
	if s.requests == nil {
		return nil
	}
	c := s.requests.chats
	s.requests.chats = c[:0]
	return c
}

func (s *Session) ensureRequests() *requests {
	if s.requests == nil {
		s.requests = &requests{chatBudget: fullBucket(chatRate, s.shared.Now)}
	}
	return s.requests
}
