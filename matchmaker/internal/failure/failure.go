// Package failure makes the errors that callers of the matchmaker get: gRPC statuses
// with a message for people and details for programs. Each carries a
// google.rpc.ErrorInfo. Failures about fields also carry a BadRequest, temporary ones
// a RetryInfo (google/rpc/error_details.proto, AIP-193).
package failure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Domain is the domain of all reasons.
const Domain = "tactus"

// Limits of what a failure carries. It is sent in headers, which clients bound: Node
// to 16 KiB in all.
const (
	maxMessage    = 512
	maxText       = 256
	maxViolations = 8
	maxMetadata   = 8
)

// Error is a failure. It is made by [New] or [Newf], and does not change after it was
// returned. gRPC sends it as a status.
type Error struct {
	kind       Kind
	message    string
	retry      time.Duration
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	cause      error
}

// New makes a failure with the usual message of the reason.
func New(reason Reason) *Error {
	kind := reason.Kind()
	return &Error{kind: kind, message: kind.Message, retry: kind.Retry}
}

// Newf makes a failure with a more exact message. The message may quote what a player
// sent: it is cut to 512 bytes and made valid UTF-8.
func Newf(reason Reason, format string, args ...any) *Error {
	e := New(reason)
	e.message = bounded(fmt.Sprintf(format, args...), maxMessage)
	return e
}

// With adds a name and a value for programs.
func (e *Error) With(name, value string) *Error {
	if e.metadata == nil {
		e.metadata = make(map[string]string)
	}
	if len(e.metadata) < maxMetadata {
		e.metadata[bounded(name, maxText)] = bounded(value, maxText)
	}
	return e
}

// Field adds a field of the request that is wrong, by its name in the .proto
// ("players[1].player_id"), and what the field must be.
func (e *Error) Field(path, expected string) *Error {
	if len(e.violations) < maxViolations {
		e.violations = append(e.violations, &errdetails.BadRequest_FieldViolation{
			Field: bounded(path, maxText), Description: bounded(expected, maxText), Reason: string(e.kind.Reason),
		})
	}
	return e
}

// RetryAfter sets the time after which the call may succeed, instead of the reason's
// usual time.
func (e *Error) RetryAfter(d time.Duration) *Error {
	e.retry = d
	return e
}

// Because keeps the cause of the failure for errors.Is and for logs. It is not sent.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Reason is the reason.
func (e *Error) Reason() Reason { return e.kind.Reason }

// Error returns reason, message and cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s (%v)", e.kind.Reason, e.message, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.kind.Reason, e.message)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes failures of the same reason equal.
func (e *Error) Is(other error) bool {
	o, ok := other.(*Error)
	return ok && o.kind.Reason == e.kind.Reason
}

// GRPCStatus returns what is sent: code, message and details.
func (e *Error) GRPCStatus() *status.Status {
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{
		Reason: string(e.kind.Reason), Domain: Domain, Metadata: maps.Clone(e.metadata),
	}}
	if len(e.violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: slices.Clone(e.violations)})
	}
	if e.retry > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.retry)})
	}
	plain := status.New(e.kind.Code, e.message)
	if detailed, err := plain.WithDetails(details...); err == nil {
		return detailed
	}
	return plain
}

// Status is what a client gets for any error. Failures and gRPC statuses stay as they
// are, and the end of a context has its own code. Any other error becomes [Internal],
// because its text is for the log.
func Status(err error) *status.Status {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*Error](err); ok { // errors around it are for the log
		return own.GRPCStatus()
	}
	if s, ok := status.FromError(err); ok {
		return s
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return New(DeadlineExceeded).GRPCStatus()
	case errors.Is(err, context.Canceled):
		return New(Cancelled).GRPCStatus()
	}
	return New(Internal).GRPCStatus()
}

// ReasonOf returns the reason of a failure, also of one that came over gRPC.
func ReasonOf(err error) (Reason, bool) {
	if own, ok := errors.AsType[*Error](err); ok {
		return own.kind.Reason, true
	}
	s, ok := status.FromError(err)
	if !ok {
		return "", false
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return Reason(info.GetReason()), true
		}
	}
	return "", false
}

// bounded cuts text to at most size bytes of valid UTF-8, which Protobuf requires.
func bounded(text string, size int) string {
	const more = "…"
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= size {
		return text
	}
	cut := size - len(more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}
