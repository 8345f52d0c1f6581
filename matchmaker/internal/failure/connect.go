package failure

import (
	"errors"
	"math"
	"strconv"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Connect converts an error for Connect's handlers. Codes are the same numbers in both,
// message and details stay, and a Retry-After header holds the time of RetryInfo in
// whole seconds. An error that Connect made stays as it is.
func Connect(err error) error {
	if err == nil {
		return nil
	}
	if made, ok := errors.AsType[*connect.Error](err); ok {
		return made
	}
	s := Status(err)
	out := connect.NewError(connect.Code(s.Code()), errors.New(s.Message()))
	for _, packed := range s.Proto().GetDetails() {
		detail, err := connect.NewErrorDetail(packed)
		if err != nil {
			continue
		}
		out.AddDetail(detail)
		if value, err := detail.Value(); err == nil {
			setRetryAfter(out, value)
		}
	}
	return out
}

func setRetryAfter(e *connect.Error, detail any) {
	if retry, ok := detail.(*errdetails.RetryInfo); ok {
		seconds := math.Ceil(retry.GetRetryDelay().AsDuration().Seconds())
		e.Meta().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
}
