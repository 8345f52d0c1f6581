package fleet

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tactus/protocol/rpc/refusal"
	fleetv1 "tactus/protocol/rpc/tactus/fleet/v1"
)

func idInUse(t *testing.T) error {
	t.Helper()
	s, err := status.New(codes.FailedPrecondition, "server id s1 is in use").WithDetails(&errdetails.ErrorInfo{
		Reason: refusal.ServerIDInUse, Domain: refusal.Domain, Metadata: map[string]string{"address": "192.0.2.1", "url": "ws://a/play", "age": "5m0s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestLink_waitsWhileAnotherProcessHasTheID(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	now := time.Unix(1_800_000_000, 0)
	c := New(Config{now: func() time.Time { return now }}, newHost(), zap.New(core))
	l := &link{client: c, addr: addrA}
	refused := idInUse(t)
	for range 90 { // three minutes of attempts
		if wait := l.waitAfter(refused); wait != 2*time.Second {
			t.Fatalf("waits %s", wait)
		}
		l.logFailure(refused, false)
		now = now.Add(2 * time.Second)
	}
	if logs.Len() != 3 {
		t.Errorf("%d lines in three minutes, want one a minute", logs.Len())
	}
	if f := logs.All()[0].ContextMap(); f["other"] != "192.0.2.1" || f["other_age"] != "5m0s" || f["hint"] == "" {
		t.Errorf("line %v", f)
	}
	if got := c.IDInUse(); got != "192.0.2.1" {
		t.Errorf("the other is at %q", got)
	}
	if l.waitAfter(errors.New("away")); c.IDInUse() != "" {
		t.Error("another failure, and the id is still in use")
	}
}

func TestClient_answersPingWithALoad(t *testing.T) {
	h := newHost()
	_, _, l, _ := pair(t, h) // loads are wanted once a minute
	next(t, l, "the first load", (*fleetv1.ConnectRequest).GetLoad)
	h.setPlayers(7)
	l.send(&fleetv1.ConnectResponse{Message: &fleetv1.ConnectResponse_Ping{Ping: &fleetv1.Ping{}}})
	if load := next(t, l, "the answer", (*fleetv1.ConnectRequest).GetLoad); load.GetPlayers() != 7 {
		t.Errorf("%d players", load.GetPlayers())
	}
}
