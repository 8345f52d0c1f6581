package protocol

// Reasons of a reply that refuses a command or a chat text, for programs. A
// reply of one that was accepted has none.
const (
	// ReasonRefused: the game refused the command.
	ReasonRefused = "refused"
	// ReasonBusy: too many commands or texts in too short a time. The same one
	// may be accepted a moment later.
	ReasonBusy = "busy"
	// ReasonTooLong: the text is over [MaxChat].
	ReasonTooLong = "too_long"
	// ReasonBadText: the text is empty, is not UTF-8, or holds characters that
	// text for people must not hold.
	ReasonBadText = "bad_text"
	// ReasonMuted: an operator has turned off the player's chat.
	ReasonMuted = "muted"
)
