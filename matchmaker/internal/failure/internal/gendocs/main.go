// Command gendocs prints the table of reasons in docs/reasons.md.
package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"

	"tactus/matchmaker/internal/failure"
)

func main() {
	if err := writeTable(os.Stdout, failure.All()); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

// actions says what a caller does after a refusal. An empty reason stands for all
// other reasons of the code.
var actions = map[codes.Code]map[failure.Reason]string{
	codes.Unimplemented: {"": "call an existing method by POST; an older matchmaker may not have it"},
	codes.InvalidArgument: {
		"": "correct the request; the field is named",

		failure.UnsupportedMediaType: "correct the program, see [the JSON API](json-api.md)",
		failure.RequestTooLarge:      "correct the program",
		failure.MalformedRequest:     "correct the program, see [the JSON API](json-api.md)",
		failure.UnknownField:         "correct the program, see [unknown fields](json-api.md#unknown-fields)",
		failure.PartyTooLarge:        "show it to the player",
	},
	codes.Unauthenticated: {
		"": "sign in again; if that does not help, compare the issuer with the matchmaker's flags",

		failure.GuestTokenInvalid:   "ask without the token and keep it: another installation may be behind the address for now",
		failure.IdentityRequired:    "sign in",
		failure.IdentityNotAccepted: "ask without the token",
		failure.IdentityKeyUnknown:  "wait: the issuer has changed its keys",
	},
	codes.PermissionDenied: {
		failure.GuestRevoked: "say so; ask for a new guest only if the player wants one",

		failure.PlayersNotTrusted: "use the internal port",
		failure.RoleNotAllowed:    "use a certificate or token with the role",
		failure.NotPartyLeader:    "let the leader do it",
		failure.NotRoomOwner:      "let the owner do it",
		failure.Banned:            "show it to the player; the metadata has `until` and `ban_reason`. Make no new guest",
	},
	codes.FailedPrecondition: {
		"":                       "show it to the player",
		failure.InMatch:          "offer the player both; the metadata has `match_id`, `game` and `mode`",
		failure.Cooldown:         "wait, and show the message",
		failure.GuestsNotAllowed: "offer another queue, or to sign in",
		failure.VersionNotServed: "reload the page, update the program",
		failure.BanNotConfirmed:  "show how many players it meets, and send it again with `confirm`",
	},
	codes.NotFound: {
		"":                    "show it to the player",
		failure.TicketUnknown: "search again",
		failure.PlayerUnknown: "take the id from a new answer",
		failure.QueueUnrated:  "show nothing",
	},
	codes.ResourceExhausted: {"": "wait as long as the answer says"},
	codes.Unavailable: {
		"":                      "ask again, any replica",
		failure.KeysUnavailable: "ask again",
	},
	codes.DeadlineExceeded: {"": "repeat the call, with the same `requestId`"},
	codes.Canceled:         {"": "repeat the call, with the same `requestId`"},
	codes.Internal:         {"": "report it; the matchmaker's log has the cause"},
}

// writeTable writes one row for each kind, in their order.
func writeTable(w io.Writer, kinds []failure.Kind) error {
	fmt.Fprint(w, "| reason | code | retry after | message | what to do |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range kinds {
		action := actions[k.Code][k.Reason]
		if action == "" {
			action = actions[k.Code][""]
		}
		if action == "" {
			return fmt.Errorf("no action for %s", k.Reason)
		}
		retry := ""
		if k.Retry > 0 {
			retry = k.Retry.String()
		}
		fmt.Fprintf(w, "| `%s` | `%s` | %s | %s | %s. |\n", k.Reason, codeName(k.Code), retry, k.Message, action)
	}
	return nil
}

var humps = regexp.MustCompile("([a-z])([A-Z])")

// codeName is a code's name as the .proto files have it.
func codeName(c codes.Code) string {
	name := strings.ReplaceAll(c.String(), "Canceled", "Cancelled")
	return strings.ToUpper(humps.ReplaceAllString(name, "${1}_$2"))
}
