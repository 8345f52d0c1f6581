//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// proxy is a program that ends TLS in front of a game server, in one process on one
// thread, or as many as it wants of one core.
type proxy struct {
	name    string
	program string
	// config returns its configuration: it listens on one address and passes on to the
	// other.
	config func(listen, server, dir string) string
	args   func(file string) []string
}

var proxies = []proxy{
	{
		name: "nginx", program: "nginx", config: nginxConfig,
		args: func(file string) []string { return []string{"-e", "stderr", "-c", file} },
	},
	{
		name: "HAProxy", program: "haproxy", config: haproxyConfig,
		args: func(file string) []string { return []string{"-db", "-f", file} },
	},
	{
		name: "Caddy", program: "caddy", config: caddyConfig,
		args: func(file string) []string { return []string{"run", "--adapter", "caddyfile", "--config", file} },
	},
}

// start starts the proxy and waits until it listens.
func (p proxy) start(ctx context.Context, cpu, listen, server string) (*process, error) {
	dir, err := filepath.Abs(cacheDir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, p.program+".conf")
	if err := os.WriteFile(file, []byte(p.config(listen, server, dir)), 0o600); err != nil {
		return nil, err
	}
	child, err := start(p.program, cpu, p.program, p.args(file)...)
	if err != nil {
		return nil, err
	}
	if err := child.waitUntilListening(ctx, listen); err != nil {
		child.stop()
		return nil, err
	}
	return child, nil
}

func nginxConfig(listen, server, dir string) string {
	return fmt.Sprintf(`daemon off;
master_process off;
worker_processes 1;
pid %[3]s/nginx.pid;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path %[3]s/nginx-body;
	proxy_temp_path %[3]s/nginx-proxy;
	fastcgi_temp_path %[3]s/nginx-fastcgi;
	uwsgi_temp_path %[3]s/nginx-uwsgi;
	scgi_temp_path %[3]s/nginx-scgi;
	server {
		listen %[1]s ssl;
		ssl_protocols TLSv1.3;
		ssl_certificate %[3]s/tls-cert.pem;
		ssl_certificate_key %[3]s/tls-key.pem;
		location / {
			proxy_pass http://%[2]s;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection "upgrade";
			proxy_buffering off;
			proxy_read_timeout 1h;
			proxy_send_timeout 1h;
		}
	}
}
`, listen, server, dir)
}

func haproxyConfig(listen, server, dir string) string {
	return fmt.Sprintf(`global
	maxconn 4096
	nbthread 1
	ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
	mode http
	timeout connect 5s
	timeout client 1h
	timeout server 1h
	timeout tunnel 1h
frontend players
	bind %[1]s ssl crt %[3]s/tls-both.pem alpn http/1.1
	default_backend game
backend game
	server game %[2]s
`, listen, server, dir)
}

func caddyConfig(listen, server, dir string) string {
	return fmt.Sprintf(`{
	admin off
	auto_https disable_redirects
}
https://%[1]s {
	bind 127.0.0.1
	tls %[3]s/tls-cert.pem %[3]s/tls-key.pem {
		protocols tls1.3
	}
	reverse_proxy %[2]s
}
`, listen, server, dir)
}
