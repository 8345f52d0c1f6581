package failure

import (
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

//go:generate sh -c "go run ./internal/gendocs | go run ../../../internal/docblock ../../../docs/reasons.md reasons"

// Reason is a code for programs that says why a call failed, in the form of
// google.rpc.ErrorInfo. Its text is a message.
type Reason string

// Requests that can't be read.
const (
	UnknownMethod        Reason = "UNKNOWN_METHOD"
	HTTPMethodNotAllowed Reason = "HTTP_METHOD_NOT_ALLOWED"
	UnsupportedMediaType Reason = "UNSUPPORTED_MEDIA_TYPE"
	RequestTooLarge      Reason = "REQUEST_TOO_LARGE"
	MalformedRequest     Reason = "MALFORMED_REQUEST"
	UnknownField         Reason = "UNKNOWN_FIELD"
)

// Requests with wrong contents.
const (
	BadField      Reason = "BAD_FIELD"
	BadName       Reason = "BAD_NAME"
	BadAttribute  Reason = "BAD_ATTRIBUTE"
	BadLatency    Reason = "BAD_LATENCY"
	BadOption     Reason = "BAD_OPTION"
	BadLabel      Reason = "BAD_LABEL"
	BadPlayer     Reason = "BAD_PLAYER"
	PartyTooLarge Reason = "PARTY_TOO_LARGE"
	UnknownGame   Reason = "UNKNOWN_GAME"
	UnknownMode   Reason = "UNKNOWN_MODE"
	UnknownQueue  Reason = "UNKNOWN_QUEUE"
)

// Callers that are not authenticated.
const (
	GuestRevoked          Reason = "GUEST_REVOKED"
	GuestTokenInvalid     Reason = "GUEST_TOKEN_INVALID" //nolint:gosec // G101 takes the name of a reason for a secret
	IdentityRequired      Reason = "IDENTITY_REQUIRED"
	IdentityNotAccepted   Reason = "IDENTITY_NOT_ACCEPTED"
	IdentityTooLarge      Reason = "IDENTITY_TOO_LARGE"
	IdentityMalformed     Reason = "IDENTITY_MALFORMED"
	IdentityAlgorithm     Reason = "IDENTITY_ALGORITHM"
	IdentityForged        Reason = "IDENTITY_FORGED"
	IdentityKeyUnknown    Reason = "IDENTITY_KEY_UNKNOWN"
	IdentityExpired       Reason = "IDENTITY_EXPIRED"
	IdentityNotYetValid   Reason = "IDENTITY_NOT_YET_VALID"
	IdentityWrongIssuer   Reason = "IDENTITY_WRONG_ISSUER"
	IdentityWrongAudience Reason = "IDENTITY_WRONG_AUDIENCE"
	IdentityIncomplete    Reason = "IDENTITY_INCOMPLETE"
	CallerUnknown         Reason = "CALLER_UNKNOWN"
)

// Callers without permission.
const (
	PlayersNotTrusted Reason = "PLAYERS_NOT_TRUSTED"
	RoleNotAllowed    Reason = "ROLE_NOT_ALLOWED"
	NotPartyLeader    Reason = "NOT_PARTY_LEADER"
	NotRoomOwner      Reason = "NOT_ROOM_OWNER"
	Banned            Reason = "BANNED"
)

// Requests that do not fit the present state.
const (
	Cooldown         Reason = "COOLDOWN"
	GuestsNotAllowed Reason = "GUESTS_NOT_ALLOWED"
	VersionNotServed Reason = "VERSION_NOT_SERVED"
	InMatch          Reason = "IN_MATCH"
	PartyFull        Reason = "PARTY_FULL"
	RoomFull         Reason = "ROOM_FULL"
	ProposalGone     Reason = "PROPOSAL_GONE"
	BanNotConfirmed  Reason = "BAN_NOT_CONFIRMED"
	NotInMatch       Reason = "NOT_IN_MATCH"
)

// Things that do not exist.
const (
	TicketUnknown Reason = "TICKET_UNKNOWN"
	PartyUnknown  Reason = "PARTY_UNKNOWN"
	RoomUnknown   Reason = "ROOM_UNKNOWN"
	QueueUnrated  Reason = "QUEUE_UNRATED"

	PlayerUnknown   Reason = "PLAYER_UNKNOWN"
	PlayerNotSeated Reason = "PLAYER_NOT_SEATED"
	MatchUnknown    Reason = "MATCH_UNKNOWN"
	ServerUnknown   Reason = "SERVER_UNKNOWN"
	BanUnknown      Reason = "BAN_UNKNOWN"
	ReportUnknown   Reason = "REPORT_UNKNOWN"
)

// Failures after which the same call may succeed, and failures of the call itself.
const (
	TooManyFromAddress Reason = "TOO_MANY_FROM_ADDRESS"
	TooManyFromPlayer  Reason = "TOO_MANY_FROM_PLAYER"
	TooManyCodes       Reason = "TOO_MANY_CODES"
	TooManyRooms       Reason = "TOO_MANY_ROOMS"
	TooManyReads       Reason = "TOO_MANY_READS"
	TooManyWatches     Reason = "TOO_MANY_WATCHES"
	WatchReplaced      Reason = "WATCH_REPLACED"
	TooManyTickets     Reason = "TOO_MANY_TICKETS"
	TooManyReports     Reason = "TOO_MANY_REPORTS"
	TooManyBans        Reason = "TOO_MANY_BANS"
	ServerSilent       Reason = "SERVER_SILENT"
	ServersFull        Reason = "SERVERS_FULL"
	NoServer           Reason = "NO_SERVER"
	Starting           Reason = "STARTING"
	Stopping           Reason = "STOPPING"
	StoreUnavailable   Reason = "STORE_UNAVAILABLE"
	ReplicaUnreachable Reason = "REPLICA_UNREACHABLE"
	KeysUnavailable    Reason = "KEYS_UNAVAILABLE"
	DeadlineExceeded   Reason = "DEADLINE_EXCEEDED"
	Cancelled          Reason = "CANCELLED"
	GameError          Reason = "GAME_ERROR"
	Internal           Reason = "INTERNAL"
)

// Kind describes all failures of one reason.
type Kind struct {
	Reason Reason
	Code   codes.Code
	// Message is the usual message, for people. A failure may have a more exact one.
	Message string
	// Retry is after how long the same call may succeed; 0: never.
	Retry time.Duration
}

const (
	soon  = time.Second
	later = 10 * time.Second
)

// kinds lists all reasons for which calls to the matchmaker fail.
var kinds = []Kind{
	{UnknownMethod, codes.Unimplemented, "there is no such method here", 0},
	{HTTPMethodNotAllowed, codes.Unimplemented, "methods are called by POST", 0},
	{UnsupportedMediaType, codes.InvalidArgument, "the method does not accept this content type", 0},
	{RequestTooLarge, codes.InvalidArgument, "the request is too large", 0},
	{MalformedRequest, codes.InvalidArgument, "the request can't be read", 0},
	{UnknownField, codes.InvalidArgument, "the request has an unknown field", 0},

	{BadField, codes.InvalidArgument, "a field has a value that is not allowed", 0},
	{BadName, codes.InvalidArgument, "the player name has no visible character", 0},
	{BadAttribute, codes.InvalidArgument, "an attribute is not one that the queue knows, or has too many or too long values", 0},
	{BadLatency, codes.InvalidArgument, "a measured latency names no region or is out of range", 0},
	{BadOption, codes.InvalidArgument, "an option of the room is none that players may choose, or has a value outside its range", 0},
	{BadLabel, codes.InvalidArgument, "a label of the room has no name or is too long, or there are too many", 0},
	{BadPlayer, codes.InvalidArgument, "a player's id is missing, too long or a duplicate", 0},
	{PartyTooLarge, codes.InvalidArgument, "the party has more players than the queue allows", 0},
	{UnknownGame, codes.InvalidArgument, "no live server hosts this game", 0},
	{UnknownMode, codes.InvalidArgument, "the game has no such mode", 0},
	{UnknownQueue, codes.InvalidArgument, "there is no queue of this name", 0},

	{GuestTokenInvalid, codes.Unauthenticated, "this guest token is not (or no longer) valid here; ask without it for a new one", 0},
	{IdentityRequired, codes.Unauthenticated, "guests are not accepted; send an identity token of the game's issuer", 0},
	{IdentityNotAccepted, codes.Unauthenticated, "identity tokens are not accepted; ask without one to play as a guest", 0},
	{IdentityTooLarge, codes.Unauthenticated, "the identity token is too large", 0},
	{IdentityMalformed, codes.Unauthenticated, "the identity token is not a JSON Web Token", 0},
	{IdentityAlgorithm, codes.Unauthenticated, "the identity token is signed by an algorithm that is not accepted", 0},
	{IdentityForged, codes.Unauthenticated, "the identity token is not signed by its issuer", 0},
	{IdentityKeyUnknown, codes.Unauthenticated, "the identity token is signed with a key that its issuer does not publish (yet)", later},
	{IdentityExpired, codes.Unauthenticated, "the identity token has expired; sign in again", 0},
	{IdentityNotYetValid, codes.Unauthenticated, "the identity token is not valid yet; is the issuer's clock right?", 0},
	{IdentityWrongIssuer, codes.Unauthenticated, "the identity token is of another issuer", 0},
	{IdentityWrongAudience, codes.Unauthenticated, "the identity token is for another audience", 0},
	{IdentityIncomplete, codes.Unauthenticated, "the identity token does not say who the player is, or until when it is valid", 0},
	{CallerUnknown, codes.Unauthenticated, "the internal port needs a client certificate, or a token of --internal-token-file", 0},

	{PlayersNotTrusted, codes.PermissionDenied, "players can be named by id on the internal port only", 0},
	{RoleNotAllowed, codes.PermissionDenied, "the caller's role on the internal port may not call this method", 0},
	{GuestRevoked, codes.PermissionDenied, "this guest may not play here any more", 0},
	{NotPartyLeader, codes.PermissionDenied, "only the party's leader may start its search", 0},
	{NotRoomOwner, codes.PermissionDenied, "only the room's owner may change it and start its match", 0},
	{Banned, codes.PermissionDenied, "you are banned", 0},

	{Cooldown, codes.FailedPrecondition, "the player has left or declined matches and has to wait", soon},
	{GuestsNotAllowed, codes.FailedPrecondition, "this queue is for players with an account; guests can't search in it", 0},
	{VersionNotServed, codes.FailedPrecondition, "no live server runs this version of the game", 0},
	{InMatch, codes.FailedPrecondition, "the player sits in a rated match; ask for match_id to go back, or set replace to leave it", 0},
	{PartyFull, codes.FailedPrecondition, "the party is full", 0},
	{RoomFull, codes.FailedPrecondition, "the room is full", 0},
	{ProposalGone, codes.FailedPrecondition, "this match is not proposed (any more)", 0},
	{BanNotConfirmed, codes.FailedPrecondition, "a ban of addresses must be confirmed", 0},
	{NotInMatch, codes.FailedPrecondition, "you have not played in this match, or it ended too long ago", 0},

	{TicketUnknown, codes.NotFound, "no such ticket; it may have ended long ago", 0},
	{PartyUnknown, codes.NotFound, "there is no party with this code (any more)", 0},
	{RoomUnknown, codes.NotFound, "there is no room with this code (any more)", 0},
	{QueueUnrated, codes.NotFound, "this queue keeps no ratings", 0},
	{PlayerUnknown, codes.NotFound, "no player is known here by this id, or no game server has seen the player in the last day", 0},
	{PlayerNotSeated, codes.NotFound, "the player has no seat now", 0},
	{MatchUnknown, codes.NotFound, "no game server runs this match", 0},
	{ServerUnknown, codes.NotFound, "no such game server is live", 0},
	{BanUnknown, codes.NotFound, "there is no such ban (any more)", 0},
	{ReportUnknown, codes.NotFound, "there is no such report (any more)", 0},

	{TooManyFromAddress, codes.ResourceExhausted, "too many searches from your network; try again in a moment", soon},
	{TooManyFromPlayer, codes.ResourceExhausted, "you search too often; try again in a moment", soon},
	{TooManyCodes, codes.ResourceExhausted, "too many codes tried from your network; try again in a minute", later},
	{TooManyRooms, codes.ResourceExhausted, "you, or players of your network, have too many rooms open; leave one or try again in a minute", later},
	{TooManyReads, codes.ResourceExhausted, "too many requests from your network; try again in a moment", soon},
	{TooManyWatches, codes.ResourceExhausted, "too many pages of your network are waiting; try again in a moment", later},
	{WatchReplaced, codes.FailedPrecondition, "the same search is watched by newer pages", 0},
	{TooManyTickets, codes.ResourceExhausted, "too many players are searching; try again in a moment", later},
	{TooManyReports, codes.ResourceExhausted, "you report too often; try again in a minute", later},
	{TooManyBans, codes.ResourceExhausted, "there are 10,000 bans; lift some first", later},
	{ServerSilent, codes.Unavailable, "the game server did not answer; try again", soon},
	{ServersFull, codes.ResourceExhausted, "no game server has room for another match; try again in a moment", later},
	{NoServer, codes.Unavailable, "no game server has registered yet; try again in a moment", soon},
	{Starting, codes.Unavailable, "this matchmaker is starting; try again", soon},
	{Stopping, codes.Unavailable, "this matchmaker is stopping; try again", soon},
	{StoreUnavailable, codes.Unavailable, "the matchmaker can't store this now; try again in a moment", soon},
	{ReplicaUnreachable, codes.Unavailable, "the matchmaker that has this queue can't be reached from the one that you asked; try again in a moment", soon},
	{KeysUnavailable, codes.Unavailable, "the keys of the identity tokens' issuer could not be fetched yet; try again in a moment", later},
	{DeadlineExceeded, codes.DeadlineExceeded, "the call took longer than its deadline", 0},
	{Cancelled, codes.Canceled, "the caller has cancelled the call", 0},
	{GameError, codes.Internal, "the match could not be made because of an error in the game's rules", 0},
	{Internal, codes.Internal, "internal error", 0},
}

var byReason = func() map[Reason]Kind {
	all := make(map[Reason]Kind, len(kinds))
	for _, k := range kinds {
		all[k.Reason] = k
	}
	return all
}()

// All lists all reasons, by code and in a fixed order. The slice is the caller's.
func All() []Kind { return slices.Clone(kinds) }

// Kind describes the reason. An unknown reason counts as [Internal].
func (r Reason) Kind() Kind {
	if k, ok := byReason[r]; ok {
		return k
	}
	return byReason[Internal]
}
