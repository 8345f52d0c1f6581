package tactuscmd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	matchmakerv1 "tactus/protocol/rpc/tactus/matchmaker/v1"
)

// issuer writes the public key of an issuer and returns a token of its.
func (r *reader) issuer() string {
	r.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("issuer.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "https://login.example.com/", "aud": "my-game", "sub": "4711", "name": "Ada", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(private)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

// rankedMatch lets ten players search, who accept, and looks where they play: in
// one match near them, five on each side.
func (r *reader) rankedMatch(request string) {
	r.t.Helper()
	var search matchmakerv1.CreateTicketRequest
	if err := protojson.Unmarshal([]byte(request), &search); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var players errgroup.Group
	assigned := make([]*matchmakerv1.Assignment, 10)
	for i := range assigned {
		players.Go(func() (err error) {
			assigned[i], err = r.acceptAndPlay(ctx, proto.CloneOf(&search))
			return err
		})
	}
	if err := players.Wait(); err != nil {
		r.t.Error(err)
		return
	}
	sides := make(map[int32]int)
	for _, a := range assigned {
		sides[a.GetTeam()]++
		if a.GetMatchId() != assigned[0].GetMatchId() || !strings.Contains(a.GetUrl(), r.local("127.0.0.1:8081")) || a.GetQueue() != search.GetQueue() {
			r.t.Errorf("assigned to %v", a)
		}
	}
	if len(sides) != 2 || sides[0] != 5 || sides[1] != 5 {
		r.t.Errorf("players by side: %v", sides)
	}
}

func (r *reader) acceptAndPlay(ctx context.Context, search *matchmakerv1.CreateTicketRequest) (*matchmakerv1.Assignment, error) {
	c := r.client()
	created, err := c.CreateTicket(ctx, connect.NewRequest(search))
	if err != nil {
		return nil, err
	}
	id := created.Msg.GetTicketId()
	watch, err := c.WatchTicket(ctx, connect.NewRequest(&matchmakerv1.WatchTicketRequest{TicketId: id}))
	if err != nil {
		return nil, err
	}
	defer watch.Close()
	asked := false
	for watch.Receive() {
		switch m := watch.Msg(); m.GetState() {
		case matchmakerv1.WatchTicketResponse_STATE_PROPOSED:
			asked = true
			if m.GetProposal().GetAcceptedByYou() {
				continue
			}
			_, err := c.AcceptMatch(ctx, connect.NewRequest(&matchmakerv1.AcceptMatchRequest{
				TicketId: id, MatchId: m.GetProposal().GetMatchId(), Accept: true,
			}))
			if err != nil && connect.CodeOf(err) != connect.CodeFailedPrecondition {
				return nil, err
			}
		case matchmakerv1.WatchTicketResponse_STATE_ASSIGNED:
			if !asked {
				return nil, fmt.Errorf("no player was asked to accept")
			}
			return m.GetAssignment(), nil
		case matchmakerv1.WatchTicketResponse_STATE_ENDED:
			return nil, fmt.Errorf("ended by %v: %s", m.GetReason(), m.GetMessage())
		default:
		}
	}
	return nil, fmt.Errorf("the watch ended: %w", watch.Err())
}

// checkTypes lets the TypeScript compiler check examples against the client's
// sources.
func checkTypes(t *testing.T, examples []string) {
	t.Helper()
	node := needsProgram(t, "node")
	client, err := filepath.Abs("../client-js")
	if err != nil {
		t.Fatal(err)
	}
	compiler := filepath.Join(client, "node_modules/typescript/bin/tsc")
	if _, err := os.Stat(compiler); err != nil {
		if os.Getenv("TACTUS_EXAMPLES") != "" {
			t.Fatalf("the examples can't be checked: %v", err)
		}
		t.Skipf("the examples can't be checked (make setup): %v", err)
	}
	dir := t.TempDir()
	for i, example := range examples {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("example%d.ts", i)), []byte(example), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := json.Marshal(map[string]any{
		"include": []string{"*.ts"},
		"compilerOptions": map[string]any{
			"target": "ES2022", "module": "ESNext", "moduleResolution": "Bundler", "lib": []string{"ES2022", "DOM", "DOM.Iterable"},
			"types": []string{}, "strict": true, "noEmit": true, "allowImportingTsExtensions": true, "skipLibCheck": true,
			"paths": map[string][]string{"tactus": {client + "/src/index.ts"}, "tactus/lobby": {client + "/src/lobby.ts"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tsconfig.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), node, compiler, "-p", dir).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
