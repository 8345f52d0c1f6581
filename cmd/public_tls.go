package tactuscmd

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"tactus/internal/certificate"
)

// publicTLSFlags are the flags about TLS of the public port.
type publicTLSFlags struct {
	certs, keys []string
	ticketKeys  string
}

func (f *publicTLSFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.certs, "tls-cert", nil, "PEM file with a certificate of the public port and its chain; turns on TLS; reloaded when it changes; repeated for several names")
	fl.StringArrayVar(&f.keys, "tls-key", nil, "PEM file with the key of the --tls-cert at the same position")
	fl.StringVar(&f.ticketKeys, "tls-ticket-keys", "", "file with the keys of TLS session tickets, 32 bytes a line in hexadecimal, newest first; reloaded when it changes; for several processes behind one name")
}

var errNoTLS = errors.New("TLS is off: it needs --tls-cert and --tls-key")

// open loads the files. It returns nil, for plain text, if no certificate is given.
func (f *publicTLSFlags) open(log *zap.Logger) (*certificate.Port, error) {
	pairs, err := certificate.NewPairs(f.certs, f.keys)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	if len(pairs) == 0 {
		if f.ticketKeys != "" {
			return nil, fmt.Errorf("--tls-ticket-keys: %w", errNoTLS)
		}
		return nil, nil
	}
	port, err := certificate.NewPort(certificate.PortConfig{Pairs: pairs, TicketKeys: f.ticketKeys}, log)
	if err != nil {
		return nil, fmt.Errorf("TLS of the public port: %w", err)
	}
	return port, nil
}

// tlsConfig is the configuration of a public port, nil for plain text.
func tlsConfig(port *certificate.Port) *tls.Config {
	if port == nil {
		return nil
	}
	return port.TLSConfig()
}
