package tactuscmd

import (
	"github.com/spf13/cobra"

	"tactus/internal/publicport"
	"tactus/matchmaker"
)

// limitFlags are the flags about proxies and limits of a public port.
type limitFlags struct {
	limits  publicport.Limits
	proxies publicport.Proxies
	rates   matchmaker.Rates
	// Whole numbers for flags; the bursts follow from them.
	tickets, codes, reads int
}

// add adds the flags that all public ports have.
func (f *limitFlags) add(c *cobra.Command, exempt []string) {
	fl := c.Flags()
	fl.IntVar(&f.limits.Pending, "limit-pending", 64, "connections of one address that have sent nothing yet, and again handshakes at a time; -1: no limit")
	fl.IntVar(&f.limits.Accepts, "limit-accepts", 50, "handshakes of one address per second, ten times as many at one moment; -1: no limit")
	fl.IntVar(&f.limits.Connections, "limit-connections", 1000, "connections of one IPv4 address or IPv6 /56, a quarter for a /64; -1: no limit")
	fl.StringSliceVar(&f.limits.Exempt, "limit-exempt", exempt, "address or network (CIDR) without limits per address, such as that of a load tester; may be repeated")
	fl.StringSliceVar(&f.proxies.Trusted, "trusted-proxy", nil, "address or network (CIDR) of a proxy that names clients, or private for all private and loopback addresses; may be repeated")
	fl.BoolVar(&f.proxies.Protocol, "proxy-protocol", false, "require a PROXY header (version 1 or 2) from --trusted-proxy, and close connections of others")
}

// addRates adds the flags of ports with the matchmaker's API.
func (f *limitFlags) addRates(c *cobra.Command) {
	fl := c.Flags()
	fl.IntVar(&f.tickets, "limit-tickets", 20, "tickets, parties, rooms and changes of rooms of one address per second, 25 times as many at one moment; -1: no limit")
	fl.IntVar(&f.codes, "limit-codes", 60, "wrong room and party codes of one address per minute, and at one moment; -1: no limit")
	fl.IntVar(&f.reads, "limit-reads", 50, "other calls of one address per second, ten times as many at one moment; -1: no limit")
	fl.IntVar(&f.rates.AddressRooms, "limit-rooms", 20, "rooms of one address; -1: no limit")
	fl.IntVar(&f.rates.PlayerRooms, "limit-player-rooms", 3, "rooms of one player; -1: no limit")
	fl.IntVar(&f.rates.Watches, "limit-watches", 1000, "open watches of one address; -1: no limit")
	fl.IntVar(&f.proxies.Hops, "forwarded-hops", 0, "deprecated, use --trusted-proxy: number of proxies in front of the public port; it ends with the next release")
}

// apply gives a matchmaker its rates.
func (f *limitFlags) apply(cfg *matchmaker.Config) {
	const perMinute = 60
	r := f.rates
	r.AddressPerSecond, r.AddressBurst = float64(f.tickets), burst(f.tickets, 25)
	r.CodePerSecond, r.CodeBurst = float64(f.codes)/perMinute, burst(f.codes, 1)
	r.ReadPerSecond, r.ReadBurst = float64(f.reads), burst(f.reads, 10)
	cfg.Rates = r
}

// burst is what a rate allows at one moment; 0: the default, and no limit has any.
func burst(rate, seconds int) int {
	if rate < 0 {
		return 1
	}
	return rate * seconds
}
