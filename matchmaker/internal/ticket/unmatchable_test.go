package ticket

import (
	"encoding/json"
	"strings"
	"testing"
)

// Replicas of earlier releases know the message alone, and send an empty one for a
// ticket that can be matched.
func TestUnmatchable_isSentAsItsMessage(t *testing.T) {
	for _, u := range []Unmatchable{{}, NewUnmatchable(RoomFull), NewVersionDiffers("2", "1")} {
		sent, err := json.Marshal(&Ticket{ID: "t-1", Unmatchable: u})
		if err != nil {
			t.Fatal(err)
		}
		quoted, _ := json.Marshal(u.Message)
		if want := `"Doomed":` + string(quoted); !strings.Contains(string(sent), want) {
			t.Errorf("%s does not hold %s", sent, want)
		}
		var received Ticket
		if err := json.Unmarshal(sent, &received); err != nil {
			t.Fatal(err)
		}
		if got := received.Unmatchable; got.Message != u.Message || (got.Reason == Matchable) != (u.Reason == Matchable) {
			t.Errorf("%+v arrives as %+v", u, got)
		}
	}
}
