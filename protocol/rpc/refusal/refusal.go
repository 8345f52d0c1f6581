// Package refusal names why a matchmaker refuses a game server, as the reason of a
// google.rpc.ErrorInfo. The text of the status is for people.
package refusal

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

// Domain is the domain of all reasons.
const Domain = "tactus"

// ServerIDInUse says that another process has the server's id. The metadata names
// it: server, address, url, age.
const ServerIDInUse = "SERVER_ID_IN_USE"

// Of returns the reason of an error and its metadata, empty for other errors.
func Of(err error) (reason string, metadata map[string]string) {
	s, ok := status.FromError(err)
	if !ok {
		return "", nil
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info.GetReason(), info.GetMetadata()
		}
	}
	return "", nil
}
