package privatematch

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"tactus/matchmaker/internal/failure"
	"tactus/matchmaker/internal/room"
)

func TestSettings_boundOptionsAndLabels(t *testing.T) {
	options := make([]room.Option, maxOptions+1)
	labels := make(map[string]string)
	for i := range options {
		options[i].Name = fmt.Sprint("option-", i)
	}
	for i := range maxLabels + 1 {
		labels[fmt.Sprint("label-", i)] = "text"
	}
	long := strings.Repeat("x", maxText+1)
	for name, tt := range map[string]struct {
		err  error
		want failure.Reason
	}{
		"options":              {checkOptions(options[:maxOptions]), ""},
		"too many options":     {checkOptions(options), failure.BadOption},
		"option without name":  {checkOptions([]room.Option{{Value: 1}}), failure.BadOption},
		"option's long name":   {checkOptions([]room.Option{{Name: long}}), failure.BadOption},
		"option is not UTF-8":  {checkOptions([]room.Option{{Name: "\xff"}}), failure.BadOption},
		"too many labels":      {labelError(labels), failure.BadLabel},
		"label without a name": {labelError(map[string]string{"": "text"}), failure.BadLabel},
		"label's long text":    {labelError(map[string]string{"title": long}), failure.BadLabel},
	} {
		if reason, _ := failure.ReasonOf(tt.err); reason != tt.want || (tt.err == nil) != (tt.want == "") {
			t.Errorf("%s: %v, want %q", name, tt.err, tt.want)
		}
	}
}

func labelError(labels map[string]string) error {
	_, err := cleanLabels(labels)
	return err
}

func TestSettings_cleanLabels(t *testing.T) {
	clean, err := cleanLabels(map[string]string{"title": " Friday\u202e night\n"})
	if err != nil || !maps.Equal(clean, map[string]string{"title": "Friday night"}) {
		t.Errorf("%q %v", clean, err)
	}
}
