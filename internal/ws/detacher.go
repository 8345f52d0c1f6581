package ws

import (
	"crypto/tls"
	"net"

	"tactus/internal/rawtls"
)

// Detacher is a net.Conn around a TCP connection that is to know when its descriptor is
// closed, also after a raw stream has taken it over.
type Detacher interface {
	net.Conn
	// Detach returns the TCP connection, nil if there is none, and the function to call
	// when its descriptor is closed. It calls that itself if it is closed instead.
	//
	// It must hold no bytes that it has read and not returned.
	Detach() (tcp *net.TCPConn, closed func())
}

// detach returns the TCP connection of c, nil if c can't be served on a raw descriptor,
// and the function to call when it is closed; nil: none.
func detach(c net.Conn) (tcp *net.TCPConn, closed func()) {
	switch c := c.(type) {
	case *net.TCPConn:
		return c, nil
	case *tls.Conn:
		if lower := rawtls.Below(c); lower != nil {
			return detach(lower)
		}
	case Detacher:
		return c.Detach()
	}
	return nil, nil
}

// lowest returns the connection below all layers, such as TLS.
func lowest(c net.Conn) net.Conn {
	for {
		layer, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = layer.NetConn()
	}
}
