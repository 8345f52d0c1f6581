package session

import "tactus/protocol"

// requests is what came and is not for a tick; most players never have any.
type requests struct {
	commands   []protocol.Command
	chats      []Chat
	chatBudget bucket
	lastNotice int64 // when the last refusal was told as a notice
}

// Chat is a line of chat that was accepted, and the id to answer it by.
type Chat struct {
	Text string
	ID   uint32 // 0: no reply wanted
}

// Commands returns the commands that came since the last call; the slice is
// valid until the next Poll.
func (s *Session) Commands() []protocol.Command {
	if s.requests == nil {
		return nil
	}
	c := s.requests.commands
	s.requests.commands = c[:0]
	return c
}

// Chats returns the chat lines that came since the last call; the slice is valid
// until the next Poll.
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
