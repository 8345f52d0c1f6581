package jsonbody

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

var (
	create = (*matchmakerv1.CreateTicketRequest)(nil).ProtoReflect().Descriptor()
	watch  = (*matchmakerv1.WatchTicketResponse)(nil).ProtoReflect().Descriptor() // has an enumeration
)

func TestCheck_acceptsMatchingDocuments(t *testing.T) {
	for _, document := range []string{
		`{}`, ` {"game":"arena","mode":null} `, `{"player_name":"Ann","guestToken":""}`,
		`{"latencyMs":{"eu":24,"us":"80","ap":1.2e2}}`, `{"players":[{"playerId":"ann","skill":1500.5},{"playerId":"bob","skill":"NaN"}]}`,
		`{"attributes":{"map":{"values":["a","b"]}}}`,
	} {
		if unknown, err := Check([]byte(document), create); err != nil || len(unknown) > 0 {
			t.Errorf("%s: %v, unknown %v", document, err, unknown)
		}
	}
	if unknown, err := Check([]byte(`{"state":"STATE_ENDED","reason":3}`), watch); err != nil || len(unknown) > 0 {
		t.Errorf("%v, unknown %v", err, unknown)
	}
}

func TestCheck_listsUnknownNamesWithTheirPaths(t *testing.T) {
	for document, want := range map[string]string{
		`{"gameVersion":"3"}`:                          "gameVersion version",
		`{"Game":"arena"}`:                             "Game game",
		`{"playername":"Ann"}`:                         "playername playerName",
		`{"player-name":"Ann"}`:                        "player-name playerName",
		`{"latncyMs":{}}`:                              "latncyMs latencyMs",
		`{"colour":"red"}`:                             "colour ",
		`{"":1}`:                                       " ",
		`{"a.b":[[{"c":1}],2],"game":"x","zz":{}}`:     "a.b ,zz ",
		`{"players":[{},{"playerID":"x"}]}`:            "players[1].playerID playerId",
		`{"attributes":{"map":{"value":["a"]}}}`:       "attributes[map].value values",
		"{" + strings.Repeat(`"x1":0,`, 99) + `"x":0}`: strings.Repeat("x1 ,", 7) + "x1 ",
	} {
		unknown, err := Check([]byte(document), create)
		list := make([]string, len(unknown))
		for i, u := range unknown {
			list[i] = u.Path + " " + u.Nearest
		}
		if got := strings.Join(list, ","); got != want || err != nil && !strings.Contains(document, "x1") {
			t.Errorf("%.60s: %q, %v; want %q", document, got, err, want)
		}
	}
	unknown, err := Check([]byte(`{"state":"STATE_SEARCHED"}`), watch)
	if err != nil || len(unknown) != 1 || unknown[0].Path != "state=STATE_SEARCHED" || unknown[0].Nearest != "STATE_SEARCHING" {
		t.Errorf("%v, %v", unknown, err)
	}
}

func TestCheck_rejectsWrongValues(t *testing.T) {
	for document, path := range map[string]string{
		`{"game":7}`: "game", `{"game":["a"]}`: "game", `{"game":{}}`: "game", `{"game":true}`: "game",
		`{"latencyMs":[]}`: "latency_ms", `{"latencyMs":{"eu":-1}}`: "latency_ms[eu]", `{"latencyMs":{"eu":4294967296}}`: "latency_ms[eu]",
		`{"latencyMs":{"eu":1.5}}`: "latency_ms[eu]", `{"latencyMs":{"eu":"NaN"}}`: "latency_ms[eu]", `{"latencyMs":{"eu":null}}`: "latency_ms[eu]",
		`{"latencyMs":{"eu":" 1"}}`: "latency_ms[eu]", `{"latencyMs":{"eu":1e999}}`: "latency_ms[eu]",
		`{"players":{}}`: "players", `{"players":[1]}`: "players[0]", `{"players":[{},{"skill":"much"}]}`: "players[1].skill",
		`{"players":[{"skill":1e999}]}`: "players[0].skill", `{"attributes":{"map":{"values":["a",null]}}}`: "attributes[map].values[1]",
	} {
		_, err := Check([]byte(document), create)
		var field *FieldError
		if !errors.As(err, &field) || field.Path != path || field.Want == "" || field.Got == "" {
			t.Errorf("%s: %v, want one about %s", document, err, path)
		}
	}
	var field *FieldError
	if _, err := Check([]byte(`{"state":true}`), watch); !errors.As(err, &field) || field.Path != "state" {
		t.Errorf("%v", err)
	}
}

func TestCheck_rejectsMalformedDocuments(t *testing.T) {
	for document, path := range map[string]string{
		``: "", ` `: "", `null`: "", `[]`: "", `"x"`: "", `{`: "", `{"game"`: "game", `{"game":`: "game", `{"game":NaN}`: "game",
		`{"latencyMs":{"eu":NaN}}`: "latency_ms[eu]", `{"game":"a"}{}`: "", `{"game":"a"} x`: "", `{'game':1}`: "", `{"game":"a",}`: "game",
		`{"game":"a","game":"b"}`: "", `{"game":"` + "\xff" + `"}`: "",
		`{"x":` + strings.Repeat("[", 1000): "x", `{"x":` + strings.Repeat(`{"x":`, 1000): "x",
	} {
		_, err := Check([]byte(document), create)
		var malformed *MalformedError
		if !errors.As(err, &malformed) || malformed.Path != path || malformed.Text == "" {
			t.Errorf("%.40s: %#v, want one at %q", document, err, path)
		}
	}
}

// What passes is what protojson takes, and what is unknown is what it would
// refuse by itself.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"game":"arena","players":[{"playerId":"ann","skill":1e3}],"latencyMs":{"eu":"24"}}`, `{"attributes":{"a":{"values":["b"]}}}`,
		`{"gameVersion":"3"}`, `{"game":[[[{}]]]}`, `{"state":"STATE_ENDED","waitedMs":1.0,"assignment":{"team":-1}}`, "{\"\xff\":1}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		for _, message := range []protoreflect.MessageDescriptor{create, watch} {
			unknown, err := Check([]byte(document), message)
			strict := protojson.Unmarshal([]byte(document), dynamicpb.NewMessage(message))
			if err == nil && len(unknown) == 0 && strict != nil {
				t.Errorf("passes, but protojson says: %v", strict)
			}
			if (err != nil || len(unknown) > 0) && strict == nil {
				t.Errorf("protojson takes what is refused: %v, unknown %v", err, unknown)
			}
			if len(unknown) > maxUnknown || len(fmt.Sprint(err)) > 2*len(document)+1000 {
				t.Errorf("%d unknown names, an error of %d bytes", len(unknown), len(fmt.Sprint(err)))
			}
		}
	})
}
