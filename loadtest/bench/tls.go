//go:build linux

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"tactus/loadtest"
)

// tlsName is the comparison of TLS in the process with none.
const tlsName = "ab-tls"

// maxTLSRatio is how many times the CPU of W1 without TLS it may cost with TLS.
const maxTLSRatio = 1.30

// Files of the suite's own certificate, for 127.0.0.1: the certificate, its key, and both.
var (
	certFile = filepath.Join(cacheDir, "tls-cert.pem")
	keyFile  = filepath.Join(cacheDir, "tls-key.pem")
	bothFile = filepath.Join(cacheDir, "tls-both.pem")
)

// makeCertificate writes a certificate with a P-256 key, as most installations have.
func makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	return errors.Join(
		os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, private, 0o600),
		os.WriteFile(bothFile, append(cert, private...), 0o600),
	)
}

// compareTLS is the subcommand ab -tls.
func (s *suite) compareTLS(ctx context.Context, pairs int) error {
	if err := makeCertificate(); err != nil {
		return err
	}
	c := s.tlsComparison()
	if err := c.run(ctx, s, pairs); err != nil {
		return err
	}
	c.print(os.Stdout)
	m := c.tlsMark()
	fmt.Printf("mark: %s: %s\n", m.What, m.summary()) //nolint:forbidigo // the result of the command
	return nil
}

func (s *suite) tlsComparison() *comparison {
	c := s.comparison(tlsName, program, program)
	c.Secure = true
	return c
}

// tlsMark is the mean of the pairs, with its limit.
func (c *comparison) tlsMark() mark {
	sum := 0.0
	for _, ratio := range c.ratios() {
		sum += ratio
	}
	return atMost("CPU over TLS, times that without", sum/float64(len(c.Pairs)), maxTLSRatio)
}

// tls measures W1 without TLS, with TLS in the process, and behind proxies that end it.
func (s *suite) tls(ctx context.Context) (*result, error) {
	if err := makeCertificate(); err != nil {
		return nil, err
	}
	l := rooms(s).load
	r := s.result("tls", "W1 over TLS: in the process, and ended by a proxy in front", l.window)
	r.Rows = []row{{System: tactusName + ", no TLS", Clients: l.clients}, {System: tactusName + ", TLS in the process", Clients: l.clients}}
	of := make([][]float64, len(proxies)) // CPU of the game server behind each
	for _, p := range proxies {
		r.Rows = append(r.Rows, row{System: tactusName + " behind " + p.name, Clients: l.clients})
	}
	for range s.repeats {
		for i := range r.Rows {
			report, server, err := s.behind(ctx, i-2, l)
			if err != nil {
				return nil, err
			}
			r.Rows[i].Runs = append(r.Rows[i].Runs, report)
			if i >= 2 {
				of[i-2] = append(of[i-2], server)
			}
		}
	}
	for i, p := range proxies {
		r.Facts = append(r.Facts, fact{Name: "of it the game server behind " + p.name, Unit: "us/client/tick", Runs: of[i]})
	}
	c := s.tlsComparison()
	switch err := c.run(ctx, s, max(s.repeats, 2)); {
	case err == nil:
		r.Facts = append(r.Facts, fact{Name: "CPU over TLS in the process", Unit: "times that without TLS", Runs: c.ratios(), About: "in the same windows"})
		r.Marks = []mark{c.tlsMark()}
	case ctx.Err() != nil:
		return nil, err
	default: // the rows are kept
		r.Notes = append(r.Notes, "TLS was not compared in the same windows: "+err.Error())
	}
	r.Notes = append(r.Notes, "the CPU is that of game server and proxy, which share a core; connections between them are plain")
	return r, nil
}

// behind measures a load on a game server: number -2 without TLS, -1 with TLS, others
// behind that proxy. server is the game server's part of the CPU.
func (s *suite) behind(ctx context.Context, number int, l load) (report *loadtest.Report, server float64, err error) {
	if number < 0 {
		s.say("Tactus, TLS %v, %d clients, %v", number == -1, l.clients, l.window)
		t, err := startTactusAs(ctx, s.pins, tactusPlan{program: program, secure: number == -1})
		if err != nil {
			return nil, 0, err
		}
		defer t.stop()
		report, err = measure(ctx, t, l, s.pins.load)
		return report, 0, err
	}
	s.say("Tactus behind %s, %d clients, %v", proxies[number].name, l.clients, l.window)
	ports, err := freePorts(1)
	if err != nil {
		return nil, 0, err
	}
	t, err := startTactusAs(ctx, s.pins, tactusPlan{program: program, flags: []string{"--public-url", "wss://" + loopback(ports[0]) + "/play"}})
	if err != nil {
		return nil, 0, err
	}
	defer t.stop()
	p, err := proxies[number].start(ctx, s.pins.server, loopback(ports[0]), t.play)
	if err != nil {
		return nil, 0, err
	}
	defer p.stop()
	report, both, err := s.measureBoth(ctx, t, p, l)
	if err != nil {
		return nil, 0, err
	}
	server = *report.CPUPerClientTickUS
	*report.CPUPerClientTickUS += both
	return report, server, nil
}

// measureBoth also returns the CPU of the proxy, in microseconds per client and tick.
func (s *suite) measureBoth(ctx context.Context, t *tactusServer, p *process, l load) (report *loadtest.Report, proxy float64, err error) {
	used := make(chan float64, 1)
	go func() {
		defer close(used)
		wait := time.NewTimer(l.rampTime() + l.warmUp() + edge)
		defer wait.Stop()
		var before usage
		for i := range 2 {
			select {
			case <-wait.C:
			case <-ctx.Done():
				return
			}
			u, err := takeUsage(p.pid())
			if err != nil {
				return
			}
			if i == 1 {
				used <- (u.all - before.all).Seconds() / u.at.Sub(before.at).Seconds()
				return
			}
			before = u
			wait.Reset(l.window - 2*edge)
		}
	}()
	report, err = measure(ctx, t, l, s.pins.load)
	if err != nil {
		return nil, 0, err
	}
	share, ok := <-used
	if !ok {
		return nil, 0, fmt.Errorf("%s: its CPU time could not be read", p.name)
	}
	return report, share * 1e6 / (float64(l.clients) * float64(report.TickRate)), nil
}
