package matchmaker_test

import (
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/golang-jwt/jwt/v5"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"tactus/matchmaker/internal/failure"
	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
	"tactus/protocol/rpc/tactus/matchmaker/v1/matchmakerv1connect"
)

// asks calls a method and returns whether the answer holds an id of the issuer.
func (c caller) asks(e *edge, method string, req, res proto.Message) (private bool) {
	e.t.Helper()
	if err := c.call(e.context(), method, req, res); err != nil {
		e.t.Fatalf("%s: %s: %v", c.name, method, err)
	}
	return strings.Contains(prototext.Format(res), `"u-`)
}

// as is a token of the issuer for a user.
func (e *edge) as(user string) string {
	return e.identity(e.issuer, func(c jwt.MapClaims) { c["sub"] = user })
}

func TestPublicPort_showsNoIDsOfTheIssuer(t *testing.T) {
	e := startEdge(t, nil)
	type (
		party  = matchmakerv1.CreatePartyResponse
		member = matchmakerv1.JoinPartyResponse
	)
	ada, bob, watched := new(party), new(member), new(matchmakerv1.GetPartyResponse)
	if e.public.asks(e, "CreateParty", &matchmakerv1.CreatePartyRequest{IdentityToken: e.as("ada@example.com")}, ada) ||
		e.public.asks(e, "JoinParty", &matchmakerv1.JoinPartyRequest{PartyCode: ada.GetPartyCode(), IdentityToken: e.as("bob")}, bob) ||
		e.public.asks(e, "GetParty", &matchmakerv1.GetPartyRequest{MemberId: ada.GetMemberId()}, watched) {
		t.Errorf("players see %v, %v, %v", ada, bob, watched)
	}
	members := watched.GetParty().GetMembers()
	if !strings.HasPrefix(ada.GetPlayerId(), "p-") || members[0].GetPlayerId() != ada.GetPlayerId() || members[1].GetPlayerId() != bob.GetPlayerId() {
		t.Errorf("the ids differ: %v, %v, %v", ada, bob, watched)
	}
	stream, err := matchmakerv1connect.NewMatchmakerServiceClient(http.DefaultClient, e.publicURL).WatchParty(e.context(), connect.NewRequest(&matchmakerv1.WatchPartyRequest{MemberId: ada.GetMemberId()}))
	if err != nil {
		t.Fatal(err)
	}
	if !stream.Receive() || !proto.Equal(stream.Msg(), watched.GetParty()) {
		t.Errorf("a watch has %v %v, a poll %v", stream.Msg(), stream.Err(), watched)
	}
	_ = stream.Close()

	room, entered, seen := new(matchmakerv1.CreateRoomResponse), new(matchmakerv1.JoinRoomResponse), new(matchmakerv1.GetRoomResponse)
	if e.public.asks(e, "CreateRoom", &matchmakerv1.CreateRoomRequest{Game: "arena", Mode: "ffa", IdentityToken: e.as("ada@example.com")}, room) ||
		e.public.asks(e, "JoinRoom", &matchmakerv1.JoinRoomRequest{RoomCode: room.GetRoomCode(), IdentityToken: e.as("bob")}, entered) ||
		e.public.asks(e, "GetRoom", &matchmakerv1.GetRoomRequest{MemberId: room.GetMemberId()}, seen) {
		t.Errorf("players see %v, %v, %v", room, entered, seen)
	}
	if members := seen.GetRoom().GetMembers(); room.GetPlayerId() != ada.GetPlayerId() || members[1].GetPlayerId() != bob.GetPlayerId() {
		t.Errorf("another pseudonym: %v, %v", room, seen)
	}
	inside := new(matchmakerv1.GetPartyResponse)
	e.native.asks(e, "GetParty", &matchmakerv1.GetPartyRequest{MemberId: ada.GetMemberId()}, inside)
	if m := inside.GetParty().GetMembers()[0]; m.GetPlayerId() != "u-ada@example.com" || m.GetPublicId() != ada.GetPlayerId() {
		t.Errorf("the internal port answers %v", m)
	}
}

