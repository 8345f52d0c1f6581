package publicport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

const (
	maxVersion1   = 107 // bytes of a header of version 1, its end included
	maxVersion2   = 4 << 10
	version2Fixed = 16 // bytes before the addresses

	// maxUnfinishedHeaders bounds the connections of one proxy with incomplete headers.
	maxUnfinishedHeaders = 256
)

var (
	version1Start = []byte("PROXY")
	version2Start = []byte("\r\n\r\n\x00\r\nQUIT\n")

	errNoHeader = errors.New("no PROXY header")
)

// readProxyHeader reads a PROXY header of version 1 or 2 and no byte beyond it, in
// pieces of any size. It returns the client's address, or false if the header names none:
// the proxy's own connection (LOCAL), or a client of unknown address.
func readProxyHeader(r io.Reader) (client netip.Addr, named bool, err error) {
	header, err := readHeaderBytes(r)
	if err != nil {
		return client, false, err
	}
	const familyAt, unspecified = 13, 0
	if bytes.HasPrefix(header, version2Start) && header[familyAt] == unspecified {
		return client, false, nil
	}
	parsed, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(header), len(header)))
	if err != nil {
		return client, false, fmt.Errorf("PROXY header: %w", err)
	}
	if parsed.Command.IsLocal() {
		return client, false, nil
	}
	source, ok := parsed.SourceAddr.(*net.TCPAddr)
	if !ok {
		return client, false, nil
	}
	addr := clean(source.AddrPort().Addr())
	return addr, addr.IsValid(), nil
}

// readHeaderBytes reads exactly a header.
func readHeaderBytes(r io.Reader) ([]byte, error) {
	header := make([]byte, len(version1Start), maxVersion1)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, errors.Join(errNoHeader, err)
	}
	switch {
	case bytes.Equal(header, version1Start):
		return readLine(r, header)
	case bytes.HasPrefix(version2Start, header):
		return readVersion2(r, header)
	}
	return nil, errNoHeader
}

// readLine reads a header of version 1 up to its end of line. The first bytes of TLS or
// HTTP may follow, so it reads one byte at a time.
func readLine(r io.Reader, header []byte) ([]byte, error) {
	for len(header) < maxVersion1 {
		at := len(header)
		header = header[:at+1]
		if _, err := io.ReadFull(r, header[at:]); err != nil {
			return nil, err
		}
		if header[at] == '\n' {
			return header, nil
		}
	}
	return nil, fmt.Errorf("PROXY header is longer than %d bytes", maxVersion1)
}

func readVersion2(r io.Reader, start []byte) ([]byte, error) {
	header := append(make([]byte, 0, version2Fixed), start...)
	header = header[:version2Fixed]
	if _, err := io.ReadFull(r, header[len(start):]); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(header, version2Start) {
		return nil, errNoHeader
	}
	length := int(binary.BigEndian.Uint16(header[version2Fixed-2:]))
	if length > maxVersion2 {
		return nil, fmt.Errorf("PROXY header has %d bytes, at most %d", length, maxVersion2)
	}
	header = append(header, make([]byte, length)...)
	if _, err := io.ReadFull(r, header[version2Fixed:]); err != nil {
		return nil, err
	}
	return header, nil
}
