package failure

import (
	"errors"
	"math"
	"strconv"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// Connect is the error as Connect's handlers send it: the codes of both are the
// same numbers, message and details are kept, and a Retry-After header says in
// whole seconds what RetryInfo says. One that Connect made itself stays as it
// is.
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