func TestSeats_haveThePublicID(t *testing.T) {
	w, _ := withRules(t, choosy, nil)
	server := w.server("s1", nil)
	p := w.search(&matchmakerv1.CreateTicketRequest{Game: "arena", Mode: "ffa", Players: []*matchmakerv1.Player{{PlayerId: "u-ada"}}})
	p.assigned()
	guest := w.quickPlay()
	guest.assigned()
	public := make(map[string]string)
	server.look(func() {
		for _, r := range server.asked {
			for _, seat := range r.GetSeats() {
				public[seat.GetPlayerId()] = seat.GetPublicId()
			}
		}
	})
	if !strings.HasPrefix(p.GetPublicId(), "p-") || public["u-ada"] != p.GetPublicId() || public[guest.GetPlayerId()] != "" {
		t.Errorf("the seats have %v; CreateTicket answers %v", public, p)
	}
}

func TestRatings_areAskedByPublicID(t *testing.T) {
	w, _ := withRules(t, "queue: duel\ngame: arena\nmode: duel\nrated: true\n", trusting)
	e := &edge{world: w, native: caller{"native", w.byGRPC}, public: caller{"public", w.byConnect(w.behindProxy(), "")}}
	server := w.server("s1", nil)
	for _, m := range []string{"m-1", "m-2", "m-3"} {
		server.result(m, "duel", "u-ada", "g-bob")
	}
	public := w.ratingAfter("duel", "u-ada", 3).GetRating().GetPublicId()
	rating, board, history := new(matchmakerv1.GetRatingResponse), new(matchmakerv1.ListLeaderboardResponse), new(matchmakerv1.ListHistoryResponse)
	if e.public.asks(e, "GetRating", &matchmakerv1.GetRatingRequest{Queue: "duel", PlayerId: public}, rating) || rating.GetRating().GetMatches() != 3 ||
		rating.GetRating().GetPlayerId() != public || rating.GetLast().GetMatchId() != "m-3" {
		t.Errorf("rating of %s: %v", public, rating)
	}
	around := &matchmakerv1.ListLeaderboardRequest{Queue: "duel", AroundPlayerId: public}
	e.public.asks(e, "ListLeaderboard", around, board)
	if got := board.GetRatings(); len(got) != 2 || got[0].GetPlayerId() != public || got[1].GetPlayerId() != "g-bob" || got[0].GetPublicId() != "" {
		t.Errorf("leaderboard %v", board)
	}
	e.public.asks(e, "ListHistory", &matchmakerv1.ListHistoryRequest{Queue: "duel", PlayerId: public}, history)
	if got := history.GetMatches(); len(got) == 0 || got[0].GetMatchId() != "m-3" {
		t.Errorf("history %v", history)
	}
	operator := new(matchmakerv1.GetRatingResponse)
	e.native.asks(e, "GetRating", &matchmakerv1.GetRatingRequest{Queue: "duel", PlayerId: public}, operator)
	if got := operator.GetRating(); got.GetPlayerId() != "u-ada" || got.GetPublicId() != public {
		t.Errorf("the internal port answers %v", got)
	}
	for _, guessed := range []string{"u-ada", "u-nobody"} { // an answer would tell whose pseudonym it is
		e.public.refuses(t, "GetRating", &matchmakerv1.GetRatingRequest{Queue: "duel", PlayerId: guessed}, rating, failure.PlayerUnknown, "")
		e.public.refuses(t, "ListHistory", &matchmakerv1.ListHistoryRequest{Queue: "duel", PlayerId: guessed}, history, failure.PlayerUnknown, "")
		e.public.refuses(t, "ListLeaderboard", &matchmakerv1.ListLeaderboardRequest{Queue: "duel", AroundPlayerId: guessed}, board, failure.PlayerUnknown, "")
	}
}
