package ws

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"tactus/protocol"
)

// Close codes of RFC 6455 section 7.4.1 that appear beside Tactus's own.
const (
	closeNormal   protocol.CloseCode = 1000
	closeNoStatus protocol.CloseCode = 1005 // never on the wire: the peer's close frame was empty
	closeInternal protocol.CloseCode = 1011
)

// maxReason is the longest reason of a close frame: 125 bytes less two of the code.
const maxReason = 123

// CloseError is the end of a connection by a close frame.
type CloseError struct {
	Code   protocol.CloseCode
	Reason string
	// Peer is true if the client closed the connection; Code is then the client's,
	// or 1005 for an empty close frame. Otherwise the server closed it.
	Peer bool
}

// Error returns the side, the code and the reason.
func (e *CloseError) Error() string {
	side := "closed by the server"
	if e.Peer {
		side = "closed by the client"
	}
	if e.Reason == "" {
		return fmt.Sprintf("%s: %d", side, e.Code)
	}
	return fmt.Sprintf("%s: %d %s", side, e.Code, e.Reason)
}

func protocolError(reason string) *CloseError {
	return &CloseError{Code: protocol.CloseProtocol, Reason: reason}
}

// appendCloseFrame appends an unmasked close frame. It cuts a reason that is too long
// at the end of a character.
func appendCloseFrame(dst []byte, code protocol.CloseCode, reason string) []byte {
	if code == closeNoStatus {
		return append(dst, finBit|byte(ws.OpClose), 0)
	}
	if len(reason) > maxReason {
		end := maxReason
		for end > 0 && !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	dst = append(dst, finBit|byte(ws.OpClose), byte(2+len(reason)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// parseClose reads the payload of a client's close frame. If the payload is invalid,
// it returns a fault.
func parseClose(payload []byte) (closed, fault *CloseError) {
	if len(payload) == 0 {
		return &CloseError{Code: closeNoStatus, Peer: true}, nil
	}
	if len(payload) == 1 {
		return nil, protocolError("close frame with half a code")
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if !validCloseCode(protocol.CloseCode(code)) {
		return nil, protocolError("close frame with a code that must not be sent")
	}
	if !utf8.ValidString(reason) {
		return nil, protocolError("close frame whose reason is not UTF-8")
	}
	return &CloseError{Code: protocol.CloseCode(code), Reason: reason, Peer: true}, nil
}

// validCloseCode accepts more codes than the check of gobwas: 1012 to 1014 are
// registered with IANA, and browsers and proxies send them.
func validCloseCode(code protocol.CloseCode) bool {
	switch {
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}
