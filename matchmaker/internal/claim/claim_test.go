package claim_test

import (
	"testing"

	"tactus/matchmaker/internal/claim"
	"tactus/matchmaker/internal/store/storetest"
)

func open(t *testing.T) *claim.Claims {
	t.Helper()
	claims, err := claim.New(t.Context(), storetest.Embedded(t))
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestClaims_takeReturnsTheClaimThatStands(t *testing.T) {
	claims, ctx := open(t), t.Context()
	first, conflict, err := claims.Take(ctx, "ann", claim.Claim{Ticket: "t-1", Request: "r-1"}, 0)
	if err != nil || conflict != nil || first == 0 {
		t.Fatalf("first claim: %d %v %v", first, conflict, err)
	}
	if _, conflict, err = claims.Take(ctx, "bob", claim.Claim{Ticket: "t-2"}, 0); err != nil || conflict != nil {
		t.Errorf("another player's claim: %v %v", conflict, err)
	}
	revision, conflict, err := claims.Take(ctx, "ann", claim.Claim{Ticket: "t-3"}, 0)
	if err != nil || revision != 0 || conflict == nil {
		t.Fatalf("second claim: %d %v %v", revision, conflict, err)
	}
	if conflict.Ticket != "t-1" || conflict.Request != "r-1" || conflict.Revision != first {
		t.Errorf("conflict %+v, want t-1 at revision %d", conflict, first)
	}
	if revision, conflict, err = claims.Take(ctx, "ann", claim.Claim{Ticket: "t-3"}, conflict.Revision); err != nil || conflict != nil || revision <= first {
		t.Errorf("with the conflict's revision: %d %v %v", revision, conflict, err)
	}
}

func TestClaims_takeReplacesOnlyTheGivenRevision(t *testing.T) {
	claims, ctx := open(t), t.Context()
	old, _, err := claims.Take(ctx, "ann", claim.Claim{Ticket: "t-1"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	current, _, err := claims.Take(ctx, "ann", claim.Claim{Ticket: "t-2"}, old)
	if err != nil {
		t.Fatal(err)
	}
	_, conflict, err := claims.Take(ctx, "ann", claim.Claim{Ticket: "t-3"}, old)
	if err != nil || conflict == nil || conflict.Ticket != "t-2" || conflict.Revision != current {
		t.Errorf("by an old revision: %+v %v", conflict, err)
	}
}
