package cluster

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"tactus/matchmaker/internal/store"
)

func open(t *testing.T) (*Cluster, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.ErrorLevel)
	c, err := Open(t.Context(), Config{Self: store.Member{ID: "a", Address: "a:1"}}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	return c, logs
}

func TestCluster_closeEndsWhatGoRuns(t *testing.T) {
	c, logs := open(t)
	ended := false
	c.Go("failing", func(context.Context) error { return errors.New("broken") })
	c.Go("waiting", func(ctx context.Context) error {
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	c.Close()
	if !ended {
		t.Error("Close did not wait")
	}
	if all := logs.All(); len(all) != 1 || all[0].ContextMap()["name"] != "failing" {
		t.Errorf("logs %v", all)
	}
}

func TestCluster_embeddedStoreHasOneReplica(t *testing.T) {
	c, _ := open(t)
	defer c.Close()
	if c.HasSuccessors() || !c.IsLive("a:1") || c.IsLive("b:1") {
		t.Errorf("replicas %v", c.Members().Live())
	}
}

func TestCluster_openReturnsAMistakeOfTheStore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Config{Store: store.Config{URL: "nats://127.0.0.1:1"}}, zap.NewNop()); err == nil {
		t.Error("opened without a store")
	}
}
