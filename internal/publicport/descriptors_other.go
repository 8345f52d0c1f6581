//go:build !unix

package publicport

func openFiles() int { return unknownOpenFiles }
