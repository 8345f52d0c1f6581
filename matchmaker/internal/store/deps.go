// Package store shares what matchmakers know through NATS.
package store

import (
	_ "github.com/MicahParks/keyfunc/v3"
	_ "github.com/goccy/go-yaml"
	_ "github.com/nats-io/nats-server/v2/server"
	_ "github.com/nats-io/nats.go/jetstream"
)
