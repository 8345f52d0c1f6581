package store

import (
	_ "github.com/MicahParks/keyfunc/v3"
	_ "github.com/goccy/go-yaml"
)
