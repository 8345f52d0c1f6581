package tactuscmd

import (
	"github.com/spf13/cobra"

	"tactus/cmd/internal/config"
	"tactus/matchmaker"
)

// queueFlags say by which rules queues match, and where they keep what they
// share with other matchmakers.
type queueFlags struct {
	rules     []string
	record    string
	nats      matchmaker.NATS
	advertise string
}

func (f *queueFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.rules, "rules", nil, "file, or folder of files, with queue rules in YAML or JSON; may be repeated; read again on SIGHUP")
	fl.StringVar(&f.record, "record", "", "folder to record all searches in, for `tactus matchmaker rehearse`")
}

// addShared adds what only a matchmaker with replicas needs.
func (f *queueFlags) addShared(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.nats.URL, "nats", "", "URLs of a NATS cluster with JetStream, shared by all matchmakers, separated by commas; empty: one in this process")
	config.SecretURLs(fl, "nats")
	fl.IntVar(&f.nats.Replicas, "nats-replicas", 0, "copies of each stream in that cluster: 1, 3 or 5; default 3")
	fl.StringVar(&f.nats.Credentials, "nats-creds", "", "credentials file of that cluster")
	fl.StringVar(&f.nats.Name, "nats-name", "", "prefix of streams and subjects, where several installations share a cluster; default tactus")
	fl.StringVar(&f.advertise, "advertise", "", "host:port of the internal port as other matchmakers and game servers reach it; default: where it listens")
}

func (f *queueFlags) apply(cfg *matchmaker.Config, data string) {
	cfg.RulesFiles, cfg.RecordDir, cfg.NATS, cfg.AdvertiseAddr = f.rules, f.record, f.nats, f.advertise
	if f.nats.URL == "" {
		cfg.DataDir = data
	}
}
