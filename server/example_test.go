package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"go.uber.org/zap"

	"tactus/game/tag"
	"tactus/server"
)

// A server listens, registers with the matchmakers and hosts matches until its
// context ends. A program takes the context from [os/signal.NotifyContext].
func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	stop() // so that this example ends

	err := server.Run(ctx, server.Config{
		PublicAddr:  "127.0.0.1:0",
		Matchmakers: []string{"127.0.0.1:8090"}, // retried until one answers
		Region:      "eu",
	}, zap.NewNop(), tag.Game)
	fmt.Println("ended:", err)
	// Output: ended: <nil>
}

// A program with a public port of its own mounts the handler and calls Host.
func ExampleServer_Host() {
	s, err := server.New(server.Config{PublicURL: "wss://play.example.com/eu"}, zap.NewNop(), tag.Game)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handler()) // beside handlers of the program
	probe := httptest.NewRecorder()
	mux.ServeHTTP(probe, httptest.NewRequest(http.MethodGet, "/livez", http.NoBody))
	fmt.Println("live:", probe.Code)

	ctx, stop := context.WithCancel(context.Background())
	stop() // so that this example ends
	fmt.Println("ended:", s.Host(ctx))
	// Output:
	// live: 200
	// ended: <nil>
}
