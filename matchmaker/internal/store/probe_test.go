package store

import (
	"strings"
	"testing"
)

func TestStore_supports(t *testing.T) {
	for _, tt := range []struct {
		version, cluster string
		replicas         int
		want             []string
	}{
		{"2.12.1", "c", 3, nil},
		{"3.0.0", "c", 3, nil},
		{"2.13.0-RC.1", "", 1, nil},
		{"2.11.9", "c", 3, []string{"2.11.9"}},
		{"", "c", 1, []string{"version"}},
		{"2.9.0", "", 3, []string{"2.9.0", "not a cluster"}},
	} {
		s := &Store{cfg: Config{URL: "nats://user:secret@host:4222", Replicas: tt.replicas}}
		err := s.supports(tt.version, tt.cluster)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("%+v: %v", tt, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%+v: %v", tt, err)
			}
		}
	}
}
