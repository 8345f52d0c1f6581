package tactuscmd

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"tactus/matchmaker"
)

// matchmaker checks the configuration of `tactus matchmaker`.
func (c *checks) matchmaker(ctx context.Context, f *matchmakerFlags) {
	c.publicPort(f.listen, f.data, &f.tls, &f.limits)
	c.address("internal", f.cfg.InternalAddr)
	c.adminPort(&f.admin)
	if isOpen(f.listen) && len(f.cfg.AllowedOrigins) == 0 {
		c.addf("--origin is not set: game servers without --origin accept players of every page; name your pages")
	}
	c.page(&f.page)
	f.apply()
	c.pair("internal-tls-cert", f.internalTLS.files.Cert, f.internalTLS.files.Key)
	c.pair("nats-cert", f.cfg.NATS.TLSFiles.Cert, f.cfg.NATS.TLSFiles.Key)
	// A group of flags with a mistake is left out, so that the others are checked, too.
	if identity, err := f.identity.config(); err != nil {
		c.add(err)
	} else {
		f.cfg.Identity = identity
	}
	c.add(f.internalTLS.apply(&f.cfg))
	c.key(f)
	c.add(matchmaker.Check(ctx, f.cfg))
}

func (c *checks) page(f *pageFlags) {
	_, err := f.handler()
	c.add(err)
	_, err = cleanBase(f.base)
	c.add(err)
}

// key checks the signing key. A folder without one gets it at the start.
func (c *checks) key(f *matchmakerFlags) {
	if _, err := os.Stat(keyPath(f.data)); errors.Is(err, fs.ErrNotExist) {
		return
	}
	key, err := loadKey(f.data)
	c.add(err)
	f.cfg.Key = key
}
