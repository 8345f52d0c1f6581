//go:build !unix

package publicport

import "net"

func readable(net.Conn) bool { return false }
