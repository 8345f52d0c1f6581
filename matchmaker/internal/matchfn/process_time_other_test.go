//go:build !unix

package matchfn

import "time"

var begun = time.Now()

// processTime is the time that has passed: these systems offer nothing better.
func processTime() time.Duration { return time.Since(begun) }
