package tactuscmd

import (
	"github.com/spf13/cobra"

	"tactus/cmd/internal/config"
	"tactus/matchmaker"
)

// queueFlags are the flags about the rules of queues and about the state that
// matchmakers share.
type queueFlags struct {
	rules     []string
	record    string
	nats      matchmaker.NATS
	advertise string
}

func (f *queueFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.rules, "rules", nil, "file or folder with queue rules in YAML or JSON; may be repeated; reloaded on SIGHUP")
	fl.StringVar(&f.record, "record", "", "folder in which all searches are recorded, for tactus matchmaker rehearse")
}

// addShared adds the flags that only a matchmaker with replicas needs.
func (f *queueFlags) addShared(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.nats.URL, "nats", "", "URLs, separated by commas, of a NATS cluster with JetStream that all matchmakers share; empty: a NATS server in this process")
	config.SecretURLs(fl, "nats")
	fl.IntVar(&f.nats.Replicas, "nats-replicas", 0, "copies of each stream in the NATS cluster: 1, 3 or 5; default 3")
	fl.StringVar(&f.nats.Credentials, "nats-creds", "", "credentials file for the NATS cluster")
	fl.StringVar(&f.nats.TLSFiles.CA, "nats-ca", "", "PEM file with the authorities of the NATS cluster's certificates; turns on TLS to it")
	fl.StringVar(&f.nats.TLSFiles.Cert, "nats-cert", "", "PEM file with this matchmaker's certificate for mutual TLS to NATS; read for each new connection")
	fl.StringVar(&f.nats.TLSFiles.Key, "nats-key", "", "PEM file with the key of --nats-cert")
	fl.StringVar(&f.nats.Name, "nats-name", "", "prefix of streams and subjects, for installations that share a cluster; default tactus")
	fl.StringVar(&f.advertise, "advertise", "", "host:port at which other matchmakers and game servers reach the internal port; default: the address of --internal")
}

func (f *queueFlags) apply(cfg *matchmaker.Config, data string) {
	cfg.RulesFiles, cfg.RecordDir, cfg.NATS, cfg.AdvertiseAddr = f.rules, f.record, f.nats, f.advertise
	if f.nats.URL == "" {
		cfg.DataDir = data
	}
}
