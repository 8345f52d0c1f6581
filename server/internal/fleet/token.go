package fleet

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// tokenFile shows the token of a file with each stream, as gRPC's per-call
// credentials. The file is read for each, so that a replaced token counts from the
// next stream on. Tokens are also for private networks without TLS.
type tokenFile string

// GetRequestMetadata implements gRPC's PerRPCCredentials.
func (f tokenFile) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := ReadToken(string(f))
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements gRPC's PerRPCCredentials.
func (f tokenFile) RequireTransportSecurity() bool { return false }

// ReadToken reads a token from a file: the last word of its first line that is
// neither empty nor begins with #. So a line of the matchmaker's file serves as well.
func ReadToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) > 2 {
			return "", fmt.Errorf("%s: a token has no spaces", path)
		}
		return fields[len(fields)-1], nil
	}
	return "", fmt.Errorf("%s holds no token", path)
}
