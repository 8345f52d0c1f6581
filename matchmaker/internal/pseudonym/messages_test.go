package pseudonym

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// harmless are the texts of answers that never hold a player's id.
var harmless = strings.Fields(`
	Assignment.game Assignment.join_token Assignment.match_id Assignment.mode Assignment.queue
	Assignment.room_code Assignment.rules_version Assignment.server_id Assignment.url
	CreatePartyResponse.guest_token CreatePartyResponse.member_id CreatePartyResponse.party_code CreatePartyResponse.player_name
	CreateRoomResponse.guest_token CreateRoomResponse.match_id CreateRoomResponse.member_id CreateRoomResponse.player_name
	CreateRoomResponse.room_code
	CreateTicketResponse.guest_token CreateTicketResponse.member_tickets CreateTicketResponse.player_name CreateTicketResponse.ticket_id
	GameInfo.name GameInfo.title GameInfo.version
	JoinPartyResponse.guest_token JoinPartyResponse.member_id JoinPartyResponse.player_name
	JoinRoomResponse.guest_token JoinRoomResponse.member_id JoinRoomResponse.player_name JoinRoomResponse.room_code
	LabelsEntry.key LabelsEntry.value
	MatchProposal.match_id
	Member.player_name
	ModeInfo.name ModeInfo.title
	OpenMatch.game OpenMatch.match_id OpenMatch.mode
	Option.name OptionInfo.name
	QueueInfo.game QueueInfo.mode QueueInfo.name QueueInfo.rules_version QueueInfo.title
	RatedMatch.match_id RatedMatch.mode
	Rating.player_name
	StartRoomResponse.ticket_id
	WatchPartyResponse.party_code WatchPartyResponse.room_code WatchPartyResponse.room_member_id WatchPartyResponse.ticket_id
	WatchRoomResponse.game WatchRoomResponse.match_id WatchRoomResponse.message WatchRoomResponse.mode WatchRoomResponse.room_code
	WatchRoomResponse.ticket_id
	WatchTicketResponse.message WatchTicketResponse.queue WatchTicketResponse.rules_version
`)

// methods calls f with request and response of each method for players.
func methods(f func(name string, request, response protoreflect.MessageDescriptor)) {
	service := matchmakerv1.File_tactus_matchmaker_v1_matchmaker_proto.Services().ByName("MatchmakerService")
	for i := range service.Methods().Len() {
		m := service.Methods().Get(i)
		f(string(m.Name()), m.Input(), m.Output())
	}
}

// eachText calls f with each field of a message, and of those in it, that can hold a
// text.
func eachText(d protoreflect.MessageDescriptor, f func(protoreflect.FieldDescriptor)) {
	for i := range d.Fields().Len() {
		switch field := d.Fields().Get(i); field.Kind() {
		case protoreflect.StringKind, protoreflect.BytesKind:
			f(field)
		case protoreflect.MessageKind:
			eachText(field.Message(), f)
		default:
		}
	}
}

// A new text in an answer must be named so that it is replaced, or be listed here.
func TestPublish_knowsEveryTextOfTheAnswers(t *testing.T) {
	unseen := make(map[string]bool)
	for _, name := range harmless {
		unseen[name] = true
	}
	methods(func(method string, _, response protoreflect.MessageDescriptor) {
		eachText(response, func(field protoreflect.FieldDescriptor) {
			name := fmt.Sprintf("%s.%s", field.Parent().Name(), field.Name())
			switch siblings := field.Parent().(protoreflect.MessageDescriptor).Fields(); {
			case field.Name() == publicField:
			case namesPlayer(field):
				if siblings.ByName(publicField) == nil {
					t.Errorf("%s: %s has no public_id beside it, for callers of the internal port", method, name)
				}
			case slices.Contains(harmless, name):
				delete(unseen, name)
			default:
				t.Errorf("%s: may players see %s? A player's id must be named player_id or end so; list other texts here", method, name)
			}
		})
	})
	for name := range unseen {
		t.Errorf("there is no %s any more", name)
	}
}

func TestPublish_leavesNoPrivateID(t *testing.T) {
	p, filled := New(testKey()), 0
	methods(func(method string, _, response protoreflect.MessageDescriptor) {
		m := newMessage(t, response)
		n := fill(m.ProtoReflect())
		filled += n
		p.Publish(m)
		text := prototext.Format(m)
		if strings.Contains(text, `"u-`) || strings.Contains(text, publicField) || strings.Count(text, p.Public(ada)) != n {
			t.Errorf("%s: of %d players players see %s", method, n, text)
		}
	})
	if filled == 0 {
		t.Error("no answer names a player")
	}
}

func newMessage(t *testing.T, d protoreflect.MessageDescriptor) proto.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		t.Fatal(err)
	}
	return kind.New().Interface()
}

// fill sets all players and messages of a message. It returns the number of players.
func fill(m protoreflect.Message) (players int) {
	for i := range m.Descriptor().Fields().Len() {
		switch field := m.Descriptor().Fields().Get(i); {
		case namesPlayer(field):
			m.Set(field, protoreflect.ValueOfString(ada))
			players++
		case field.Name() == publicField:
			m.Set(field, protoreflect.ValueOfString("p-of the internal port"))
		case field.Kind() != protoreflect.MessageKind || field.IsMap():
		case field.IsList():
			players += fill(m.Mutable(field).List().AppendMutable().Message())
		default:
			players += fill(m.Mutable(field).Message())
		}
	}
	return players
}

func TestAsksByPrivate_seesEveryPlayerOfTheRequests(t *testing.T) {
	asked := 0
	methods(func(method string, request, _ protoreflect.MessageDescriptor) {
		eachText(request, func(field protoreflect.FieldDescriptor) {
			if !namesPlayer(field) {
				return
			}
			if field.Parent() != request { // refused at the public port, whatever the id is
				if got := field.Parent().FullName(); got != "tactus.matchmaker.v1.Player" {
					t.Errorf("%s: %s is not looked at", method, got)
				}
				return
			}
			asked++
			m := newMessage(t, request)
			for id, want := range map[string]bool{ada: true, "g-3q7x": false, "p-x": false} {
				m.ProtoReflect().Set(field, protoreflect.ValueOfString(id))
				if AsksByPrivate(m) != want {
					t.Errorf("%s by %s: %v", method, id, !want)
				}
			}
		})
	})
	if asked != 3 {
		t.Errorf("%d requests ask for a player, want 3", asked)
	}
}
